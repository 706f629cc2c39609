"""WHEP (draft-ietf-wish-whep): picture and sound of a session."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI, Request, Response
from structlog.contextvars import bound_contextvars

from lightcone.server.access.at_once import AtOnce
from lightcone.server.control.ratelimit import TokenBucket
from lightcone.server.http.described import bytes_body, file, refusals
from lightcone.server.http.lookup import find
from lightcone.server.http.problems import Problem
from lightcone.server.http.reading import read_body
from lightcone.server.http.visitor import payer_of
from lightcone.server.sessions.sessions import Sessions
from lightcone.streaming import BadOffer, Reach, SessionStream, parse_address

OFFERS_PER_SECOND = 10.0  # answering one costs the loop some ms, and ports for a while
OFFER_BURST = 40.0
SDP = "application/sdp"


def add_watching(app: FastAPI, sessions: Sessions) -> None:
    places: AtOnce[tuple[SessionStream, str]] = AtOnce(
        "viewers", sessions.settings.quota_viewers, lambda viewer: viewer[0].has(viewer[1])
    )
    offers = TokenBucket(OFFERS_PER_SECOND, OFFER_BURST, asyncio.get_running_loop().time())

    @app.post(
        "/sessions/{session_id}/whep",
        status_code=201,
        response_class=Response,
        responses={
            **file(201, SDP, "The SDP answer"),
            **refusals(400, 404, 406, 408, 410, 413, 415, 429, 503),
        },
        openapi_extra=bytes_body(SDP),
    )
    async def watch(request: Request, session_id: str) -> Response:
        """WHEP: answer a viewer's SDP offer."""
        session = find(sessions, session_id)
        body = await read_body(request, SDP)
        session.must_live()
        # no await from here to the offer, which counts from its start
        if session.stream.occupancy >= sessions.settings.max_viewers:
            detail = f"{session.stream.occupancy} watch already"
            raise Problem(503, "too-many-viewers", "Too many viewers", detail)
        if not offers.take(asyncio.get_running_loop().time()):
            detail = "too many offers at this moment"
            raise Problem(503, "busy", "Busy", detail, {"Retry-After": "2"})
        try:
            sdp = body.decode()
        except UnicodeDecodeError as error:
            raise BadOffer("the body is not an SDP offer") from error
        caller = None if request.client is None else parse_address(request.client.host)
        reach = Reach(caller, sessions.settings.candidate_networks)
        # bound for what libraries log of this viewer
        with bound_contextvars(session=session_id), places.place(payer_of(request)) as keep:
            viewer, answer = await session.stream.offer(sdp, reach)
            keep((session.stream, viewer))
        location = f"/sessions/{session_id}/whep/{viewer}"
        return _with_links(Response(answer, 201, {"Location": location}, SDP), session_id)

    def _with_links(response: Response, session_id: str) -> Response:
        """With the STUN and TURN servers that a viewer may use (RFC 9725 section 4.6)."""
        for link in sessions.settings.ice.links(session_id):
            response.headers.append("Link", link)
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.options("/sessions/{session_id}/whep", status_code=204, response_class=Response)
    async def offers_taken(session_id: str) -> Response:
        """WHEP: what may be posted here, and which STUN and TURN servers there are."""
        headers = {"Accept-Post": SDP, "Allow": "OPTIONS, POST"}
        return _with_links(Response(status_code=204, headers=headers), session_id)

    @app.delete("/sessions/{session_id}/whep/{viewer_id}", status_code=204, responses=refusals(404))
    async def stop_watching(session_id: str, viewer_id: str) -> None:
        """WHEP: a viewer leaves."""
        await find(sessions, session_id).stream.end_viewer(viewer_id)
