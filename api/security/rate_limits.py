"""Rate limits: how many jobs one key may create, and how many wrong keys one address may try."""

from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from api.problems import ProblemError
from jobs.errors import StoreUnavailable

WINDOW_SECONDS = 60


class RateLimits:
    """Count requests in a moving window of a minute."""

    def __init__(self, storage: Storage, *, creates: int, bad_keys: int) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._creates = RateLimitItemPerMinute(creates, namespace="nst:rate")
        self._bad_keys = RateLimitItemPerMinute(bad_keys, namespace="nst:rate")

    async def count_create(self, owner: str) -> None:
        """Count an attempt to create a job; raises a 429 above the limit."""
        if not await self._hit(self._creates, "create", owner):
            raise too_many("rate_limited", f"at most {self._creates.amount} jobs may be created a minute")

    async def count_bad_key(self, address: str) -> None:
        """Count a wrong API key; raises a 429 above the limit."""
        if not await self._hit(self._bad_keys, "key", address):
            raise too_many("rate_limited", "this address has sent too many wrong API keys")

    async def _hit(self, item: RateLimitItemPerMinute, *names: str) -> bool:
        try:
            return await self._limiter.hit(item, *names)
        except (RedisError, OSError) as error:
            raise StoreUnavailable from error


def too_many(code: str, detail: str, seconds: int = WINDOW_SECONDS) -> ProblemError:
    """Make a 429."""
    return ProblemError(429, code, detail, headers={"Retry-After": str(seconds)})
