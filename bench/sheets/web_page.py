"""The screenshots of the web page in the README: `python -m bench.sheets.web_page`, a few minutes on free cores."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.page_actions import submit_button, use_example
from tests.plugins.skips import BROWSERS
from tests.stack.stack import Stack, running_stack

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "web-page"
EXAMPLES = Path(__file__).parents[2] / "api" / "page" / "examples"
EARLIER = (("astronaut", "stained-glass"), ("rocket", "flow-strokes"), ("cat", "discs"), ("astronaut", "mosaic"))
LATEST = ("cat", "waves")
WINDOW = {"width": 1280, "height": 800}
SHOWN_SHARE = 0.45  # of the steps, when the screenshot of a running job is taken
LONGEST_MILLISECONDS = 600_000


def main() -> None:
    """Paint the pictures of the history, then one on the page, and write the screenshots."""
    with running_stack() as stack, sync_playwright() as playwright:
        for photo, style in (*EARLIER, LATEST):
            files = {"content": (EXAMPLES / f"{photo}.jpg").read_bytes()}
            stack.wait_for(stack.create(files, style_name=style, max_size=256)["id"])
        program = next(filter(None, map(shutil.which, BROWSERS)))
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
        page.set_default_timeout(LONGEST_MILLISECONDS)
        page.goto(stack.url)
        page.locator(".tile img").nth(len(EARLIER)).wait_for()
        page.wait_for_load_state("networkidle")
        _save(page, "begin")
        use_example(page, "Coffee")
        submit_button(page).click()
        page.wait_for_url("**#job=*")
        _wait_for_share(page, stack)
        _save(page, "painting")
        page.locator("#download").wait_for()
        page.wait_for_load_state("networkidle")
        _save(page, "result")
        browser.close()


def _wait_for_share(page: Page, stack: Stack) -> None:
    job_id = page.url.partition("#job=")[2]
    while True:
        progress = stack.job(job_id)["progress"] or {}
        if progress.get("iteration", 0) >= SHOWN_SHARE * progress.get("total", 1):
            return
        page.wait_for_timeout(500)


def _save(page: Page, name: str) -> None:
    page.wait_for_timeout(1000)  # pictures fade in
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(FOLDER / f"{name}.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
