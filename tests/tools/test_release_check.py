import pytest

from tools.release_check import TRIALS, check_changelog


@pytest.mark.parametrize(
    "text",
    [
        "## [Unreleased]\n\n### Added\n\n- A thing.\n",
        "## [Unreleased]\n\n## [1.2.0] - 2026-11-21\n\n### Added\n\n- A thing.\n",
    ],
)
def test_a_changelog_with_entries_for_the_version_passes(text: str) -> None:
    check_changelog(text, "1.2.0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "## [Unreleased]\n\n## [1.1.0] - 2026-10-01\n\n- A thing.\n",
        "## [1.2.0] - 2026-11-21\n\n## [1.1.0]\n\n- A.\n",
    ],
)
def test_a_changelog_without_entries_for_the_version_ends_the_check(text: str) -> None:
    with pytest.raises(SystemExit, match=r"has no entries for 1\.2\.0"):
        check_changelog(text, "1.2.0")


def test_the_installation_is_tried_without_extras_and_with_each_role() -> None:
    assert [trial.extra for trial in TRIALS] == ["", "api", "worker"]
