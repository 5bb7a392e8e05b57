"""Assets: pictures that are uploaded once and used by several jobs."""

from datetime import datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.docs.request_body import ASSET_BODY
from api.problems import ProblemError
from api.routes.responses import error_responses
from api.schemas import json_bytes
from api.security.auth import CallerDep
from api.services import ServicesDep
from jobs.store.assets import Asset
from jobs.timestamps import format_rfc3339

SHA256 = r"sha256:[0-9a-f]{64}"
EXAMPLE = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AssetAddress = Annotated[str, Path(description="Content address of the asset.", max_length=80, examples=[EXAMPLE])]
router = APIRouter(prefix="/v1/assets", tags=["assets"])


class AssetView(BaseModel):
    """A kept picture."""

    asset: str = Field(description="Content address; send it as `content_asset` or `style_asset`.", examples=[EXAMPLE])
    expires_at: datetime = Field(description="When the asset is removed, unless it is used before.")


@router.post(
    "",
    summary="Keep a picture",
    status_code=201,
    response_model=AssetView,
    responses={
        200: {"model": AssetView, "description": "You keep this picture already."},
        201: {"description": "The picture is kept."},
        **error_responses(400, 408, 413, 415, 429, 507),
    },
    openapi_extra=ASSET_BODY,
)
async def create_asset(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Store a picture for further jobs; the same bytes are stored once."""
    await services.rate_limits.count_create(caller.owner)
    with services.uploads.hold(caller.owner):
        await to_thread.run_sync(services.blobs.check)
        async with services.job_requests.received_picture(request) as upload:
            asset, is_new = await services.assets.keep(upload, caller.owner)
    return _response(asset, 201 if is_new else 200)


@router.get(
    "/{asset}",
    summary="Get an asset",
    response_description="The asset.",
    response_model=AssetView,
    responses=error_responses(404),
)
async def get_asset(services: ServicesDep, caller: CallerDep, asset: AssetAddress) -> Response:
    """Tell whether you keep a picture, and keep it for another time to live."""
    found = await services.assets.assets.use(caller.owner, asset.removeprefix("sha256:"))
    if found is None:
        raise _unknown()
    return _response(found, 200)


@router.delete(
    "/{asset}",
    summary="Delete an asset",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "The asset has been deleted."}, **error_responses(404)},
)
async def delete_asset(services: ServicesDep, caller: CallerDep, asset: AssetAddress) -> Response:
    """Remove a kept picture; jobs that use it keep their copy."""
    if not await services.assets.delete(caller.owner, asset.removeprefix("sha256:")):
        raise _unknown()
    return Response(status_code=204)


def _unknown() -> ProblemError:
    return ProblemError(404, "asset_unknown", "you keep no such asset")


def _response(asset: Asset, status: int) -> Response:
    body = {"asset": f"sha256:{asset.sha256}", "expires_at": format_rfc3339(asset.expires_at)}
    return Response(json_bytes(body), status_code=status, media_type="application/json")
