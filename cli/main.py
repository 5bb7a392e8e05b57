"""The `nst` command: its subcommands, and how an error becomes one line and an exit code.

Exit codes: 0 success, 1 failure, 2 invalid input or settings, 130 Ctrl-C.
"""

import sys
from collections.abc import Sequence

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
        return 130
    return code if isinstance(code, int) else 0


def exit_code(error: Exception) -> int:
    """Return 2 for invalid input, 1 for a failure."""
    from nst_engine import ConfigError, PictureError, WeightsError

    if isinstance(error, ConfigError | PictureError | WeightsError):
        return INVALID_INPUT
    return getattr(error, "exit_code", 1)


def run() -> None:
    """Run as the installed command."""
    configure_cpu_runtime()
    sys.exit(main())
