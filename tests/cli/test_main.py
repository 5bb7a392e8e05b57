import errno
import importlib.machinery
import inspect
import io
import os
import shlex
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.application import application
from cli.main import accept_any_text, extra_of, interrupt, main, tolerate_full_stderr
from nst_engine.paintings import paint


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the application with its words after `nst`."""
    group = group or typer.main.get_command(application())
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = dict(commands())


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    names = {path[0] for path in COMMANDS if path}
    assert {"stylize", "up", "jobs", "keys"} <= names
    assert [name for name in names if f" {name} " not in shown] == []


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_every_argument_and_every_option_has_a_help_text(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    parameters = command.get_params(command.make_context("nst", [], resilient_parsing=True))
    assert [parameter.name for parameter in parameters if not getattr(parameter, "help", None)] == []


def examples(path: tuple[str, ...]) -> list[list[str]]:
    """Return the words of each example in a command's help, without `nst`."""
    lines = [line.strip() for line in (COMMANDS[path].help or "").splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ nst ")]


@pytest.mark.parametrize("path", [path for path in COMMANDS if examples(path)], ids=" ".join)
def test_the_examples_in_the_help_are_accepted(path: tuple[str, ...]) -> None:
    for words in examples(path):
        length = next(n for n in range(len(words), 0, -1) if tuple(words[:n]) in COMMANDS)
        COMMANDS[tuple(words[:length])].make_context("nst", words[length:])  # raises a TyperException if it is wrong


def test_the_version_is_that_of_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    from nst_engine import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nst {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stylise"], "No such command 'stylise'. Did you mean 'stylize', 'styles'?"),
        (["stylize", "a.png"], "Missing argument 'STYLE...'."),
        (["up", "--port", "0"], "Invalid value for '--port': 0 is not in the range 1<=x<=65535."),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"nst: {message}\n")


LONG = "n" * 300


@pytest.mark.parametrize(
    "words",
    [
        ["stylize", LONG, "waves"],
        ["stylize", "photo.jpg", f"{LONG}.png"],
        ["stylize", "photo.jpg", "waves", "-o", f"{LONG}.png"],
        ["stylize", "photo.jpg", "waves", "-o", f"{LONG}/a.png"],
        ["stylize", "photo.jpg", "waves", "--mask", LONG],
        ["stylize", "photo.jpg", "waves", "--init-image", LONG],
        ["jobs", "submit", "photo.jpg", LONG],
        ["jobs", "submit", LONG, "waves"],
        ["assets", "put", LONG],
        ["styles", LONG],
    ],
)
def test_a_path_that_the_system_refuses_is_one_line_that_says_what_to_do(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    paint("waves", 64).save("photo.jpg")
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.endswith(": File name too long; choose a shorter name\n")
    assert error.count("\n") == 1


def test_a_folder_that_cannot_be_entered_is_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(content: str) -> list[Path]:
        raise PermissionError(errno.EACCES, "Permission denied", content)

    monkeypatch.setattr("cli.inputs.find_photos", refuse)
    assert main(["stylize", "closed/a.jpg", "waves"]) == 2
    advice = "change its permissions, or choose another path"
    assert capsys.readouterr().err == f"nst: closed/a.jpg: Permission denied; {advice}\n"


def test_a_current_folder_that_was_removed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NST_REDIS_URL", raising=False)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["keys", "list"]) == 2
    assert capsys.readouterr().err == "nst: the current folder has been removed; change to another one\n"


def test_a_full_stderr_does_not_end_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    stderr = os.fdopen(full, "w")
    monkeypatch.setattr(sys, "stderr", stderr)
    tolerate_full_stderr()
    sys.stderr.write("progress\n")
    sys.stderr.flush()
    with pytest.raises(OSError, match="No space left"):
        os.write(full, b"progress")


def test_a_missing_part_is_one_line_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The container image of the API contains no worker."""
    monkeypatch.setitem(sys.modules, "worker.main", None)
    assert main(["worker"]) == 1
    advice = "install nst[embedded] (docs/quickstart.md, Extras)"
    assert capsys.readouterr().err == f"nst: worker.main is not installed: {advice}\n"


@pytest.mark.parametrize(("module", "extra"), [("mcp.server", "mcp"), ("obstore", "s3"), ("torch", "embedded")])
def test_the_extra_of_a_module_is_known(module: str, extra: str) -> None:
    assert extra_of(ModuleNotFoundError(name=module)) == extra


def test_help_imports_nothing_slow() -> None:
    """`nst --help` must appear at once."""
    heavy = ["torch", "numpy", "PIL", "pydantic", "httpx", "celery", "redis", "fastapi"]
    code = "import sys; from cli.main import main; main(['--help']); sys.exit(str(set(sys.argv) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize(
    ("encoding", "text", "written"), [("latin-1", "a…", b"a?"), ("utf-8", "\udcff…", b"\xff\xe2\x80\xa6")]
)
def test_text_that_the_output_has_no_character_for_is_no_error(
    encoding: str, text: str, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, encoding=encoding, errors="strict"))
    accept_any_text()
    sys.stdout.write(text)
    sys.stdout.flush()
    assert output.getvalue() == written


def run(words: str, stdout: int | None) -> subprocess.CompletedProcess[str]:
    """Run `nst` in a process of its own; None closes its stdout."""
    command = f"exec {shlex.quote(sys.executable)} -m cli {words}" + (" >&-" if stdout is None else "")
    return subprocess.run(
        ["bash", "-c", command], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=120, check=False
    )


@pytest.fixture(params=["full", "closed"])
def unwritable(request: pytest.FixtureRequest) -> Iterator[int | None]:
    """Return a descriptor that takes no output: a full device, or None for a closed one."""
    if request.param == "closed":
        yield None
        return
    full = os.open("/dev/full", os.O_WRONLY)
    yield full
    os.close(full)


@pytest.mark.parametrize("words", ["--version", "--help", "models", "config --json"])
def test_output_that_cannot_be_written_is_one_line_and_code_1(words: str, unwritable: int | None) -> None:
    done = run(words, unwritable)
    assert done.stderr.startswith("nst: cannot write the output: ")
    assert done.stderr.count("\n") == 1
    assert done.returncode == 1


@pytest.mark.parametrize("words", ["--version", "--help", "models", "config --json"])
def test_a_pipe_whose_reader_has_enough_ends_the_command_silently(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = run(words, writer)
    os.close(writer)
    assert (done.stderr, done.returncode) == ("", 141)


def test_no_paragraph_of_the_help_breaks_in_the_middle_of_a_line() -> None:
    """Rich keeps the line breaks of all paragraphs but the first; examples, after a \\b, need them."""
    texts = [inspect.cleandoc(command.help or "").split("\n\n")[1:] for command in COMMANDS.values()]
    assert [text for found in texts for text in found if "\n" in text and not text.startswith("\b")] == []


def test_wrong_usage_is_reported_without_stdout() -> None:
    done = run("stylise", None)
    assert done.stderr.startswith("nst: No such command 'stylise'.")
    assert done.returncode == 2


def test_ctrl_c_during_the_import_of_torch_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt there becomes an ImportError, or the end of the process with a C++ error."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    torch = types.ModuleType("torch")
    torch.__spec__ = importlib.machinery.ModuleSpec("torch", None)
    monkeypatch.setitem(sys.modules, "torch", torch)
    for importing in (True, False):
        torch.__spec__._initializing = importing  # type: ignore[attr-defined]
        with pytest.raises(KeyboardInterrupt):
            interrupt(signal.SIGINT, None)
    assert codes == [130]
