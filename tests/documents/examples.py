"""The examples in README.md and docs/, and which of them are run.

A block of bash, python or js is run by tests/acceptance/test_documents.py, unless a comment before it says
`<!-- not run: REASON -->`; the same comment before the first heading of the second level speaks for the whole page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = {"bash", "python", "js"}
SHOWN = {"text", "json", "toml", "yaml", "ini", "nginx", "html", "dockerfile", "promql"}  # languages that are not run
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\n+\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A fenced block, and the reason why it is not run, if there is one."""

    page: Path
    line: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def examples(page: Path) -> Iterator[Example]:
    """Yield the blocks of a page."""
    text = page.read_text()
    head, mark, _ = text.partition("\n## ")
    whole = re.search(r"<!-- not run: (.+?) -->\n\n", head, re.DOTALL) if mark else None
    for block in FENCE.finditer(text):
        before = text[: block.start()]
        own = NOT_RUN.search(before)
        reason = own or whole
        yield Example(
            page=page,
            line=before.count("\n") + 1,
            language=block[1],
            text=block[2],
            reason=reason[1] if reason else None,
        )
