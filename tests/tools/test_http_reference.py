from pathlib import Path

from tools.http_reference import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert page() + "\n" == (DOCS / "use" / "http-reference.md").read_text(), "run: make reference"
