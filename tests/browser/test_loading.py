"""What the page loads, and what it needs before visitors can start."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import page_actions
from tests.browser.conftest import OpenPage
from tests.stack.stack import Stack

FOLDER = Path(__file__).parents[2] / "api" / "page"
MAX_BYTES = 200_000
# Loaded when "More options" is opened.
ADVANCED = ["js/api/openapi_fields.js", "js/form/advanced_controls.js", "js/form/mask_fields.js"]
# The views of jobs are loaded when a photo is chosen or a job is opened.
JOB_VIEWS = ["job_views", "running_view", "loss_chart", "result_view", "compare_slider", "curl_command", "failure_view"]
JOB_MASKS = "js/state/job_masks.js"  # loaded with the first job that has masks
FILMS = ["js/film/film_controls.js", "js/film/film_file.js", "js/film/film_player.js"]  # loaded with the first film
ON_DEMAND = [*ADVANCED, *FILMS, JOB_MASKS, "js/lib/clipboard.js", *(f"js/views/{name}.js" for name in JOB_VIEWS)]


def test_the_first_load_is_small_without_images(open_page: OpenPage, stack: Stack) -> None:
    page = open_page(stack.url)
    sizes = page.evaluate(SIZES)
    assert len(sizes) > 30
    assert 50_000 < sum(sizes.values()) < MAX_BYTES


# With headers. Images are what <img> elements load.
SIZES = """() => Object.fromEntries(
  [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")]
    .filter(({ initiatorType }) => initiatorType !== "img")
    .map(({ name, transferSize }) => [name, transferSize]),
)"""


def test_visitors_can_start_before_thumbnails_and_jobs_have_loaded(open_page: OpenPage, stack: Stack) -> None:
    slow = re.compile(r"/v1/(jobs|presets|models)|/thumbnail|/examples/")
    page = open_page(stack.url, prepare=lambda page: page.route(slow, lambda route: None))
    page_actions.choose_photo(page)


def test_nothing_is_loaded_from_elsewhere(kept_page: Page, stack: Stack) -> None:
    names = kept_page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert len(names) > 20
    assert [name for name in names if not name.startswith((stack.url, "blob:"))] == []


def test_the_policy_allows_no_inline_code(stack: Stack) -> None:
    policy = stack.http.get("/").headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy or "default-src 'none'" in policy


def test_every_module_is_preloaded() -> None:
    preloaded = re.findall(r'modulepreload" href="(js/[\w./]+)"', (FOLDER / "index.html").read_text())
    modules = [str(path.relative_to(FOLDER)) for path in (FOLDER / "js").rglob("*.js")]
    assert sorted([*preloaded, *ON_DEMAND, "js/main.js", "js/theme_boot.js"]) == sorted(modules)
