"""Settings of the command itself, and how any settings are read from NST_ environment variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.errors import InputError
from jobs.settings import PREFIX, Seconds, settings_problem

SECRETS = re.compile(r"(?<=://)[^/]*(?=@)|(?<=password=)[^&]*")  # in URLs; other secrets are a SecretStr
STABLE_SECONDS = 30.0  # a process that has run this long has started well

Settings = TypeVar("Settings", bound=BaseSettings)


def _readable(url: str) -> str:
    from nst_client.calls import is_service_url

    if not is_service_url(url):
        raise ValueError(
            f"{without_secrets(url)!r} is not the URL of a server; write one such as http://127.0.0.1:8000"
        )
    return url


class CommandSettings(BaseSettings):
    """Settings that only the command reads."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )


class ConnectionSettings(CommandSettings):
    """Which service `nst jobs` talks to, and with which key."""

    server: Annotated[str, AfterValidator(_readable)] = Field(
        "http://127.0.0.1:8000", description="URL of the service for `nst jobs`."
    )
    api_key: SecretStr | None = Field(None, description="API key for `nst jobs`, if the service requires one.")


class SupervisorSettings(CommandSettings):
    """When `nst up` gives up."""

    restart_limit: int = Field(
        8,
        ge=0,
        description="`nst up` exits when the API, the worker or Redis has ended this many times in a row, "
        f"each time within {STABLE_SECONDS:g} s of its start (8 times take about a minute). With 0 it never exits.",
    )


class WeightsSettings(CommandSettings):
    """Where weights are kept and downloaded from."""

    weights_dir: Path | None = Field(None, description="Folder of the network weights. Empty: torch hub's cache.")
    weights_mirror: Annotated[str, AfterValidator(_readable)] = Field(
        "https://download.pytorch.org/models",
        description="URL from which `nst weights pull` downloads the weights; a mirror must use PyTorch's file names.",
    )
    weights_timeout_seconds: Seconds = Field(
        30, description="`nst weights pull` gives up when the server sends nothing for this many seconds."
    )


def without_secrets(url: str) -> str:
    """Return a URL with its user and its passwords masked, and any other text as it is."""
    return SECRETS.sub("**********", url)


def load_settings(kind: type[Settings], **options: object) -> Settings:
    """Read settings from the environment; an option that is not None overrides its variable.

    Raises InputError naming the option or the variable whose value is invalid.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as error:
        raise InputError(settings_problem(error, given)) from None
