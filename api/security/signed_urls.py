"""Signed picture URLs: what an <img> may load without a header, for a short time."""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a signed URL carries: whose picture, until when, and the proof."""

    owner: str
    expires: int
    signature: str


class Signer:
    """Sign paths for an owner. A URL stays the same for a while, so that browsers can cache what is behind it."""

    def __init__(self, secret: bytes, *, seconds: int, now: Callable[[], float] = time.time) -> None:
        self._secret, self._seconds, self._now = secret, seconds, now

    def sign(self, path: str, owner: str) -> str:
        """Return the path with a query that grants it for between one and two times `seconds`."""
        expires = self.expires()
        query = {"key": owner, "expires": expires, "signature": self._signature(path, owner, expires)}
        return f"{path}?{urlencode(query)}"

    def expires(self) -> int:
        """Return the time until which a path signed now is good."""
        return (int(self._now()) // self._seconds + 2) * self._seconds

    def allows(self, path: str, grant: Grant) -> bool:
        """Tell whether a grant is ours, for this path and still good."""
        expected = self._signature(path, grant.owner, grant.expires)
        return hmac.compare_digest(expected.encode(), grant.signature.encode()) and grant.expires > self._now()

    def _signature(self, path: str, owner: str, expires: int) -> str:
        return hmac.new(self._secret, f"{owner}\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()
