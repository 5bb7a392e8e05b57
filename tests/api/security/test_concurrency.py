from contextlib import ExitStack

import pytest

from api.problems import ProblemError
from api.security.concurrency import ConcurrencyLimit


def test_places_are_bounded_for_each_key_and_in_total_and_come_back() -> None:
    limit = ConcurrencyLimit("too_many", "too many", per_key=2, total=3)

    def refusal(owner: str) -> int:
        with pytest.raises(ProblemError) as caught, limit.hold(owner):
            pass
        assert "Retry-After" in (caught.value.headers or {})
        return caught.value.status

    with ExitStack() as held:
        held.enter_context(limit.hold("ann"))
        held.enter_context(limit.hold("ann"))
        assert refusal("ann") == 429
        held.enter_context(limit.hold("bob"))
        assert refusal("bob") == refusal("eve") == 503
    for owner in ("ann", "bob", "eve"):
        with limit.hold(owner):
            pass
