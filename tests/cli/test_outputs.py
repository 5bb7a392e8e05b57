import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from cli.outputs import FORMATS
from nst_engine.images.reading import WRITABLE

WITHOUT_PILLOW = """
import sys
from pathlib import Path
sys.modules["PIL"] = sys.modules["numpy"] = None
from cli.outputs import write_file, written_as
write_file(Path(sys.argv[1]), written_as(Path(sys.argv[1])).encode())
"""


def test_the_formats_are_those_that_the_engine_writes() -> None:
    assert set(FORMATS.values()) == set(WRITABLE)
    assert all(FORMATS[form.suffix] == name for name, form in WRITABLE.items())


def test_a_picture_from_a_service_is_written_where_nothing_can_read_it(tmp_path: Path) -> None:
    """A plain install, as operators have it, holds neither Pillow nor numpy."""
    output = tmp_path / "painted.webp"
    subprocess.run([sys.executable, "-c", WITHOUT_PILLOW, str(output)], check=True, timeout=60)
    assert output.read_bytes() == b"webp"


def test_a_name_that_cannot_be_written_is_refused_before_a_job_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "http://127.0.0.1:1"  # to send anything there would be another error
    assert main(["jobs", "submit", "photo.jpg", "waves", "-o", "out.gif", "--server", nowhere]) == 2
    assert "out.gif has none of the endings" in capsys.readouterr().err
