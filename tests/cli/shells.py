"""Shells that are typed into, as a user does."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

NST = Path(sys.executable).with_name("nst")
PATIENCE = 60.0
# When a line can be typed the file `ready` is there; Ctrl-T writes down what the line has become, and empties it.
ZSHRC = """
PS1='> '; unsetopt beep
autoload -Uz compinit; compinit -u -d "$ZDOTDIR/dump"
{script}
zle-line-init() {{ : > "$ZDOTDIR/ready" }}
keep() {{ print -r -- "$BUFFER" >> "$ZDOTDIR/lines"; zle kill-whole-line }}
zle -N zle-line-init; zle -N keep; bindkey '^T' keep
"""


def script(shell: str) -> str:
    """Return the completion script that `nst --install-completion` puts in place."""
    return _output([str(NST)], _NST_COMPLETE=f"source_{shell}")


def typed_into_zsh(lines: list[str], folder: Path) -> list[str]:
    """Type each line and a TAB into one zsh, and return what the lines became."""
    (folder / ".zshrc").write_text(ZSHRC.format(script=script("zsh")))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe("zsh", ["zsh", "-i"], _environment(ZDOTDIR=str(folder), TERM="dumb"))
    try:
        _wait(folder / "ready", 0, terminal)
        for number, line in enumerate(lines, 1):
            os.write(terminal, f"{line}\t\x14".encode())
            _wait(folder / "lines", number, terminal)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    return [line.rstrip() for line in (folder / "lines").read_text().splitlines()]


def offered_by_fish(line: str, folder: Path) -> list[str]:
    """Return the words that fish offers for the end of a line, without what it says of them."""
    (folder / "nst.fish").write_text(script("fish"))
    ask = f"source nst.fish; complete -C '{line}'"
    told = _output(["fish", "--no-config", "-c", ask], cwd=folder, HOME=str(folder))
    return [offer.partition("\t")[0] for offer in told.splitlines()]


def _wait(file: Path, lines: int, terminal: int) -> None:
    """Wait until a file is there and has so many lines, reading what the terminal shows so that it goes on."""
    deadline = time.monotonic() + PATIENCE
    while not file.exists() or len(file.read_text().splitlines()) < lines:
        assert time.monotonic() < deadline, f"no {file.name}"
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)


def _output(command: list[str], cwd: Path | None = None, **told: str) -> str:
    return subprocess.run(
        command, env=_environment(**told), cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


def _environment(**told: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{NST.parent}{os.pathsep}{os.environ['PATH']}", **told}
