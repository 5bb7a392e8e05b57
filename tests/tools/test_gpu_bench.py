"""The benchmark for GPUs, on the CPU and at tiny sizes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench import gpu


@pytest.mark.acceptance
def test_the_benchmark_writes_both_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "gpu.md"
    monkeypatch.setattr(gpu, "SECONDS", 0.01)
    monkeypatch.setattr(gpu, "WARM_UP", 1)
    monkeypatch.setattr(sys, "argv", ["gpu", "--device", "cpu", "--tiny", "--out", str(out)])
    gpu.main()
    text = out.read_text()
    (float32,) = [line for line in text.splitlines() if line.startswith("| lite | 48 | float32 | no |")]
    assert float32.endswith("| 0 | 0 |"), "the losses are not those of the same run"
    assert "| lite | 48 | bfloat16 | no |" in text
    assert text.splitlines()[-1].startswith("| 2 | ")
