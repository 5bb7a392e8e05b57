"""The deployment files, parsed."""

from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from cli.commands.config import all_settings
from cli.settings import PREFIX

ROOT = Path(__file__).parents[2]
Document = dict[str, Any]


def document(path: str) -> Document:
    """Read a file with one document."""
    found: Document = yaml.safe_load((ROOT / path).read_text())
    return found


def layered(*paths: str) -> Document:
    """Read compose files laid over each other, as `docker compose --file … --file …` merges ours."""
    return reduce(_merged, map(document, paths))


def _merged(below: Any, above: Any) -> Any:
    """Merge mappings by their keys, append to lists, and replace other values."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below[key], value) if key in below else value for key, value in above.items()}
    if isinstance(below, list) and isinstance(above, list):
        return [*below, *above]
    return above


def documents(folder: str) -> list[Document]:
    """Read all documents of a folder's files."""
    texts = [path.read_text() for path in sorted((ROOT / folder).glob("*.yaml"))]
    return [found for text in texts for found in yaml.safe_load_all(text)]


def no_settings(names: set[str]) -> set[str]:
    """Return the names with the prefix of settings that are no settings."""
    known = {setting.variable for setting in all_settings()}
    return {name for name in names if name.startswith(PREFIX)} - known
