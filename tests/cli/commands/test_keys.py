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


def test_revoking_an_unknown_key_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", "k1"]) == 1
    assert capsys.readouterr().err == "nst: There is no API key k1.\n"


def test_a_redis_that_does_not_respond_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NST_REDIS_URL", f"unix://{tmp_path}/none.sock")
    assert main(["keys", "list"]) == 1
    assert capsys.readouterr().err == "nst: Redis does not respond: start `nst up`, or set NST_REDIS_URL\n"


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
