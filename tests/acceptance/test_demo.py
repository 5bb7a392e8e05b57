import os
import pty
import signal
from pathlib import Path

import pytest
from PIL import Image

from nst_engine.paintings import paint
from tests.stack.nst_up import nst
from tests.stack.process import processes_with

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
    assert processes_with(str(tmp_path)) == set()


def test_ctrl_c_during_a_run_is_tidy(tmp_path: Path) -> None:
    """On a terminal, because a progress bar is only drawn there."""
    paint("waves", 64).save(tmp_path / "photo.png")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as screen:
        arguments = ["stylize", str(tmp_path / "photo.png"), "waves", "-o", str(tmp_path / "out.png")]
        run = nst(*arguments, "--max-size", "64", "--steps", "20000", output=screen)
    shown = b""
    try:
        while b"/20000" not in shown:
            shown += os.read(ours, 4096)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
    finally:
        run.kill()  # 20,000 steps would slow down all other tests
        os.close(ours)
    assert b"Traceback" not in shown
    assert {path.name for path in tmp_path.iterdir()} == {"photo.png"}
