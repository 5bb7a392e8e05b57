import tempfile
from pathlib import Path

import pytest

from cli.local_service.redis_server import NoRedisError, prepare_folder
from jobs.connections import connect
from jobs.queue import make_celery
from jobs.settings import JobSettings
from tests.stack.redis import running_redis


@pytest.mark.parametrize("name", ["50%20off", "a#b?c", "ä ö", "a;b\n~$c|d&e\t", 'quote\'d "x"', "a@b:c"])
def test_the_service_and_its_queue_connect_whatever_the_folder_is_called(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="nst-") as short, running_redis(Path(short) / name) as files:
        settings = JobSettings(redis_url=files.url)
        with connect(settings) as client:
            assert client.ping()
        with make_celery(settings).connection_for_write(connect_timeout=2) as connection:
            assert connection.channel().client.ping()


def test_a_folder_that_no_url_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoRedisError, match="is not UTF-8"):
        prepare_folder(tmp_path / "\udcff")
