"""`nst weights`: which networks' weights are here, getting those that are not, and checking them."""

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
    from cli.downloads import WeightsSettings
    from nst_engine.networks.pretrained import Release


@dataclass(frozen=True, kw_only=True)
class Found:
    """A weights file, the deepest layer that it suffices for, and what is wrong with it."""

    model: str
    path: Path
    reaches: str | None = None
    sha256: str = ""
    problem: str = ""


def commands() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Show, get and check the weights of the pretrained networks.", no_args_is_help=True)
    app.command("list")(show)
    app.command()(pull)
    app.command("verify")(inspect)
    return app


def folder() -> Path | None:
    """Return the folder of NST_WEIGHTS_DIR; without one, torch hub's cache is where files are looked for."""
    return settings().weights_dir


def settings() -> WeightsSettings:
    """Read the settings from the environment; raises InputError naming the one that cannot be used."""
    from cli.commands.config import checked
    from cli.downloads import WeightsSettings

    return checked(WeightsSettings)


def show(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """List the networks: the file each one's weights are read from, its size, the deepest layer in it."""
    from cli.terminal import console, table
    from nst_engine.spec.layers import NETWORKS

    where = folder()
    first = {name: next(files(name, where), None) for name in NETWORKS}
    if as_json:
        rows = [
            {"model": name, "file": str(f.path) if f else None, "reaches": f.reaches if f else None}
            for name, f in first.items()
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    lines = [
        (name, *(_described(f) if f else ("", "", f"not here: nst weights pull {name}"))) for name, f in first.items()
    ]
    console().print(table(("MODEL", "SIZE", "UP TO", "FILE"), lines))


def inspect(
    models: list[str] = typer.Argument(
        None, metavar="[MODEL]...", help="These alone; else all whose files are here.", autocompletion=completion.models
    ),
) -> None:
    """Check the weights files: hash, names, shapes. Exit code 1 if one of them must not be used."""
    from nst_engine.spec.layers import NETWORKS

    where = folder()
    bad = 0
    for model in _known(models or list(NETWORKS)):
        found = list(files(model, where, thorough=True))
        for file in found:
            bad += bool(file.problem)
            mark = f"sha256 {file.sha256}" if file.sha256 else "no hash to compare with"
            typer.echo(f"{model}: {file.problem or f'{file.path}: good up to {file.reaches}, {mark}'}")
        if not found and models:
            bad += 1
            typer.echo(f"{model}: not here: nst weights pull {model}")
    if bad:
        raise typer.Exit(1)


def pull(
    models: list[str] = typer.Argument(
        ..., metavar="MODEL...", help="Networks, as `nst models` names them.", autocompletion=completion.models
    ),
    all_layers: bool = typer.Option(False, help="Keep every layer, not only those that a preset needs."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress bar."),
) -> None:
    """Get networks' weights into NST_WEIGHTS_DIR, or torch hub's cache; an interrupted download goes on."""
    from nst_engine.networks.pretrained import RELEASES, deepest_needed, reaches
    from nst_engine.networks.weights import hub_folder, names
    from nst_engine.spec.layers import NETWORKS

    given = settings()
    for model in _known(models):
        if model not in RELEASES:
            raise InputError(f"{model} is part of the package: there is nothing to get")
        layer = list(NETWORKS[model].layers)[-1] if all_layers else deepest_needed(model)
        here = (f for f in files(model, given.weights_dir, thorough=True) if not f.problem)
        path = next((f.path for f in here if reaches(model, names(f.path, model), layer)), None)
        if path is None:
            path = get(RELEASES[model], given.weights_dir or hub_folder(), given, all_layers=all_layers, quiet=quiet)
        typer.echo(str(path))


def get(release: Release, where: Path, given: WeightsSettings, *, all_layers: bool, quiet: bool) -> Path:
    """Download a published file, check it, keep its layers and throw the rest away; return what was kept."""
    from nst_engine.networks.pretrained import keep

    whole, target = where / release.file, where / release.kept_file
    try:
        where.mkdir(parents=True, exist_ok=True)
        fetch(release, whole, given, quiet=quiet)
        keep(whole, target, release, all_layers=all_layers)
        whole.unlink()
    except OSError as error:
        raise CommandError(f"{error.filename or where}: {error.strerror}") from None
    return target


def fetch(release: Release, whole: Path, given: WeightsSettings, *, quiet: bool) -> None:
    """Download into `whole`; raises CommandError where the hash is not the published one, after trying afresh once."""
    import httpx

    from cli.downloads import download, download_bar
    from nst_engine.networks.weights import found_hash

    part, url = whole.with_name(f".{whole.name}.part"), release.url(given.weights_mirror)
    tries = 2 if part.exists() else 1
    with (
        httpx.Client(follow_redirects=True, timeout=given.weights_timeout_seconds) as client,
        download_bar(quiet=quiet) as bar,
    ):
        task = bar.add_task(whole.name, total=None)
        for _ in range(tries):
            download(url, part, client=client, progress=lambda n, total: bar.update(task, completed=n, total=total))
            found = found_hash(part)
            if found.startswith(release.sha256):
                part.replace(whole)
                return
            part.unlink()
    raise CommandError(
        f"{url} is not {release.file}: its SHA-256 should begin with {release.sha256}, it is {found}; it was removed"
    )


def files(model: str, where: Path | None, *, thorough: bool = False) -> Iterator[Found]:
    """Yield what is known of each file that may hold a network, best first; hashes are computed if `thorough`."""
    from nst_engine.networks.pretrained import reached, verify
    from nst_engine.networks.weights import candidates, expected_hash, found_hash, names
    from nst_engine.spec.errors import WeightsError

    for path in candidates(model, where):
        if not path.is_file():
            continue
        try:
            layer = verify(path, model) if thorough else reached(model, names(path, model))
            sha256 = found_hash(path) if thorough and expected_hash(path) else ""
            yield Found(model=model, path=path, reaches=layer, sha256=sha256)
        except WeightsError as error:
            yield Found(model=model, path=path, problem=error.message)


def _known(models: list[str]) -> list[str]:
    from nst_engine.spec.layers import NETWORKS

    for model in models:
        if model not in NETWORKS:
            raise InputError(f"no network is called {model!r}; there are {', '.join(NETWORKS)}")
    return models


def _described(found: Found) -> tuple[str, str, str]:
    size = f"{found.path.stat().st_size / 1e6:.1f} MB"
    return size, found.reaches or "nothing", found.problem or str(found.path)
