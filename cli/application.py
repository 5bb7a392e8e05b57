"""The `nst` command's tree of subcommands."""

import typer

from cli.commands import api_worker, jobs, keys, weights
from cli.commands.config import config
from cli.commands.demo import demo
from cli.commands.doctor import doctor
from cli.commands.mcp import mcp
from cli.commands.models import models
from cli.commands.presets import presets
from cli.commands.styles import styles
from cli.commands.stylize import stylize
from cli.commands.sweep import sweep
from cli.commands.up import up
from cli.commands.workers import workers
from cli.parameters import ParameterCommand


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

    `nst stylize` runs on this machine and needs no server. `nst up` starts the service: HTTP API, web page and worker.

    Settings are environment variables named NST_…; `nst config` lists them.

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
    app.command(rich_help_panel="Service")(mcp)
    app.command(rich_help_panel="Service")(workers)
    app.command(rich_help_panel="Service")(doctor)
    app.command(rich_help_panel="Service")(config)
    app.add_typer(jobs.commands(), name="jobs", rich_help_panel="Service")
    app.add_typer(jobs.asset_commands(), name="assets", rich_help_panel="Service")
    app.add_typer(keys.commands(), name="keys", rich_help_panel="Service")
    return app
