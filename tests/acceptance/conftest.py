"""One real service for the tests that do not harm it."""

from collections.abc import Iterator

import pytest

from tests.acceptance.service import Service, running


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    """Run the whole service: Redis, API and worker."""
    with running() as service:
        yield service
