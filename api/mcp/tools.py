"""The tools that an agent gets over the Model Context Protocol: what the service offers, jobs and results.

`nst mcp` serves them over stdio for a service elsewhere, the API at /mcp for itself.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from nst_client import AsyncClient, ClientError, WaitedTooLongError
from nst_client.calls import ASSETS, URLS
from nst_engine.version import __version__

INSTRUCTIONS = """Stylize photos in the style of paintings (neural style transfer).
Call list_styles and list_presets to see what there is, stylize to start a job, get_job until its status is succeeded,
and get_result to see the picture."""
# The client reads files that these name, so they must not be among `parameters`. Any other parameter goes to the API,
# which accepts those of its schema only.
PICTURES = frozenset({"content", "style", "style_name", "masks", "style_masks", "init_image"})
MAX_WAIT_SECONDS = 60.0
SUMMARY = ("id", "status", "queue_position", "waiting_for", "progress", "error", "result", "urls")

# Connects to the service as the caller of a tool, whose headers it gets; None over stdio.
Connect = Callable[[Mapping[str, str] | None], AbstractAsyncContextManager[AsyncClient]]
PICTURE = "https:// URL, data: URI, asset (sha256:...) or picture of an earlier job (job:ID/result)"


def make_server(connect: Connect, *, files: bool) -> MCPServer:
    """Make a server of the tools; with `files`, a picture may also be the path of a file on this machine."""
    # The tools never change, and the stream of a subscription to changes would have no end.
    server = MCPServer("nst", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING", subscriptions=False)
    for tool in (_list_styles, _list_presets, _get_job, _get_result):
        server.add_tool(tool(connect), structured_output=False)
    server.add_tool(_stylize(connect, files=files), structured_output=False)
    return server


Tool = Callable[..., Any]


def _list_styles(connect: Connect) -> Tool:
    async def list_styles(context: Context) -> list[dict[str, Any]]:
        """List the built-in styles: pass the name of one to stylize as style_name."""
        async with _connected(connect, context) as client:
            return [{name: style[name] for name in ("name", "title", "summary")} for style in await client.styles()]

    return list_styles


def _list_presets(connect: Connect) -> Tool:
    async def list_presets(context: Context) -> list[dict[str, Any]]:
        """List the presets, which are complete sets of parameters: pass {"preset": NAME} to stylize as parameters."""
        async with _connected(connect, context) as client:
            return [{name: preset[name] for name in ("name", "summary")} for preset in await client.presets()]

    return list_presets


def _stylize(connect: Connect, *, files: bool) -> Tool:
    picture = f"{PICTURE}, or the path of a file" if files else PICTURE

    async def stylize(
        context: Context,
        content: Annotated[str, Field(description=f"The photo: {picture}.")],
        style: Annotated[Sequence[str], Field(description=f"The paintings: {picture}.")] = (),
        style_name: Annotated[str | None, Field(description="A built-in style instead of paintings.")] = None,
        masks: Annotated[Sequence[str], Field(description=f"Where each style applies: {picture}.")] = (),
        style_masks: Annotated[Sequence[str], Field(description=f"Which part of each painting: {picture}.")] = (),
        init_image: Annotated[str | None, Field(description=f"What the job starts from: {picture}.")] = None,
        parameters: Annotated[
            dict[str, Any] | None, Field(description="Parameters of the HTTP API, such as max_size, strength, preset.")
        ] = None,
        wait_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS, description="Wait for the job.")] = 0.0,
    ) -> dict[str, Any]:
        """Start a job that stylizes a photo, and return it; wait for it to end for up to wait_seconds."""
        pictures = [content, *style, *masks, *style_masks, *([init_image] if init_image else [])]
        _check(pictures, parameters or {}, files=files)
        async with _connected(connect, context) as client:
            job = await client.submit(
                content,
                list(style),
                style_name=style_name,
                masks=list(masks),
                style_masks=list(style_masks),
                init_image=init_image,
                **(parameters or {}),
            )
            try:
                job = await client.wait(job.id, timeout=wait_seconds) if wait_seconds else job
            except WaitedTooLongError as error:
                job = error.job
            return _summary(job.raw)

    return stylize


def _check(pictures: Sequence[str], parameters: Mapping[str, Any], *, files: bool) -> None:
    """Refuse pictures that are files unless `files` allows them, and parameters that would be read as pictures."""
    if not files and (refused := [item for item in pictures if not item.startswith(URLS + ASSETS)]):
        raise ToolError(f"{refused[0][:80]!r} is no {PICTURE}")
    if wrong := PICTURES & parameters.keys():
        raise ToolError(f"parameters: {min(wrong)} is not a parameter of a run; pass it as an argument of the tool")


def _get_job(connect: Connect) -> Tool:
    async def get_job(context: Context, job_id: str) -> dict[str, Any]:
        """Return the status and progress of a job; a failed one says why."""
        async with _connected(connect, context) as client:
            return _summary((await client.get(job_id)).raw)

    return get_job


def _get_result(connect: Connect) -> Tool:
    async def get_result(context: Context, job_id: str) -> Image | str:
        """Return the picture of a job that has succeeded, as a JPEG; of a film, say where it can be downloaded."""
        async with _connected(connect, context) as client:
            job = await client.get(job_id)
            if job.result is not None and job.raw.get("film"):
                path = job.raw["urls"]["result"]
                return f"The result is a film ({job.result.media_type}). Download it from {path} of the service."
            return Image(data=await client.result(job_id, "jpeg"), format="jpeg")

    return get_result


@asynccontextmanager
async def _connected(connect: Connect, context: Context) -> AsyncIterator[AsyncClient]:
    """Connect as the caller; a refusal of the service, or a file that cannot be read, is an error of the tool."""
    try:
        async with connect(context.headers) as client:
            yield client
    except (ClientError, OSError, TypeError) as error:
        raise ToolError(str(error)) from None


def _summary(job: Mapping[str, Any]) -> dict[str, Any]:
    return {name: job.get(name) for name in SUMMARY}
