"""The caller of a request."""

from dataclasses import dataclass

from jobs.model import OwnerLimits
from jobs.status import Priority


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The owner of the jobs that a request may see, and what the owner may do."""

    owner: str
    operator: bool
    keyed: bool
    priority: Priority
    limits: OwnerLimits
