"""`nst styles`: list the built-in styles, or export them."""

from pathlib import Path

import typer

from cli import completion
from cli.errors import InputError, path_problem
from cli.parameters import OVERWRITE


def styles(
    folder: Path | None = typer.Argument(None, metavar="[FOLDER]", help="Export the styles to this folder."),
    only: str | None = typer.Option(
        None, "--style", metavar="NAME", help="Export this style only.", autocompletion=completion.styles
    ),
    size: int = typer.Option(512, min=16, max=4096, help="Side of each image in pixels."),
    overwrite: bool = OVERWRITE,
    seed: int = typer.Option(0, min=0, max=2**31 - 1, help="Seed; another seed gives another image of the same style."),
) -> None:
    """List the built-in styles, or export them as PNG files.

    The name of a style can be given wherever a command takes a style image.

    \b
    $ nst styles
    $ nst styles gallery --size 256
    """
    from cli.terminal import console, table
    from nst_engine.paintings import STYLES

    if only is not None and only not in STYLES:
        raise InputError(f"--style: unknown style {only!r}; choose one of {', '.join(STYLES)}")
    if folder is None:
        rows = [(style.name, style.title, style.summary) for style in STYLES.values()]
        console().print(table(("STYLE", "TITLE", "DESCRIPTION"), rows))
        return
    export(folder, [only] if only else list(STYLES), size=size, seed=seed, overwrite=overwrite)


def export(folder: Path, names: list[str], *, size: int, seed: int, overwrite: bool) -> None:
    """Paint styles into a folder and print the path of each; raises InputError if one cannot be written."""
    from cli.output.files import check_output, write_file
    from nst_engine.images.writing import encode
    from nst_engine.paintings import paint

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(path_problem(folder, error)) from None
    paths = {name: folder / f"{name}.png" for name in names}
    for path in paths.values():
        check_output(path, overwrite=overwrite)
    for name, path in paths.items():
        data = encode(paint(name, size, seed), "png", metadata={"style": name, "seed": seed})
        write_file(path, data, overwrite=overwrite)
        typer.echo(str(path))
