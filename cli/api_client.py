"""A client of a running service, configured by options and settings; its errors become one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.errors import CommandError, InputError
from cli.settings import ConnectionSettings, load_settings
from nst_client import ArgumentError, Client, ClientError, Retries, ServiceError

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
    except ServiceError as error:
        raise CommandError(str(error), exit_code=2 if error.status in REJECTED else 1) from None
    except ClientError as error:
        raise CommandError(str(error)) from None
