"""What a job can use: networks, presets, built-in styles and limits."""

import io
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field

from api.builtin_styles import StyleSize
from api.docs.request_body import INPUT_MEDIA_TYPES
from api.downloads import Download
from api.long_poll import MAX_WAIT_SECONDS
from api.problems import ProblemError
from api.responses import error_responses, if_none_match_header, picture_responses, range_headers, urls_for
from api.security.auth import CallerDep, authenticate, authenticate_viewer
from api.services import ServicesDep
from api.submission.multipart import MAX_PARAMS_BYTES, MAX_STYLES
from nst_engine.images.reading import PictureLimits
from nst_engine.images.writing import WRITABLE
from nst_engine.paintings import STYLES
from nst_engine.spec.config import StyleConfig
from nst_engine.spec.layers import NETWORKS
from nst_engine.spec.presets import PRESETS

router = APIRouter(prefix="/v1", tags=["catalogue"])


class ModelView(BaseModel):
    """A network that a job can use."""

    name: str
    summary: str
    layers: list[str] = Field(description="Names of its layers, from shallow to deep.")
    roles: dict[str, str] = Field(description="The layer of each role.")
    available: bool = Field(description="Whether a live worker has its weights.")
    default: bool = Field(description="Whether it is used by default.")


class PresetView(BaseModel):
    """A named set of parameters."""

    name: str
    summary: str
    source: str
    exactness: str = Field(description="How closely it follows its source.")
    params: StyleConfig


class StyleView(BaseModel):
    """A built-in style, painted by code."""

    name: str
    title: str
    summary: str
    picture: str = Field(description="URL of the painting.")
    thumbnail: str = Field(description="URL of a small version.")


class LimitsView(BaseModel):
    """The limits of a request."""

    max_body_bytes: int
    max_file_bytes: int
    max_params_bytes: int
    max_styles: int
    max_pixels: int
    min_side: int
    max_side: int
    max_wait_seconds: int
    input_formats: list[str]
    output_formats: list[str]


class ModelsView(BaseModel):
    """The networks."""

    models: list[ModelView]


class PresetsView(BaseModel):
    """The presets and the limits of a request."""

    presets: list[PresetView]
    limits: LimitsView


class StylesView(BaseModel):
    """The built-in styles."""

    styles: list[StyleView]


@router.get("/models", summary="List networks", responses=error_responses(), dependencies=[Depends(authenticate)])
async def list_models(services: ServicesDep) -> ModelsView:
    """Return the networks with their layers, and whether a live worker has their weights."""
    available = await services.workers.models()
    default = services.job_settings.default_model
    return ModelsView(
        models=[
            ModelView(
                name=info.name,
                summary=info.summary,
                layers=list(info.layers),
                roles=dict(info.roles),
                available=info.name in available,
                default=info.name == default,
            )
            for info in NETWORKS.values()
        ]
    )


@router.get(
    "/presets",
    summary="List presets and limits",
    responses=error_responses(),
    dependencies=[Depends(authenticate)],
)
async def list_presets(services: ServicesDep) -> PresetsView:
    """Return the presets with all their parameters, and the limits of a request."""
    presets = [
        PresetView(name=p.name, summary=p.summary, source=p.source, exactness=p.exactness, params=p.config)
        for p in PRESETS.values()
    ]
    sides, settings = PictureLimits(), services.settings
    limits = LimitsView(
        max_body_bytes=settings.max_body_bytes,
        max_file_bytes=settings.max_file_bytes,
        max_params_bytes=MAX_PARAMS_BYTES,
        max_styles=MAX_STYLES,
        max_pixels=settings.max_pixels,
        min_side=sides.min_side,
        max_side=sides.max_side,
        max_wait_seconds=MAX_WAIT_SECONDS,
        input_formats=INPUT_MEDIA_TYPES,
        output_formats=list(WRITABLE),
    )
    return PresetsView(presets=presets, limits=limits)


@router.get("/styles", summary="List built-in styles", responses=error_responses())
async def list_styles(request: Request, services: ServicesDep, caller: CallerDep) -> StylesView:
    """Return the built-in styles; send the name of one as `style_name` when you create a job."""
    urls = urls_for(request, services, caller)
    return StylesView(
        styles=[
            StyleView(
                name=style.name,
                title=style.title,
                summary=style.summary,
                picture=urls.picture(f"/v1/styles/{style.name}/picture"),
                thumbnail=urls.picture(f"/v1/styles/{style.name}/thumbnail"),
            )
            for style in STYLES.values()
        ]
    )


@router.get(
    "/styles/{name}/{kind}",
    summary="Download a built-in style",
    response_class=Response,
    responses={**picture_responses("image/png"), **error_responses(404, 416)},
    dependencies=[Depends(authenticate_viewer), Depends(if_none_match_header), Depends(range_headers)],
)
async def get_style_picture(
    request: Request,
    services: ServicesDep,
    name: Annotated[str, Path(description="Name of the style.", max_length=40, examples=["waves"])],
    kind: Annotated[StyleSize, Path(description="The whole painting or a small version.")],
) -> Response:
    """Return the painting of a built-in style, which is painted when it is first requested."""
    if name not in STYLES:
        raise ProblemError(404, "style_unknown", "there is no such style")
    path = await services.builtin_styles.path(name, kind)
    data = await to_thread.run_sync(path.read_bytes)
    etag = f'"{name}-{kind}-{len(data)}"'
    download = Download(etag=etag, media_type="image/png", filename=f"{name}.png", inline=True)
    return download.not_modified(request) or download.send(request, io.BytesIO(data))
