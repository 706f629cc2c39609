"""Errors of the HTTP interface, RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """`code` is stable, for programs; `title` says the same to people, `detail` this case.
    `more` are further members of the body."""

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers
        self.body = {
            "type": f"urn:lightcone:problem:{code}",
            "code": code,
            "title": title,
            "status": status,
            "detail": detail,
            **more,
        }


def respond(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body, problem.status, problem.headers, MEDIA_TYPE)


async def on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return respond(error)


async def on_http_exception(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: no such path, no such method."""
    assert isinstance(error, HTTPException)
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http-error")
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := _methods(request)):
        headers["Allow"] = ", ".join(sorted(allowed))
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return respond(Problem(error.status_code, code, error.detail, detail, headers))


def _methods(request: Request) -> set[str]:
    """What the routes of this path take, all together; the framework names those of the first."""
    routes: list[BaseRoute] = request.app.routes
    return {
        method
        for route in routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }


async def on_defect(request: Request, error: Exception) -> JSONResponse:
    """A defect of the server; the log has the rest."""
    detail = "the server made a mistake; its log says more"
    return respond(Problem(500, "internal-error", "Internal error", detail))


def forbidden_origin(origin: str | None) -> Problem:
    detail = f"pages of {str(origin)[:100]} may not use this server"
    return Problem(403, "forbidden-origin", "Forbidden origin", detail)


def unknown_world(world_id: str) -> Problem:
    detail = f"no world '{world_id[:100]}'"
    return Problem(404, "unknown-world", "Unknown world", detail)
