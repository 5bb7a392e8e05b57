"""Authentication: a caller shows an API key or a signed picture URL or, while no key exists, is this machine."""

from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import ProblemError
from api.security.caller import Caller
from api.security.keyless_access import unauthorized
from api.services import ServicesDep
from jobs.model import OwnerLimits
from jobs.status import Priority

LOCAL = "local"  # the owner of every job that was created without a key

bearer = HTTPBearer(auto_error=False, scheme_name="api_key", description="`Authorization: Bearer nst_…`")
BearerDep = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


async def authenticate(request: Request, services: ServicesDep, credentials: BearerDep) -> Caller:
    """Return the caller; raises a 401 or 403."""
    if credentials is None:
        await services.keyless_access.check(request)
        return Caller(owner=LOCAL, operator=True, keyed=False, priority=Priority.INTERACTIVE, limits=OwnerLimits())
    key = await services.api_keys.find(credentials.credentials)
    if key is None:
        await services.rate_limits.count_bad_key(request.client.host if request.client else "-")
        raise unauthorized("the API key is not valid")
    services.keyless_access.key_was_used()
    request.scope["nst.owner"] = key.id
    return Caller(owner=key.id, operator=key.operator, keyed=True, priority=key.priority, limits=key.limits)


CallerDep = Annotated[Caller, Depends(authenticate)]


async def require_operator(caller: CallerDep) -> None:
    """Refuse callers who are not operators."""
    if not caller.operator:
        raise ProblemError(403, "operators_only", "this needs an operator's API key")


async def authenticate_viewer(
    request: Request,
    services: ServicesDep,
    credentials: BearerDep,
    key: Annotated[str | None, Query(description="Part of a signed URL.", max_length=40)] = None,
    expires: Annotated[int | None, Query(description="Part of a signed URL.", ge=0, lt=2**53)] = None,
    signature: Annotated[str | None, Query(description="Part of a signed URL.", max_length=64)] = None,
) -> Caller:
    """Return who wants to see a picture, by API key or signed URL; raises a 401 or 403."""
    if credentials is not None or key is None or expires is None or signature is None:
        return await authenticate(request, services, credentials)
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    if not services.signer.allows(path, owner=key, expires=expires, signature=signature):
        raise unauthorized("the signed URL is not valid or has expired")
    if not await services.api_keys.is_active(key):
        raise unauthorized("the key of the signed URL was revoked")
    request.scope["nst.owner"] = key
    return Caller(owner=key, operator=False, keyed=True, priority=Priority.BATCH, limits=OwnerLimits())


ViewerDep = Annotated[Caller, Depends(authenticate_viewer)]
