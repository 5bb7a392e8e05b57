"""The way to a running service: its address, the key, and how its refusals become one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.commands.config import checked
from cli.errors import CommandError, InputError
from nst_client import Client, ClientError, Retries, ServiceError


class ConnectionSettings(BaseSettings):
    """Which service `nst jobs` talks to, and as whom."""

    model_config = SettingsConfigDict(env_prefix="NST_", frozen=True, extra="ignore")

    server: str = Field("http://127.0.0.1:8000", description="Service that `nst jobs` talks to.", pattern="^https?://")
    api_key: SecretStr | None = Field(None, description="API key for `nst jobs`, where the service asks for one.")


@contextmanager
def connected(server: str | None, key: str | None) -> Iterator[Client]:
    """Talk to a service; its refusals become one line, code 2 where the request was bad."""
    settings = checked(ConnectionSettings, {"server": server, "api_key": key})
    secret = settings.api_key.get_secret_value() if settings.api_key else None
    try:
        with Client(settings.server, key=secret, retries=Retries(attempts=3)) as client:
            yield client
    except ServiceError as error:
        bad = error.status in (400, 404, 413, 415, 422)
        raise CommandError(str(error), exit_code=2 if bad else 1) from None
    except ClientError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
