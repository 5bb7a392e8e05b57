"""The `nst` command: how an error, Ctrl-C or output that cannot be written becomes one line and an exit code.

This module imports little, so that Ctrl-C is handled before the rest is imported.

Exit codes: 0 success, 1 failure, 2 invalid input or settings, 130 Ctrl-C, 141 if the reader of a pipe has gone.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

INVALID_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
UNWRITABLE = (errno.ENOSPC, errno.EBADF, errno.EIO)  # how writing to a full or closed stdout fails
EXTRAS = {"mcp": "mcp", "obstore": "s3", "opentelemetry": "otel"}  # by module; nst[embedded] contains all others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    import typer
    from typer.exceptions import TyperException

    from cli.application import application
    from cli.errors import CommandError, InputError, install, one_line, path_problem
    from nst_engine import EngineError

    try:
        code = typer.main.get_command(application()).main(arguments, prog_name="nst", standalone_mode=False)
    except (TyperException, CommandError, EngineError) as error:
        typer.echo(f"nst: {one_line(error)}", err=True)
        return exit_code(error)
    except ModuleNotFoundError as error:  # a container image, or an installation without an extra, lacks this part
        typer.echo(f"nst: {error.name} is not installed: {install(extra_of(error))}", err=True)
        return 1
    except typer.Abort:
        return INTERRUPTED
    except SystemExit as ended:  # Typer and Rich end silently if the reader of a pipe has gone
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return report_unwritable(ended.__context__)
    except OSError as error:
        if error.filename is None and not has_current_folder():
            typer.echo("nst: the current folder has been removed; change to another one", err=True)
            return INVALID_INPUT
        if error.filename is None:
            return report_unwritable(error)
        typer.echo(f"nst: {one_line(InputError(path_problem(error.filename, error)))}", err=True)
        return INVALID_INPUT
    return code if isinstance(code, int) else 0


def extra_of(error: ModuleNotFoundError) -> str:
    """Return the extra that contains a module."""
    return EXTRAS.get(str(error.name).partition(".")[0], "embedded")


def has_current_folder() -> bool:
    """Tell whether the current folder still exists."""
    try:
        os.getcwd()  # noqa: PTH109  # pathlib calls it, too
    except FileNotFoundError:
        return False
    return True


def report_unwritable(error: OSError) -> int:
    """Say that stdout takes no more output and return the exit code; raise any other error.

    A reader of a pipe that has enough, such as `head`, is no failure.
    """
    if error.errno == errno.EPIPE:
        return BROKEN_PIPE
    if error.errno not in UNWRITABLE:
        raise error
    sys.stderr.write(f"nst: cannot write the output: {error.strerror}\n")
    return 1


def exit_code(error: Exception) -> int:
    """Return 2 for invalid input, 1 for a failure."""
    from nst_engine import ConfigError, PictureError, WeightsError

    if isinstance(error, ConfigError | PictureError | WeightsError):
        return INVALID_INPUT
    return getattr(error, "exit_code", 1)


def run() -> None:
    """Run as the installed command."""
    open_missing_streams()
    accept_any_text()
    tolerate_full_stderr()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell has had it ignored
        signal.signal(signal.SIGINT, interrupt)
    try:
        from nst_engine.machine.allocator import configure_cpu_runtime

        configure_cpu_runtime()
        code = main()
    except KeyboardInterrupt:
        code = INTERRUPTED
    sys.exit(flush_stdout(code))


def open_missing_streams() -> None:
    """Replace a closed stdin, stdout or stderr, so that no other file gets its descriptor.

    Writing to the new stdout fails, as it does to a closed one.
    """
    streams = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
    for number, (name, flags, mode) in enumerate(streams):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, flags)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def accept_any_text() -> None:
    """Let stdout take file names that are not text, and replace characters that its encoding lacks."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        errors = "surrogateescape" if sys.stdout.encoding.lower() == "utf-8" else "replace"
        sys.stdout.reconfigure(errors=errors)


class DroppingFile(io.FileIO):
    """A file that drops what it cannot write."""

    def write(self, data: Any, /) -> int:
        """Write as much as fits, and say that it was everything."""
        try:
            return super().write(data)
        except OSError:
            return len(data)


def tolerate_full_stderr() -> None:
    """Go on where stderr is full or closed at the other end: a result matters more than its progress bar."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        file = io.BufferedWriter(DroppingFile(sys.stderr.fileno(), "w", closefd=False))
        sys.stderr = io.TextIOWrapper(file, sys.stderr.encoding, sys.stderr.errors, line_buffering=True)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle Ctrl-C; end at once during an import that would turn the interrupt into another error, or lose it."""
    for name in ("torch", "numpy"):
        if getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False):
            os._exit(INTERRUPTED)
    raise KeyboardInterrupt


def flush_stdout(code: int) -> int:
    """Write what is left of the output and return the exit code: 1 if that fails after a command that succeeded.

    What cannot be written is discarded, so that Python's own flush at the end does not fail.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return code or report_unwritable(error)
    return code
