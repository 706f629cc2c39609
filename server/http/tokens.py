"""Tokens and links over HTTP: what somebody may do, passed on."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

from lightcone.server.access.links import link_to
from lightcone.server.access.tokens import LONGEST_NAME, Scope, Use
from lightcone.server.http.bodies import RequestBody
from lightcone.server.http.described import json_body, refusals
from lightcone.server.http.problems import Problem
from lightcone.server.http.reading import read_json
from lightcone.server.http.visitor import identity_of
from lightcone.server.sessions.sessions import Sessions

LONGEST_S = 400 * 24 * 3600


class TokenRequest(RequestBody):
    """What is passed on: `scope` of `session`, or of all, for `seconds`. `link` asks for a link to
    the page that gives the same to everybody who opens it. `name` is whose quota counts, for an
    admin to say; by default your own."""

    scope: Scope = "watch"
    session: Annotated[str, Field(max_length=64)] | None = None
    seconds: Annotated[float, Field(gt=0, le=LONGEST_S)] = 3600.0
    name: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    link: bool = False


class TokenBody(BaseModel):
    """`link` is a path on this server. `expires` is Unix time."""

    token: str | None
    link: str | None
    expires: float


def add_tokens(app: FastAPI, sessions: Sessions) -> None:
    @app.post(
        "/tokens",
        status_code=201,
        responses=refusals(400, 401, 403, 408, 409, 413, 415, 422),
        openapi_extra=json_body(TokenRequest),
    )
    async def mint(request: Request) -> TokenBody:
        """A token, or a link, for no more than you may do yourself."""
        asked = await read_json(request, TokenRequest)
        tokens = sessions.access.tokens
        if tokens is None:
            detail = "this server has no key: everybody may do everything"
            raise Problem(409, "no-key", "No key", detail)
        use: Use = "link" if asked.link else "token"
        made = tokens.delegate(
            identity_of(request),
            asked.scope,
            asked.seconds,
            name=asked.name,
            session=asked.session,
            use=use,
        )
        if not asked.link:
            return TokenBody(token=made.token, link=None, expires=made.expires)
        link = link_to("", made.token, asked.session)
        return TokenBody(token=None, link=link, expires=made.expires)
