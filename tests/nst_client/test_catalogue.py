"""The built-in styles and the presets, as both clients read them."""

import pytest

from tests.nst_client.conftest import FakeService, reply


@pytest.mark.parametrize("name", ["styles", "presets"])
def test_a_list_is_read(service: FakeService, name: str) -> None:
    item = {"name": "waves", "summary": "Waves."}
    assert service.responds(reply(200, {name: [item], "limits": {}})).call(name) == (item,)
    (request,) = service.requests
    assert request.url.path == f"/v1/{name}"
