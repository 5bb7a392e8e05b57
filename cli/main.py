"""The `nst` command: its subcommands, and how an error becomes one line and an exit code.

Exit codes: 0 success, 1 failure, 2 invalid input or settings, 130 Ctrl-C.
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

import typer
from typer.exceptions import TyperException

from cli.commands import api_worker, jobs, keys, weights
from cli.commands.config import config
from cli.commands.demo import demo
from cli.commands.doctor import doctor
from cli.commands.models import models
from cli.commands.presets import presets
from cli.commands.styles import styles
from cli.commands.stylize import stylize
from cli.commands.sweep import sweep
from cli.commands.up import up
from cli.commands.workers import workers
from cli.errors import CommandError, one_line
from cli.parameters import ParameterCommand
from nst_engine.machine.allocator import configure_cpu_runtime

INVALID_INPUT = 2
INTERRUPTED = 130
UNWRITABLE = (errno.ENOSPC, errno.EPIPE, errno.EBADF, errno.EIO)  # how writing to a full or closed stdout fails


def version(asked: bool) -> None:
    """Print the version and exit."""
    if asked:
        from nst_engine import __version__

        typer.echo(f"nst {__version__}")
        raise typer.Exit


def root(
    version: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version."),
) -> None:
    """Neural style transfer: render a photo in the style of a painting.

    `nst stylize` runs on this machine and needs no server. `nst up` starts the service: an HTTP API, a web page and a
    worker. Settings are environment variables named NST_…; `nst config` lists them.

    \b
    $ nst stylize photo.jpg waves
    $ nst up
    """


def application() -> typer.Typer:
    """Build the command with its subcommands."""
    app = typer.Typer(
        name="nst",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(root)
    app.command(cls=ParameterCommand, rich_help_panel="Images")(stylize)
    app.command(cls=ParameterCommand, rich_help_panel="Images")(sweep)
    app.command(rich_help_panel="Images")(styles)
    app.command(rich_help_panel="Images")(presets)
    app.command(rich_help_panel="Images")(models)
    app.add_typer(weights.commands(), name="weights", rich_help_panel="Images")
    app.command(rich_help_panel="Service")(demo)
    app.command(rich_help_panel="Service")(up)
    app.command(rich_help_panel="Service")(api_worker.api)
    app.command(rich_help_panel="Service")(api_worker.worker)
    app.command(rich_help_panel="Service")(workers)
    app.command(rich_help_panel="Service")(doctor)
    app.command(rich_help_panel="Service")(config)
    app.add_typer(jobs.commands(), name="jobs", rich_help_panel="Service")
    app.add_typer(keys.commands(), name="keys", rich_help_panel="Service")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    from nst_engine import EngineError

    try:
        code = typer.main.get_command(application()).main(arguments, prog_name="nst", standalone_mode=False)
    except (TyperException, CommandError, EngineError) as error:
        typer.echo(f"nst: {one_line(error)}", err=True)
        return exit_code(error)
    except ModuleNotFoundError as error:  # a container image, or an installation without an extra, lacks this part
        typer.echo(f"nst: {error.name} is not installed; nst[embedded] installs everything", err=True)
        return 1
    except typer.Abort:
        return INTERRUPTED
    except SystemExit as ended:  # Typer and Rich end silently if the reader of a pipe has gone
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return report_unwritable(ended.__context__)
    except OSError as error:
        return report_unwritable(error)
    return code if isinstance(code, int) else 0


def report_unwritable(error: OSError) -> int:
    """Say that stdout takes no more output and return the exit code; raise any other error."""
    if error.errno not in UNWRITABLE or error.filename is not None:
        raise error
    typer.echo(f"nst: cannot write the output: {error.strerror}", err=True)
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
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the shell has had it ignored
        signal.signal(signal.SIGINT, interrupt)
    try:
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
