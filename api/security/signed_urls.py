"""Signed picture URLs, which an <img> can load without a header for a limited time."""

import hashlib
import hmac
import time
from collections.abc import Callable
from urllib.parse import urlencode


class Signer:
    """Sign paths for an owner and check the signatures."""

    def __init__(self, secret: bytes, *, seconds: int, now: Callable[[], float] = time.time) -> None:
        self._secret, self._seconds, self._now = secret, seconds, now

    def expires(self) -> int:
        """Return when a path that is signed now expires: one to two times `seconds` from now.

        The time is rounded so that the URL stays the same for a while and browsers can cache the picture.
        """
        return (int(self._now()) // self._seconds + 2) * self._seconds

    def sign(self, path: str, owner: str, expires: int) -> str:
        """Return the path with a query that grants access to it."""
        query = {"key": owner, "expires": expires, "signature": self._signature(path, owner, expires)}
        return f"{path}?{urlencode(query)}"

    def allows(self, path: str, *, owner: str, expires: int, signature: str) -> bool:
        """Tell whether the signature is valid and has not expired."""
        expected = self._signature(path, owner, expires)
        return hmac.compare_digest(expected.encode(), signature.encode()) and expires > self._now()

    def _signature(self, path: str, owner: str, expires: int) -> str:
        return hmac.new(self._secret, f"{owner}\n{expires}\n{path}".encode(), hashlib.sha256).hexdigest()
