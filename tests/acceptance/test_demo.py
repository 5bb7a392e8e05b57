from pathlib import Path

import pytest
from PIL import Image

from tests.acceptance.service import all_processes, belongs, nst

pytestmark = pytest.mark.acceptance


def test_the_demo_leaves_two_pictures_and_no_process(tmp_path: Path) -> None:
    out = tmp_path / "out"
    demo = nst("demo", "--max-size", "64", "--steps", "4", "--output", str(out), NST_TEST_MARK=str(tmp_path))
    told, _ = demo.communicate(timeout=170)
    assert demo.returncode == 0, told
    assert f"{out}/demo.png" in told
    with Image.open(out / "demo.png") as picture, Image.open(out / "demo-compare.png") as sheet:
        assert max(picture.size) == 64
        assert sheet.height == picture.height
        assert sheet.width > 2 * picture.width
    assert not {pid for pid in all_processes() if belongs(pid, str(tmp_path))}
