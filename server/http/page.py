"""The pages: the built client and the status page, as static files."""

from __future__ import annotations

from pathlib import Path

from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = {"status": "status.html"}  # of addresses that do not name theirs
NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>Lightcone</title>
<h1>The page is not built</h1>
<p>The server is up, but <code>client-demo/dist</code> is not there.
Run <code>make client</code>, then reload.</p>
"""


class _Files(StaticFiles):
    """Built assets carry a hash in their name and never change; everything else is asked for
    again every time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        response = await super().get_response(FILES.get(path, path), scope)
        lasting = path.startswith("assets/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        return response


async def _not_built(_: object) -> HTMLResponse:
    return HTMLResponse(NOT_BUILT, 404)


def page(folder: Path) -> Router:
    """The client in `folder`, or one that says that it is not built."""
    routes: list[BaseRoute]
    if (folder / "index.html").is_file():
        routes = [Mount("/", _Files(directory=folder, html=True))]
    else:
        routes = [Route(f"/{path}", _not_built) for path in ("", *FILES)]
    return Router(routes=routes)
