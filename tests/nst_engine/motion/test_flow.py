from itertools import pairwise

import numpy as np
import pytest

from nst_engine.motion.cuts import is_cut
from nst_engine.motion.flow import (
    Flow,
    Frame,
    confidence,
    disocclusions,
    floats,
    flow_between,
    gray,
    motion_edges,
    out_of_frame,
    warp,
)
from tests.nst_engine.motion.scenes import moving, pan, still


def constant(x: float, y: float, size: tuple[int, int] = (6, 8)) -> Flow:
    return np.broadcast_to(np.float32([x, y]), (*size, 2)).copy()


def test_warping_reads_where_the_flow_points_to() -> None:
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    assert np.array_equal(warp(values, constant(2, 1))[:4, :5], values[1:5, 2:7])
    assert warp(values, constant(0.5, 0), smooth=False)[2, 3] == pytest.approx(19.5)


def test_a_flow_finds_the_motion_of_a_pan() -> None:
    before, now = pan(2)
    flow = flow_between(gray(now), gray(before))
    assert np.median(flow.reshape(-1, 2), 0) == pytest.approx([3, 0], abs=0.1)
    seen = confidence(flow, flow_between(gray(before), gray(now))) > 0
    gap = np.abs(warp(floats(before), flow) - floats(now))[seen]
    assert seen.mean() > 0.8 and gap.mean() < 0.01


def test_flows_that_lead_back_are_no_disocclusion() -> None:
    there, back = constant(2, 0), constant(-2, 0)
    assert not disocclusions(there, back).any()
    back[:, 4:] = 3  # |w + ŵ|² = 34 > 0.01 · (4 + 18) + 0.5
    assert np.array_equal(disocclusions(there, back)[0], [False, False, True, True, True, True, True, True])


def test_motion_edges_are_where_the_flow_changes() -> None:
    flow = constant(0, 0)
    flow[:, 4:, 0] = 1  # |∇u|² = 0.25 > 0.01 · 1 + 0.002
    assert np.array_equal(motion_edges(flow)[0], [False, False, False, True, True, False, False, False])


def test_what_lies_beyond_the_border_is_unknown() -> None:
    assert np.array_equal(out_of_frame(constant(2, 0))[0], [False] * 6 + [True] * 2)


def test_what_an_object_uncovers_is_not_trusted() -> None:
    before, now = moving(2)
    flow, back = flow_between(gray(now), gray(before)), flow_between(gray(before), gray(now))
    trusted = confidence(flow, back)
    assert trusted[:, :8].mean() > 0.95  # the ground, far away
    assert trusted.mean() < 0.99


@pytest.mark.parametrize("scene", [pan, moving, still])
def test_motion_is_no_cut(scene: object) -> None:
    frames = scene(6)  # type: ignore[operator]
    assert not any(is_cut(one, other) for one, other in pairwise(frames))


def test_another_scene_is_a_cut() -> None:
    one: Frame = pan(1)[0]
    assert is_cut(one, 255 - one)
    assert is_cut(one, pan(1, seed=9)[0])
