import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from cli.main import main


@pytest.fixture(autouse=True)
def service(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_REDIS_URL", redis_url)


def test_the_secret_of_a_key_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "phone"]) == 0
    secret = capsys.readouterr().out.strip()
    assert secret.startswith("nst_")
    assert main(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert "phone" in shown
    assert secret not in shown


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m"])
def test_a_key_without_a_name_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", name]) == 2
    assert capsys.readouterr() == ("", "nst: NAME: say what the key is for, in one line of printable characters\n")


def test_the_limits_of_each_key_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "phone", "--queued", "0", "--per-day", "500"])
    main(["keys", "list"])
    assert "0 queued, 500 a day" in capsys.readouterr().out


def test_a_revoked_key_is_listed_as_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "phone"])
    key_id = capsys.readouterr().err.split()[0]
    assert main(["keys", "revoke", key_id]) == 0
    assert capsys.readouterr().out == f"{key_id} (phone) revoked\n"
    assert main(["keys", "list"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert row[header.index("REVOKED") :].startswith("20")


def test_the_first_key_says_that_the_service_is_closed_now(capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "phone"])
    first = capsys.readouterr().err
    main(["keys", "create", "tablet"])
    assert "NST_API_KEY" in first
    assert "`nst keys forget`" in first
    assert "NST_API_KEY" not in capsys.readouterr().err


def test_revoking_the_last_key_says_that_the_service_stays_closed(capsys: pytest.CaptureFixture[str]) -> None:
    ids = []
    for name in ("phone", "tablet"):
        main(["keys", "create", name])
        ids.append(capsys.readouterr().err.split()[0])
    main(["keys", "revoke", ids[0]])
    assert capsys.readouterr().err == ""
    main(["keys", "revoke", ids[1]])
    assert capsys.readouterr().err.startswith("No key is left that works, and the service stays closed:")


def test_only_revoked_keys_are_forgotten(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path))
    (tmp_path / "keys-required").touch()
    main(["keys", "create", "phone"])
    key_id = capsys.readouterr().err.split()[0]
    assert main(["keys", "forget"]) == 1
    assert capsys.readouterr().err == f"nst: {key_id} (phone) is not revoked: run `nst keys revoke {key_id}`\n"
    assert (tmp_path / "keys-required").exists()
    main(["keys", "revoke", key_id])
    assert main(["keys", "forget"]) == 0
    assert not (tmp_path / "keys-required").exists()
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("nst:key*") == []


def test_revoking_an_unknown_key_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", "k1"]) == 1
    assert capsys.readouterr().err == "nst: There is no API key k1.\n"


def test_a_redis_that_does_not_respond_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"unix://{tmp_path}/none.sock"
    monkeypatch.setenv("NST_REDIS_URL", url)
    assert main(["keys", "list"]) == 1
    assert capsys.readouterr().err == f"nst: Redis does not respond at {url}: start it, or correct NST_REDIS_URL\n"


def test_without_nst_up_the_data_folder_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NST_REDIS_URL")
    monkeypatch.setenv("NST_DATA_DIR", str(tmp_path))
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "redis.sock").touch()
    assert main(["keys", "list"]) == 1
    message = capsys.readouterr().err
    assert f"no `nst up` runs in the data folder {tmp_path}; start it, or set NST_DATA_DIR" in message


def test_each_key_has_its_own_webhook_secret(capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for name in ("phone", "tablet"):
        main(["keys", "create", name])
        key_id = capsys.readouterr().err.split()[0]
        assert main(["keys", "webhook-secret", key_id]) == 0
        shown.append(capsys.readouterr().out.strip())
    assert all(secret.startswith("whsec_") for secret in shown)
    assert len(set(shown)) == 2
    assert main(["keys", "webhook-secret", "k1"]) == 1


def test_the_usage_of_each_key_is_shown(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["keys", "create", "phone"])
    key_id = capsys.readouterr().err.split()[0]
    today = datetime.now(UTC).date()
    used = {f"{key_id}|jobs": 3, f"{key_id}|pixels": 196608, f"{key_id}|device_ms": 12500, "local|jobs": 1}
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"nst:usage:{today.toordinal() - datetime(1970, 1, 1).toordinal()}", mapping=used)
    assert main(["keys", "usage", "--days", "2"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [[str(today), key_id, "phone", "3", "196608", "12.5"], [str(today), "local", "1", "0", "0.0"]]
    assert main(["keys", "usage", "--days", "2", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown[0] == {"key": key_id, "day": str(today), "jobs": 3, "pixels": 196608, "device_seconds": 12.5}
