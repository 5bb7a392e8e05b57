"""`nst models` and `nst styles`: what there is to choose from."""

import json
from pathlib import Path

import typer

from cli import completion
from cli.errors import InputError

AS_JSON = typer.Option(False, "--json", help="Print JSON, with every value.")


def models(as_json: bool = AS_JSON) -> None:
    """List the networks and their layers."""
    from cli.terminal import console, table
    from nst_engine.spec.layers import NETWORKS

    if as_json:
        rows = [
            {"name": info.name, "summary": info.summary, "layers": list(info.layers), "roles": dict(info.roles)}
            for info in NETWORKS.values()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [(info.name, info.summary, " ".join(info.layers)) for info in NETWORKS.values()]
    console().print(table(("MODEL", "WHAT IT IS", "LAYERS"), lines))


def styles(
    folder: Path | None = typer.Argument(None, metavar="[FOLDER]", help="Write the pictures here."),
    only: str | None = typer.Option(None, "--style", help="Write this one alone.", autocompletion=completion.styles),
    size: int = typer.Option(512, min=16, max=4096, help="Side of a picture in pixels."),
    seed: int = typer.Option(0, min=0, max=2**31 - 1, help="Another seed, another picture in the same manner."),
) -> None:
    """List the built-in styles, or write them as PNG files."""
    from cli.terminal import console, table
    from nst_engine.paintings import STYLES

    if only is not None and only not in STYLES:
        raise InputError(f"--style: no style is called {only!r}; there are {', '.join(STYLES)}")
    if folder is None:
        lines = [(style.name, style.title, style.summary) for style in STYLES.values()]
        console().print(table(("STYLE", "PICTURE", "WHAT IT IS"), lines))
        return
    write_styles(folder, [only] if only else list(STYLES), size=size, seed=seed)


def write_styles(folder: Path, names: list[str], *, size: int, seed: int) -> None:
    """Paint styles into a folder, and say where each is."""
    from nst_engine.images.reading import encode
    from nst_engine.paintings import paint

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            path = folder / f"{name}.png"
            path.write_bytes(encode(paint(name, size, seed), "png", metadata={"style": name, "seed": seed}))
            typer.echo(str(path))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}") from None
