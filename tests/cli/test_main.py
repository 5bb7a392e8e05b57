import subprocess
import sys

import pytest

from cli.main import main


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in [
        "stylize",
        "styles",
        "presets",
        "models",
        "weights",
        "demo",
        "up",
        "api",
        "worker",
        "workers",
        "keys",
        "config",
    ]:
        assert f" {command} " in shown


def test_the_version_is_the_engines(capsys: pytest.CaptureFixture[str]) -> None:
    from nst_engine import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nst {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stylise"], "No such command 'stylise'. Did you mean 'stylize', 'styles'?"),
        (["stylize", "a.png"], "Missing argument 'STYLE...'."),
        (["up", "--port", "0"], "Invalid value for '--port': 0 is not in the range 1<=x<=65535."),
    ],
)
def test_bad_use_is_one_line_and_code_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", f"nst: {message}\n")


def test_a_part_that_is_not_installed_is_named_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The image of the API holds no worker."""
    monkeypatch.setitem(sys.modules, "worker.main", None)
    assert main(["worker"]) == 1
    told = "nst: worker.main is not installed here; the extra nst[embedded] brings everything\n"
    assert capsys.readouterr().err == told


def test_help_loads_nothing_heavy() -> None:
    """What makes a start slow stays out: `nst --help` answers at once."""
    heavy = ["torch", "numpy", "PIL", "pydantic", "httpx", "celery", "redis", "fastapi"]
    code = "import sys; from cli.main import main; main(['--help']); sys.exit(str(set(sys.argv) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == "set()"
