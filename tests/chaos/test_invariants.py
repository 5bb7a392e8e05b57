"""The harness reports what it is there to find."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.films import FRAMES, RATE, is_whole
from tests.chaos.invariants import Counts, count_end
from tests.chaos.journal import Line, next_line, repeated_work
from tests.chaos.recorder import History
from tests.chaos.system import Timing
from tests.nst_engine.film import clips

GOOD: dict[str, Any] = {"accepted": 2, "succeeded": 2, "running_cancel_seconds": [0.5], "queued_cancel_seconds": [0.1]}
BROKEN: list[dict[str, Any]] = [
    {"accepted": 0},
    {"not_ended": 1},
    {"ended_more_than_once": 1},
    {"records_beyond_accepted": 1},
    {"succeeded_without_readable_result": 1},
    {"results_without_record": 1},
    {"files_without_record": 1},
    {"failed_without_cause": 1},
    {"longest_recovery_seconds": 41.0},
    {"longest_repeated_work_seconds": 16.0},
    {"repeated_frames_beyond_segment": 1},
    {"running_cancel_seconds": [0.5, 4.0]},
    {"queued_cancel_seconds": [1.5]},
    {"running_cancel_seconds": []},
    {"queued_cancel_seconds": []},
]


def violations(**counts: Any) -> list[str]:
    return Counts(**{**GOOD, **counts}).violations(Timing(), kills=8, killed=8)


def test_a_run_without_violations_reports_none() -> None:
    assert violations() == []


@pytest.mark.parametrize("counts", BROKEN, ids=lambda counts: next(iter(counts)))
def test_each_broken_invariant_is_reported(counts: dict[str, Any]) -> None:
    assert len(violations(**counts)) == 1


def test_kills_that_were_not_made_are_reported() -> None:
    assert Counts(**GOOD).violations(Timing(), kills=8, killed=7) == ["7 of 8 kills were made"]


def test_a_job_without_a_record_has_not_ended() -> None:
    counts = Counts()
    count_end(counts, None, History())
    assert counts.not_ended == 1


def test_work_that_the_second_attempt_repeats_is_counted() -> None:
    lines = [Line(0.0, 7, 0, "begin", 1), *(Line(float(i), 7, i, "step", 1) for i in range(1, 6))]
    lines += [Line(9.0, 7, 3, "begin", 2), *(Line(6.0 + i, 7, i, "step", 2) for i in range(4, 7))]
    assert repeated_work(lines) == [1.0]  # iterations 4 and 5, one second apart


def test_a_film_without_one_of_its_frames_is_not_whole() -> None:
    frames = clips.pictures(FRAMES)
    twice = [*frames[:3], frames[2], *frames[4:]]
    films = [clips.video(each, rate=RATE, sound="aac") for each in (frames, frames[:-1], twice)]
    assert [is_whole(film) for film in (*films, clips.video(frames, rate=RATE))] == [True, False, False, False]


def test_a_line_of_the_journal_that_is_read_half_is_completed(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    journal.touch()

    async def write_in_parts() -> Line | None:
        waiting = asyncio.create_task(next_line(journal, "step", lambda: {7}, seconds=60))
        await asyncio.sleep(0)
        with journal.open("a") as file:
            for part in ("[1.5, 2, ", '3, "step", 7]', "\n"):
                file.write(part)
                file.flush()
                await asyncio.sleep(0.01)  # longer than the pause between two reads
        return await waiting

    assert asyncio.run(write_in_parts()) == Line(1.5, 2, 3, "step", 7)
