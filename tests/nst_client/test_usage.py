"""The usage of a key, as both clients read it."""

from datetime import date, datetime

import pytest

from nst_client import Usage
from tests.nst_client.conftest import FakeService, reply


@pytest.mark.parametrize("until", [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4)])  # a datetime is a date, too
def test_the_usage_of_a_period_is_read(service: FakeService, until: date) -> None:
    day = {"key": "k1", "day": "2026-01-02", "jobs": 3, "pixels": 12, "device_seconds": 1.5, "new": "field"}
    response = reply(200, {"usage": [day]})
    (found,) = service.responds(response).call("usage", days=31, until=until, all_keys=True)
    assert found == Usage(key="k1", day=date(2026, 1, 2), jobs=3, pixels=12, device_seconds=1.5)
    (request,) = service.requests
    assert request.url.raw_path == b"/v1/usage?days=31&until=2026-01-02&all_keys=true"
