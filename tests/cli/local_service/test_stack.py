import socket
from pathlib import Path

import pytest

from cli.errors import InputError
from cli.local_service.stack import StackSettings, check_free, free_port, owned, roles


def settings(tmp_path: Path, **given: object) -> StackSettings:
    return StackSettings(**{"data_dir": tmp_path, "environment": {"KEPT": "yes"}, **given})  # type: ignore[arg-type]


def test_the_children_are_told_where_everything_is(tmp_path: Path) -> None:
    made = {role.name: role for role in roles(settings(tmp_path, port=8123), "unix:///r.sock")}
    assert set(made) == {"api", "worker"}
    for name, role in made.items():
        assert role.command[-1] == name
        assert role.environment["NST_REDIS_URL"] == "unix:///r.sock"
        assert role.environment["NST_DATA_DIR"] == str(tmp_path)
        assert role.environment["NST_PORT"] == "8123"
        assert role.environment["KEPT"] == "yes"


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")],
)
def test_the_address_can_be_reached_from_here(tmp_path: Path, host: str, url: str) -> None:
    assert settings(tmp_path, host=host, port=80).url == url


def test_a_data_folder_belongs_to_one_stack_at_a_time(tmp_path: Path) -> None:
    with owned(tmp_path), pytest.raises(InputError, match="in use by another"), owned(tmp_path):
        pass
    with owned(tmp_path):
        pass


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(InputError, match="cannot listen on 127"):
            check_free("127.0.0.1", listener.getsockname()[1])


def test_a_free_port_is_free() -> None:
    check_free("127.0.0.1", free_port())
