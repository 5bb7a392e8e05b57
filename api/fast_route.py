"""A route for requests that come by the thousand: documented by its signature, served without FastAPI's machinery."""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.security.auth import bearer, caller
from api.services import services

PLAIN = re.compile(r"[0-9a-f-]{36}")


class FastRoute(APIRoute):
    """Call `endpoint(request, services, caller, job_id)` with its dependencies asked for by name.

    FastAPI solves dependencies anew at each request, which costs more than looking at a job. What could be refused for
    its form goes FastAPI's way, so that there is one place which refuses.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what serves a request."""
        usual, look = super().get_route_handler(), self.endpoint

        async def handle(request: Request) -> Response:
            job_id = request.path_params["job_id"]
            if not PLAIN.fullmatch(job_id):
                return await usual(request)
            parts = await services(request)
            found = await caller(request, parts, await bearer(request))
            answer: Response = await look(request, parts, found, job_id)
            return answer

        return handle
