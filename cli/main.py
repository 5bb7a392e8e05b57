"""The `nst` command: which commands there are, and how an error becomes one line and an exit code.

0: done; 1: it failed; 2: bad input or a setting that cannot be used; 130: Ctrl-C.
"""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from cli.commands import api_worker, catalogue, config, jobs, keys, weights
from cli.commands.demo import demo
from cli.commands.doctor import doctor
from cli.commands.presets import presets
from cli.commands.stylize import stylize
from cli.commands.sweep import sweep
from cli.commands.up import up
from cli.commands.workers import workers
from cli.errors import CommandError, one_line
from cli.parameters import ParameterCommand
from nst_engine.machine.allocator import prepare_to_compute

BAD_INPUT = 2


def version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        from nst_engine import __version__

        typer.echo(f"nst {__version__}")
        raise typer.Exit


def root(
    version: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Show the version."),
) -> None:
    """Neural style transfer: paint a photo in the manner of a painting, here or as a service.

    Settings are read from NST_… variables; `nst config` lists them all.
    """


def application() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(
        name="nst",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(root)
    app.command(cls=ParameterCommand, rich_help_panel="Pictures")(stylize)
    app.command(cls=ParameterCommand, rich_help_panel="Pictures")(sweep)
    app.command(rich_help_panel="Pictures")(catalogue.styles)
    app.command(rich_help_panel="Pictures")(presets)
    app.command(rich_help_panel="Pictures")(catalogue.models)
    app.add_typer(weights.commands(), name="weights", rich_help_panel="Pictures")
    app.command(rich_help_panel="Service")(demo)
    app.command(rich_help_panel="Service")(up)
    app.command(rich_help_panel="Service")(api_worker.api)
    app.command(rich_help_panel="Service")(api_worker.worker)
    app.add_typer(jobs.commands(), name="jobs", rich_help_panel="Service")
    app.command(rich_help_panel="Service")(workers)
    app.add_typer(keys.commands(), name="keys", rich_help_panel="Service")
    app.command(rich_help_panel="Service")(doctor)
    app.command(name="config", rich_help_panel="Service")(config.config)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    from nst_engine.spec.errors import EngineError

    try:
        code = typer.main.get_command(application()).main(arguments, prog_name="nst", standalone_mode=False)
    except (TyperException, CommandError, EngineError) as error:
        typer.echo(f"nst: {one_line(error)}", err=True)
        return exit_code(error)
    except ModuleNotFoundError as error:  # an installation or a container image that holds a part of nst
        typer.echo(f"nst: {error.name} is not installed here; the extra nst[embedded] brings everything", err=True)
        return 1
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def exit_code(error: Exception) -> int:
    """Tell bad input (2) from a failure (1)."""
    from nst_engine.spec.errors import ConfigError, PictureError, WeightsError

    if isinstance(error, ConfigError | PictureError | WeightsError):
        return BAD_INPUT
    return getattr(error, "exit_code", 1)


def run() -> None:
    """Run as the installed command."""
    prepare_to_compute()
    sys.exit(main())
