import socket
from pathlib import Path

import pytest

from cli.errors import InputError
from cli.local_service.stack import StackSettings, check_port_free, free_port, locked, service_specs


def settings(tmp_path: Path, **given: object) -> StackSettings:
    return StackSettings(**{"data_dir": tmp_path, "environment": {"KEPT": "yes"}, **given})  # type: ignore[arg-type]


def test_the_services_are_configured_by_their_environment(tmp_path: Path) -> None:
    specs = {spec.name: spec for spec in service_specs(settings(tmp_path, port=8123), "unix:///r.sock")}
    assert set(specs) == {"api", "worker"}
    for name, spec in specs.items():
        assert spec.command[-1] == name
        assert spec.environment["NST_REDIS_URL"] == "unix:///r.sock"
        assert spec.environment["NST_DATA_DIR"] == str(tmp_path)
        assert spec.environment["NST_PORT"] == "8123"
        assert spec.environment["KEPT"] == "yes"


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")],
)
def test_the_url_is_reachable_from_this_machine(tmp_path: Path, host: str, url: str) -> None:
    assert settings(tmp_path, host=host, port=80).url == url


def test_a_data_folder_is_locked_by_one_stack_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(InputError, match="in use by another"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_a_port_in_use_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with pytest.raises(
            InputError, match=r"cannot listen on 127.*; nst may already run there, or choose another port with --port N"
        ):
            check_port_free("127.0.0.1", listener.getsockname()[1])


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(InputError, match=r"--host: nst\.invalid has no address"):
        check_port_free("nst.invalid", free_port())


def test_a_free_port_can_be_listened_on() -> None:
    check_port_free("127.0.0.1", free_port())
