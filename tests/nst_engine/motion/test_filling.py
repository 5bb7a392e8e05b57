import numpy as np
import pytest

from nst_engine.motion import filling
from nst_engine.motion.filling import filled


def test_blocks_are_found_in_parts_as_they_are_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    frame, image = (random.random((96, 120, 3), np.float32) for _ in range(2))
    shown = np.ones((96, 120), np.bool_)
    shown[30:60, 40:70] = False
    whole = filled(image, shown, frame)
    monkeypatch.setattr(filling, "CHUNK", 500)
    assert np.array_equal(filled(image, shown, frame), whole)
