"""The documents are consistent: links, the menu of the site, commands, examples."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

from bench.sheets.concepts import SHEETS
from cli.application import application
from tests.documents.examples import PAGES, ROOT, RUN, SHOWN, examples

DOCS = ROOT / "docs"
FOLDERS = ("api", "bench", "cli", "deploy", "docs", "jobs", "nst_client", "nst_engine", "tests", "tools", "worker")
COMMANDS = typer.main.get_command(application())


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text())
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_example_is_run_or_says_why_not(page: Path) -> None:
    """Otherwise an example could become wrong unnoticed."""
    found = list(examples(page))
    assert [str(example) for example in found if example.language not in RUN | SHOWN] == []
    assert len(found) * 2 == page.read_text().count("```")
    assert re.findall(r"\n\n    (?![*-]).*", page.read_text()) == [], "an indented block is not looked at: fence it"


def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "adr" / "README.md").read_text()
    pages = [path.name for path in (DOCS / "adr").glob("0*.md")]
    assert [page for page in pages if page not in index] == []


def menu(entries: list[dict[str, object]]) -> list[str]:
    """Return the pages of the site's menu."""
    pages: list[str] = []
    for target in (target for entry in entries for target in entry.values()):
        pages += menu(target) if isinstance(target, list) else [str(target)]
    return pages


def test_the_sites_menu_holds_every_page_once() -> None:
    """Zensical does not warn about a page that is missing in the menu."""
    listed = menu(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md") if page.parent.name != "adr"]
    assert sorted(listed) == sorted(["adr/README.md", *pages])


def test_the_concepts_show_every_sheet() -> None:
    page = (DOCS / "use" / "concepts.md").read_text()
    assert [name for name in SHEETS if f"(../images/concepts/{name}.jpg)" not in page] == []


def mentioned(page: Path, program: str) -> list[str]:
    """Return the commands of a program in a page's examples and between backquotes."""
    code = [line for example in examples(page) for line in example.text.replace("\\\n", " ").splitlines()]
    code += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
    return [line.strip() for line in code if re.match(rf"\s*{program} [a-zA-Z-]", line)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_are_mentioned_exist_with_their_options(page: Path) -> None:
    for line in mentioned(page, "nst"):
        words = [word for word in shlex.split(line, comments=True)[1:] if word != "…"]
        command, context = COMMANDS, COMMANDS.make_context("nst", [], resilient_parsing=True)
        while words and not words[0].startswith("-") and hasattr(command, "get_command") and words[0].islower():
            children = [command.get_command(context, word) for word in words.pop(0).split("|")]
            assert None not in children, f"{line}: no such command"
            command = children[0]
            context = command.make_context("nst", [], resilient_parsing=True)
        options = {option for parameter in command.get_params(context) for option in parameter.opts}
        unknown = [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]
        assert unknown == [], f"{line}: no such option"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_mentioned_exist(page: Path) -> None:
    paths = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", page.read_text())
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_that_are_mentioned_exist(page: Path) -> None:
    settings = DOCS / "run" / "settings.md"  # a test of its own compares it with the code
    known = "".join(
        file.read_text() for file in (settings, ROOT / "docker-compose.yml", *ROOT.glob("deploy/compose/*.yml"))
    )
    found = set(re.findall(r"(?<![$\w])NST_(?!TEST_)[A-Z0-9_]*[A-Z0-9]\b", page.read_text()))
    assert sorted(found - set(re.findall(r"NST_[A-Z0-9_]+", known))) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_targets_of_make_that_are_mentioned_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = [line.split()[1] for line in mentioned(page, "make")]
    assert [word for word in words if word not in targets] == []


def test_a_page_of_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Build the site as `make docs` does; a broken link or anchor fails the build."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    zensical = Path(sys.executable).with_name("zensical")
    done = subprocess.run(
        [str(zensical), "build", "--strict"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    loaded = re.compile(r"<(?:script|img|link rel=\"?stylesheet)[^>]*(?:src|href)=[\"']?(?:https?:)?//")
    assert [str(page) for page in pages if loaded.search(page.read_text())] == []
