"""Real shells with completion: lines are typed, TAB is pressed."""

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
# The file `ready` appears when zsh accepts input. Ctrl-T appends the current line to the file `lines` and clears it.
ZSHRC = """
PS1='> '; unsetopt beep
autoload -Uz compinit; compinit -u -d "$ZDOTDIR/dump"
{script}
zle-line-init() {{ : > "$ZDOTDIR/ready" }}
keep() {{ print -r -- "$BUFFER" >> "$ZDOTDIR/lines"; zle kill-whole-line }}
zle -N zle-line-init; zle -N keep; bindkey '^T' keep
"""


def script(shell: str) -> str:
    """Return the completion script that `nst --install-completion` installs."""
    return _output([str(NST)], _NST_COMPLETE=f"source_{shell}")


def typed_into_zsh(lines: list[str], folder: Path) -> list[str]:
    """Type each line and a TAB into one zsh, and return the completed lines."""
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
    """Return the completions that fish offers for the end of a line, without their descriptions."""
    (folder / "nst.fish").write_text(script("fish"))
    ask = f"source nst.fish; complete -C '{line}'"
    shown = _output(["fish", "--no-config", "-c", ask], cwd=folder, HOME=str(folder))
    return [offer.partition("\t")[0] for offer in shown.splitlines()]


def _wait(file: Path, lines: int, terminal: int) -> None:
    """Wait until a file has this many lines; read the terminal meanwhile, so that the shell is not blocked."""
    deadline = time.monotonic() + PATIENCE
    while not file.exists() or len(file.read_text().splitlines()) < lines:
        assert time.monotonic() < deadline, f"no {file.name}"
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)


def _output(command: list[str], cwd: Path | None = None, **variables: str) -> str:
    return subprocess.run(
        command, env=_environment(**variables), cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout


def _environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PATH": f"{NST.parent}{os.pathsep}{os.environ['PATH']}", **variables}
