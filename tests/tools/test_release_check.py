import pytest

from tools.release_check import TRIALS, check_changelog


@pytest.mark.parametrize(
    "text",
    [
        "## [Unreleased]\n\n### Added\n\n- A thing.\n",
        "## [Unreleased]\n\n## [1.2.0] - 2026-11-21\n\n### Added\n\n- A thing.\n",
    ],
)
def test_a_changelog_that_tells_of_the_version_is_good(text: str) -> None:
    check_changelog(text, "1.2.0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "## [Unreleased]\n\n## [1.1.0] - 2026-10-01\n\n- A thing.\n",
        "## [1.2.0] - 2026-11-21\n\n## [1.1.0]\n\n- A.\n",
    ],
)
def test_one_that_does_not_ends_the_check(text: str) -> None:
    with pytest.raises(SystemExit, match=r"says nothing of 1\.2\.0"):
        check_changelog(text, "1.2.0")


def test_every_way_of_installing_it_is_tried() -> None:
    assert [trial.extra for trial in TRIALS] == ["", "api", "worker"]
