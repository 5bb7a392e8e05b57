"""What is painted of a film: its frame rate and its part; loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from nst_engine.spec.config import problems_of, wrong
from nst_engine.spec.errors import ConfigError

MAX_RATE = 60.0  # frames a second


def _option(description: str, **bounds: Any) -> Any:
    return Field(default=None, description=description, **bounds)


class FilmOptions(BaseModel):
    """The part of a film that is painted. In files and requests, `start` and `end` are called `from` and `to`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)

    fps: float | None = _option(
        "Frames a second that are painted, and that the result has; that of the film by default.", ge=1, le=MAX_RATE
    )
    start: float | None = _option("Second of the film at which the painted part starts.", alias="from", ge=0)
    end: float | None = _option("Second of the film at which the painted part ends.", alias="to", gt=0)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Validate `values`; raises one ConfigError that names every problem."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError.of(*problems_of(error)) from None

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.end is not None and self.end <= (self.start or 0):
            raise wrong("to", "must be later than from")
        return self
