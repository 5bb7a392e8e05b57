import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from cli.outputs import FORMATS
from nst_engine.images.writing import WRITABLE

WITHOUT_PILLOW = """
import sys
from pathlib import Path
sys.modules["PIL"] = sys.modules["numpy"] = None
from cli.outputs import write_file, image_format
write_file(Path(sys.argv[1]), image_format(Path(sys.argv[1])).encode())
"""


def test_the_formats_are_those_of_the_engine() -> None:
    assert set(FORMATS.values()) == set(WRITABLE)
    assert all(FORMATS[form.suffix] == name for name, form in WRITABLE.items())


def test_a_downloaded_image_is_written_without_pillow(tmp_path: Path) -> None:
    """A plain installation has neither Pillow nor numpy."""
    output = tmp_path / "painted.webp"
    subprocess.run([sys.executable, "-c", WITHOUT_PILLOW, str(output)], check=True, timeout=60)
    assert output.read_bytes() == b"webp"


def test_an_unknown_format_is_refused_before_a_job_is_submitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "http://127.0.0.1:1"  # connecting would fail with another error
    assert main(["jobs", "submit", "photo.jpg", "waves", "-o", "out.gif", "--server", nowhere]) == 2
    assert "out.gif must end in one of" in capsys.readouterr().err
