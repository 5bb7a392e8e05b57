"""Usage: what a key has used on each day."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.problems import ProblemError
from api.routes.responses import error_responses
from api.security.auth import CallerDep
from api.services import ServicesDep

router = APIRouter(prefix="/v1/usage", tags=["operation"])
MAX_DAYS = 366


def _iso_day(value: object) -> object:
    """Parse YYYY-MM-DD only: pydantic would accept a number as a time in seconds, Python the day of a week."""
    if not isinstance(value, str):
        return value
    with suppress(ValueError):
        day = date.fromisoformat(value)
        if day.isoformat() == value:
            return day
    raise ValueError("write the day as YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_iso_day)]


class DayUsageView(BaseModel):
    """What one key used on one day."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "key": "k0123456789abcdef",
                "day": "2026-01-02",
                "jobs": 12,
                "pixels": 3145728,
                "device_seconds": 96.5,
            }
        },
    )

    key: str = Field(description="Id of the API key; `local` for requests without a key.")
    day: date = Field(description="The day, in UTC.")
    jobs: int = Field(description="Jobs that were accepted on this day.")
    pixels: int = Field(
        description="Pixels of the pictures, and of all frames of the films, that were finished on this day."
    )
    device_seconds: float = Field(description="Time that jobs held a device, in attempts that ended on this day.")


class UsageView(BaseModel):
    """The usage of a period."""

    usage: list[DayUsageView] = Field(description="Oldest day first; days without usage are left out.")


@router.get("", summary="Get your usage", response_description="The usage.", responses=error_responses())
async def get_usage(
    services: ServicesDep,
    caller: CallerDep,
    days: Annotated[int, Query(description="Number of days.", ge=1, le=MAX_DAYS)] = 30,
    until: Annotated[Day | None, Query(description="The last of the days, in UTC. Default: today.")] = None,
    all_keys: Annotated[bool, Query(description="Return the usage of every key, for operators.")] = False,
) -> UsageView:
    """Return what your key has used on each day: jobs, pixels and device seconds; kept for 400 days."""
    if all_keys and not caller.operator:
        raise ProblemError(403, "operators_only", "`all_keys` needs an operator's API key")
    last = until or datetime.now(UTC).date()
    first = date.fromordinal(max(1, last.toordinal() - days + 1))
    found = await services.usage.read(first, last, owner=None if all_keys else caller.owner)
    return UsageView(usage=[DayUsageView.model_validate(item) for item in found])
