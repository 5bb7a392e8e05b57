"""Which release is newer."""

import pytest

from jobs.versions import name_of, rank


def test_minor_versions_count_and_patches_do_not() -> None:
    assert rank("0.1.0") == rank("0.1.9") < rank("0.2.0") < rank("0.10.0") < rank("1.0.0")


@pytest.mark.parametrize("text", ["", "next"])
def test_what_is_no_release_is_the_oldest(text: str) -> None:
    assert rank(text) == 0


def test_a_rank_is_shown_as_its_release() -> None:
    assert name_of(rank("1.12.3")) == "1.12"
