"""`nst weights`: the pretrained networks' files: which are here, and getting those that are not."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import typer

from cli.errors import CommandError, InputError


def commands() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Show and get the weights of the pretrained networks.", no_args_is_help=True)
    app.command("list")(show)
    app.command()(pull)
    return app


def folder() -> Path | None:
    """Return the folder of NST_WEIGHTS_DIR; without one, torch hub's cache is where files are looked for."""
    given = os.environ.get("NST_WEIGHTS_DIR")
    return Path(given) if given else None


def show() -> None:
    """List the networks, and the file that each one's weights would be read from."""
    from cli.terminal import console, table
    from nst_engine.layers import NETWORKS
    from nst_engine.weights import candidates

    rows = []
    for name in NETWORKS:
        path = next((path for path in candidates(name, folder()) if path.is_file()), None)
        rows.append((name, str(path) if path else f"not here: nst weights pull {name}"))
    console().print(table(("MODEL", "FILE"), rows))


def pull(
    model: str = typer.Argument(..., help="The network, as `nst models` names it."),
    mirror: str | None = typer.Option(
        None, envvar="NST_WEIGHTS_MIRROR", help="Address that holds the same file names, instead of PyTorch's."
    ),
) -> None:
    """Download a network's weights into NST_WEIGHTS_DIR, or torch hub's cache; an interrupted download goes on."""
    import torch

    from nst_engine.weights import HUB_FILES

    if model == "lite":
        raise InputError("lite is part of the package: there is nothing to get")
    if model not in HUB_FILES:
        raise InputError(f"no network is called {model!r}; there are {', '.join(HUB_FILES)}")
    name = HUB_FILES[model]
    target = (folder() or Path(torch.hub.get_dir(), "checkpoints")) / name
    if not (target.is_file() and is_whole(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        download(f"{(mirror or 'https://download.pytorch.org/models').rstrip('/')}/{name}", target)
    typer.echo(str(target))


def download(url: str, target: Path) -> None:
    """Fetch a file, going on where an earlier try ended, and check it; raises CommandError."""
    import httpx
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from cli.terminal import console

    part = target.with_name(f".{target.name}.part")
    start = part.stat().st_size if part.exists() else 0
    bar = Progress(target.name, BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console(stderr=True))
    try:
        headers = {"Range": f"bytes={start}-"} if start else {}
        with bar, httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
            answer.raise_for_status()
            start = start if answer.status_code == httpx.codes.PARTIAL_CONTENT else 0
            task = bar.add_task("", total=start + int(answer.headers.get("content-length", 0)) or None, completed=start)
            with part.open("ab" if start else "wb") as file:
                for piece in answer.iter_bytes():
                    bar.advance(task, file.write(piece))
    except (httpx.HTTPError, OSError) as error:
        raise CommandError(f"cannot get {url}: {error}") from None
    if not is_whole(part, target.name):
        part.unlink()
        raise CommandError(f"what came from {url} is not the file that its name promises (SHA-256); it was removed")
    part.replace(target)


def is_whole(path: Path, name: str | None = None) -> bool:
    """Tell whether a file's SHA-256 begins as the name of PyTorch's files says: vgg19-dcbb9e9d.pth."""
    expected = re.search(r"-([0-9a-f]{8,})\.", name or path.name)
    with path.open("rb") as file:
        return expected is None or hashlib.file_digest(file, "sha256").hexdigest().startswith(expected.group(1))
