"""One real service for all tests that leave it running."""

from collections.abc import Iterator

import pytest

from tests.stack.nst_up import NstUp, running_nst_up


@pytest.fixture(scope="session")
def service() -> Iterator[NstUp]:
    """Run the whole service: Redis, API and worker."""
    with running_nst_up() as service:
        yield service
