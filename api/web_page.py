"""The web page at `/`: static files with a policy that allows nothing from other origins."""

from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "page"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class _Page(StaticFiles):
    """The files of the page; browsers revalidate them.

    Scripts and style sheets obey the policy of the document that loads them, so the short one of all answers is enough.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD") and self.lookup_path(path)[1] is None:
            raise HTTPException(404)  # there is no file that has other methods
        response = await super().get_response(path, scope)
        if not path.endswith((".js", ".css")):
            response.headers["Content-Security-Policy"] = POLICY
        response.headers["Cache-Control"] = "no-cache"
        return response


def mount_page(app: FastAPI, folder: Path = FOLDER) -> None:
    """Serve the page if it is installed."""
    if (folder / "index.html").is_file():
        app.mount("/", _Page(directory=folder, html=True), name="page")
