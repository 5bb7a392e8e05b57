"""A client of a running service, configured by options and settings; its errors become one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import CommandError, InputError
from cli.settings import ConnectionSettings, load_settings
from nst_client import ArgumentError, Client, ClientError, NotReachableError, Retries, ServiceError

UNAUTHORIZED = 401
REJECTED = (400, 404, 413, 415, 422)  # the request was wrong: exit code 2


@contextmanager
def api_client(server: str | None, key: str | None) -> Iterator[Client]:
    """Connect to the service; raises CommandError if it refuses a request or does not respond."""
    settings = load_settings(ConnectionSettings, server=server, api_key=key)
    secret = settings.api_key.get_secret_value() if settings.api_key else None
    try:
        with Client(settings.server, key=secret, retries=Retries(attempts=3)) as client:
            yield client
    except ArgumentError as error:
        raise InputError(str(error)) from None
    except NotReachableError as error:
        advice = "start the service with `nst up`, or name another one with --server or NST_SERVER"
        raise CommandError(f"{error}; {advice}") from None
    except ServiceError as error:
        if error.status == UNAUTHORIZED and secret is None:
            raise CommandError("the service requires an API key: give it with --key or NST_API_KEY") from None
        raise CommandError(str(error), exit_code=2 if error.status in REJECTED else 1) from None
    except ClientError as error:
        raise CommandError(str(error)) from None
