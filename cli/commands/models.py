"""`nst models`: list the networks."""

import json

import typer


def models(as_json: bool = typer.Option(False, "--json", help="Print JSON, with the role of each layer.")) -> None:
    """List the networks and their layers, for `--model`, `--content-layers` and `--style-layers`."""
    from cli.terminal import console, table
    from nst_engine import NETWORKS

    if as_json:
        rows = [
            {"name": info.name, "summary": info.summary, "layers": list(info.layers), "roles": dict(info.roles)}
            for info in NETWORKS.values()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [(info.name, info.summary, " ".join(info.layers)) for info in NETWORKS.values()]
    console().print(table(("MODEL", "DESCRIPTION", "LAYERS"), lines))
