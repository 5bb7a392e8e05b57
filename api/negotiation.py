"""Which format a picture is sent in: `?format=` first, then `Accept`, else as it is kept."""

from api.problems import ProblemError
from nst_engine.images.reading import WRITABLE

BY_TYPE = {form.media_type: name for name, form in WRITABLE.items()}


def chosen_format(stored: str, *, query: str | None, accept: str | None) -> str:
    """Return the name of the format to send; raises a 406 if no accepted format can be made."""
    if query is not None:
        return query
    if not accept:
        return stored
    wishes = _wishes(accept)
    names = [stored, *(name for name in WRITABLE if name != stored)]
    best = max(names, key=lambda name: _quality(WRITABLE[name].media_type, wishes))
    if _quality(WRITABLE[best].media_type, wishes) <= 0:
        raise ProblemError(406, "not_acceptable", f"pictures come as {', '.join(BY_TYPE)}")
    return best


def _wishes(accept: str) -> dict[str, float]:
    found = {}
    for item in accept.split(",")[:50]:
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        found[kind] = _weight(parameters)
    return found


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _quality(media_type: str, wishes: dict[str, float]) -> float:
    """Return how welcome a type is; the most specific wish counts."""
    for kind in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        if kind in wishes:
            return wishes[kind]
    return 0.0
