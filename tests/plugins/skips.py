"""Skips tests that the machine cannot run, for three reasons. In CI, any other skip is a failure.

The summary says in one line which programs the machine lacks, and how to install them.
"""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

# The shell has no windows and needs less than half the time of the others.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
NO_BROWSER = "no Chromium on PATH"
SHELLS = ("zsh", "fish")
NO_SHELLS = "zsh or fish is not on PATH"
NO_SHARED = "no ../shared folder with sample data"
REMEDIES = {
    NO_BROWSER: "need Chromium (on Debian: apt-get install chromium-headless-shell)",
    NO_SHELLS: "need zsh and fish (on Debian: apt-get install zsh fish)",
}


def _skip_reasons(root: Path) -> dict[str, str]:
    """Return the markers whose tests cannot run on this machine, with the reasons."""
    reasons = {}
    if not any(shutil.which(name) for name in BROWSERS):
        reasons["browser"] = NO_BROWSER
    if not all(shutil.which(name) for name in SHELLS):
        reasons["shells"] = NO_SHELLS
    if not (root.parent / "shared").is_dir():
        reasons["shared"] = NO_SHARED
    return reasons


def _is_unaccepted_skip(report: pytest.TestReport | pytest.CollectReport, allowed: set[str]) -> bool:
    """Tell whether a report is a skip that CI does not accept."""
    if not report.skipped or hasattr(report, "wasxfail") or not os.environ.get("CI"):
        return False
    return not any(reason in str(report.longrepr) for reason in allowed)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for marker, reason in _skip_reasons(config.rootpath).items():
        for item in items:
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _is_unaccepted_skip(report, set(_skip_reasons(item.config.rootpath).values())):
        report.outcome, report.longrepr = "failed", f"skipped in CI without a stated reason: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _is_unaccepted_skip(report, set(_skip_reasons(collector.config.rootpath).values())):
        report.outcome, report.longrepr = "failed", f"skipped in CI without a stated reason: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which programs the machine lacks; with xdist, only the controller has a terminal and all reports."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    counts = {reason: sum(reason in text for text in skipped) for reason in REMEDIES}
    lacking = [f"{count} {REMEDIES[reason]}" for reason, count in counts.items() if count]
    if lacking:
        terminalreporter.write_line(f"Skipped tests: {', '.join(lacking)}.")
