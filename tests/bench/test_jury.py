from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from PIL import Image
from pydantic import ValidationError

from bench.quality.judge import Score
from bench.quality.jury import Vote, main, wilson

PLAN = {
    "seed": 3,
    "size": 32,
    "pairs": {"one": ["photo", "painting"], "two": ["photo", "painting"]},
    "systems": {"quick": {"steps": 1}, "strong": {"steps": 1, "strength": 0.9}, "outside": None},
}
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a plan, a photo, a painting and the pictures of the system that is painted elsewhere."""
    (tmp_path / "vote.json").write_text(json.dumps(PLAN))
    for name, size in (("photo", (40, 40)), ("painting", (34, 40))):
        (tmp_path / name).mkdir()
        Image.effect_noise(size, 80).convert("RGB").save(tmp_path / name / f"{name}.png")
    (tmp_path / "out").mkdir()
    for pair in ("one", "two"):
        Image.new("RGB", (32, 32), "teal").save(tmp_path / "out" / f"{pair}--outside.png")
    return tmp_path


@pytest.fixture
def jury(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that runs a command in the folder."""

    def run(command: str, *arguments: str) -> None:
        pictures = ["out", "--content", "photo", "--styles", "painting"] if command not in ("add", "count") else []
        monkeypatch.setattr(sys, "argv", ["jury", command, "vote.json", *pictures, *arguments])
        main()

    monkeypatch.chdir(folder)
    return run


def test_a_vote_goes_from_its_plan_to_shares(folder: Path, jury: Callable[..., None], capsys: Captured) -> None:
    jury("paint")
    jury("lay")
    key = json.loads((folder / "vote.json").read_text())["key"]
    assert sorted(path.stem for path in (folder / "out" / "ballots").iterdir()) == sorted(key)
    assert len(key) == 6
    first = next(number for number, ballot in key.items() if {ballot["A"], ballot["B"]} == {"quick", "strong"})
    side = "A" if key[first]["A"] == "quick" else "B"
    for name, choice in (("1.json", side), ("2.json", "=")):
        (folder / name).write_text(json.dumps({first: choice}))
    jury("add", "1.json", "2.json")
    capsys.readouterr()
    jury("count")
    assert capsys.readouterr().out == "vote: quick over strong: 1.5 of 2 = 75% (20% to 97%)\n"


def test_pictures_that_are_there_are_not_painted_again(
    folder: Path, jury: Callable[..., None], capsys: Captured
) -> None:
    (folder / "out" / "one--quick.png").write_bytes((folder / "out" / "one--outside.png").read_bytes())
    jury("paint")
    assert capsys.readouterr().out.split() == ["out/one--strong.png", "out/two--quick.png", "out/two--strong.png"]


def test_one_seed_draws_one_key_that_compares_the_systems_asked_for() -> None:
    vote = Vote.model_validate(PLAN | {"versus": [["quick", "outside"]]})
    key = vote.draw()
    assert key == vote.draw()
    assert [{ballot.A, ballot.B} for ballot in key.values()] == [{"quick", "outside"}] * 2
    assert sorted(ballot.pair for ballot in key.values()) == ["one", "two"]


def test_sides_are_drawn_by_lot() -> None:
    many = {f"pair{number}": ["photo", "painting"] for number in range(40)}
    key = Vote.model_validate(PLAN | {"pairs": many, "versus": [["quick", "strong"]]}).draw()
    assert 10 < sum(ballot.A == "quick" for ballot in key.values()) < 30


@pytest.mark.parametrize(
    "change",
    [
        {"votes": [{"001": "A"}]},
        {"versus": [["quick", "slow"]]},
        {"key": {"001": {"pair": "one", "A": "quick", "B": "strong"}}, "votes": [{"001": "left"}]},
    ],
)
def test_votes_that_belong_to_no_ballot_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Vote.model_validate(PLAN | change)


def test_the_interval_is_wilson_s() -> None:
    assert wilson(0.7, 10) == pytest.approx((0.3968, 0.8922), abs=1e-4)
    assert wilson(1.0, 5)[1] == pytest.approx(1)


def test_numbers_are_the_means_over_the_pairs(
    folder: Path, jury: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    class MeanColor:
        """A judge whose numbers are the mean of the result's red channel."""

        def __init__(self, weights_dir: Path) -> None:
            assert weights_dir == Path("weights")

        def score(self, result: Image.Image, *_: Image.Image) -> Score:
            return Score(**dict.fromkeys(Score.__annotations__, fmean(result.getchannel("R").get_flattened_data())))

    monkeypatch.setattr("bench.quality.jury.Judge", MeanColor)
    monkeypatch.setenv("NST_WEIGHTS_DIR", "weights")
    (folder / "vote.json").write_text(json.dumps(PLAN | {"systems": {"outside": None}}))
    for pair, color in (("one", (10, 0, 0)), ("two", (20, 0, 0))):
        Image.new("RGB", (16, 16), color).save(folder / "out" / f"{pair}--outside.png")
    jury("numbers")
    assert "| `outside` | 15.000 |" in capsys.readouterr().out


def test_a_sheet_has_a_row_for_each_pair_and_a_column_for_each_system(folder: Path, jury: Callable[..., None]) -> None:
    (folder / "vote.json").write_text(json.dumps(PLAN | {"systems": {"outside": None}}))
    jury("sheet")
    with Image.open(folder / "out" / "sheet.jpg") as page:
        assert page.height > 2 * 32
        assert page.width > 3 * 32
