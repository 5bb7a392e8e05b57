import json

import pytest

from cli.main import main
from jobs.connections import connect
from jobs.model import WorkerInfo
from jobs.settings import JobSettings
from jobs.status import Priority
from jobs.worker_registry import WorkerRegistry


@pytest.fixture(autouse=True)
def service(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_REDIS_URL", redis_url)
    monkeypatch.setenv("COLUMNS", "200")


def test_without_workers_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["workers"]) == 0
    assert capsys.readouterr().err == "no workers are running\n"


def test_a_worker_is_listed_with_device_networks_speed_and_version(
    job_settings: JobSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    info = WorkerInfo(
        id="gpu-box-7-a1b2c3",
        host="gpu-box",
        device="cuda:1",
        models=("lite", "vgg19"),
        priorities=tuple(Priority),
        speed={"vgg19": 41.26},
        version="0.3.1",
    )
    WorkerRegistry(connect(job_settings), job_settings).announce(info)
    assert main(["workers"]) == 0
    shown = capsys.readouterr().out.split()
    assert {"gpu-box-7-a1b2c3", "gpu-box", "cuda:1", "idle", "lite", "vgg19", "41.3", "0.3.1"} <= set(shown)
    assert main(["workers", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["speed"] == {"vgg19": 41.26}
