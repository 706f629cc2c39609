"""Sessions over HTTP: made, queued for, listed, sent back in time, forked and ended."""

from __future__ import annotations

from dataclasses import replace

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from lightcone.model.interface import SnapshotError, WorldInfo
from lightcone.server.control.commands import check_prompt
from lightcone.server.http.bodies import (
    ForkRequest,
    Queued,
    RewindRequest,
    RewoundBody,
    SessionBody,
    SessionMade,
    SessionRequest,
    body_of,
    made_of,
)
from lightcone.server.http.described import Described, json_body, refusals
from lightcone.server.http.lookup import find, find_snapshot, find_world
from lightcone.server.http.problems import Problem
from lightcone.server.http.reading import (
    MAX_SESSION_BODY_BYTES,
    PICTURES,
    Places,
    invalid,
    read_json,
)
from lightcone.server.http.visitor import identity_of, payer_of
from lightcone.server.pictures.decoder import Decoder, from_base64
from lightcone.server.sessions.queue import Ticket
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.sessions.wanted import Wanted

MOST_LISTED = 16  # running sessions that somebody in the queue is offered

QUEUED: Described = {202: {"model": Queued, "description": "No room now: a place in the queue"}}


def add_sessions(app: FastAPI, sessions: Sessions, decoder: Decoder) -> None:
    large, pictures = Places(PICTURES, "large requests"), Places(PICTURES, "pictures")

    @app.post(
        "/sessions",
        status_code=201,
        response_model=SessionMade,
        responses={**QUEUED, **refusals(400, 404, 408, 413, 415, 422, 503, 507)},
        openapi_extra=json_body(SessionRequest),
    )
    async def make_session(request: Request) -> Response:
        """Make a session, or get a place in the queue where there is no room."""
        asked = await read_json(request, SessionRequest, most=MAX_SESSION_BODY_BYTES, large=large)
        wanted = await _wanted(sessions, asked, decoder, pictures)
        wanted = replace(wanted, owner=payer_of(request))
        with sessions.waiting():
            return _answer(sessions, await sessions.create(wanted))

    @app.get(
        "/queue/{ticket}",
        status_code=202,
        response_model=Queued,
        responses={
            201: {"model": SessionMade, "description": "The session, made now"},
            **refusals(404, 422, 503, 507),
        },
    )
    async def queue(ticket: str) -> Response:
        """The place of a ticket now, or its session once it is first and there is room."""
        polled = await sessions.poll(ticket)
        if polled is None:
            raise _unknown_ticket(ticket)
        return _answer(sessions, polled)

    @app.delete("/queue/{ticket}", status_code=204, responses=refusals(404))
    async def leave_queue(ticket: str) -> None:
        """Wait no longer."""
        if not sessions.leave_queue(ticket):
            raise _unknown_ticket(ticket)

    @app.get("/sessions")
    async def list_sessions() -> list[SessionBody]:
        """Those that are not over."""
        return [body_of(session) for session in sessions]

    @app.get("/sessions/{session_id}", responses=refusals(404))
    async def show_session(session_id: str) -> SessionBody:
        """One session, also for a while after it is over."""
        return body_of(find(sessions, session_id))

    @app.delete("/sessions/{session_id}", status_code=204, responses=refusals(404, 410))
    async def end_session(request: Request, session_id: str) -> None:
        """End a session for everybody: an admin may, who made it, and who has a token for it."""
        session = find(sessions, session_id)
        identity = identity_of(request)
        mine = payer_of(request).name == session.origin.owner.name or identity.session is not None
        if not mine and identity.scope != "admin":
            raise Problem(403, "forbidden", "Forbidden", "somebody else made this session")
        session.must_live()
        await session.end("it was deleted")

    @app.post(
        "/sessions/{session_id}/rewind",
        responses=refusals(400, 404, 408, 409, 410, 413, 415, 422, 503),
        openapi_extra=json_body(RewindRequest),
    )
    async def rewind(request: Request, session_id: str) -> RewoundBody:
        """Go back in world time."""
        session = find(sessions, session_id)
        asked = await read_json(request, RewindRequest)
        went = await session.rewind("to", _target(session, asked))
        return RewoundBody(
            world_frame=went.world_frame,
            stream_frame=went.stream_frame,
            media_time=went.media_time,
        )

    @app.post(
        "/sessions/{session_id}/fork",
        status_code=201,
        response_model=SessionMade,
        responses={**QUEUED, **refusals(400, 404, 408, 410, 413, 415, 422, 503)},
        openapi_extra=json_body(ForkRequest),
    )
    async def fork(request: Request, session_id: str) -> Response:
        """Make a second session from this moment of one."""
        session = find(sessions, session_id)
        if identity_of(request).session is not None:
            detail = "your token is for this session, not for another one"
            raise Problem(403, "forbidden", "Forbidden", detail)
        asked = await read_json(request, ForkRequest)
        with sessions.waiting():
            check_prompt(session.info, asked.prompt or "")
            forked = await sessions.fork(session, asked.prompt or "", payer_of(request))
            return _answer(sessions, forked)


def _answer(sessions: Sessions, made: Session | Ticket[Wanted]) -> Response:
    if isinstance(made, Session):
        location = {"Location": f"/sessions/{made.id}"}
        return JSONResponse(made_of(made).model_dump(), 201, location)
    queued = Queued(
        ticket=made.id,
        place=sessions.place(made),
        reason="there is no room for another session now; this is a place in the queue",
        running=[body_of(session) for session in sessions][:MOST_LISTED],
    )
    return JSONResponse(queued.model_dump(), 202, {"Location": f"/queue/{made.id}"})


async def _wanted(
    sessions: Sessions, asked: SessionRequest, decoder: Decoder, pictures: Places
) -> Wanted:
    """Raises Problem, PromptError, BadImage, DecoderUnavailable and SnapshotError."""
    if asked.snapshot is not None:
        return _wanted_snapshot(sessions, asked, asked.snapshot)
    info = find_world(sessions, asked.world)
    prompt = asked.prompt or ""
    check_prompt(info, prompt)
    _check_image(info, asked.image is not None)
    image = None
    if asked.image is not None:
        with pictures.one():
            image = await decoder.decode(from_base64(asked.image), info.width, info.height)
    return Wanted(info, asked.seed, prompt, image)


def _wanted_snapshot(sessions: Sessions, asked: SessionRequest, snapshot_id: str) -> Wanted:
    stored = find_snapshot(sessions, snapshot_id)
    for name in ("seed", "prompt", "image"):
        if getattr(asked, name) is not None:
            detail = f"a snapshot has its own {name}"
            raise invalid(detail, [{"field": name, "message": detail}])
    if stored.world not in sessions.infos or asked.world not in (None, stored.world):
        wanted = asked.world or ", ".join(sessions.infos)
        raise SnapshotError(f"this is a snapshot of '{stored.world}', not of {wanted}")
    return Wanted(sessions.infos[stored.world], snapshot=stored)


def _check_image(info: WorldInfo, given: bool) -> None:
    if given and info.image == "none":
        raise Problem(422, "no-image-taken", "No image taken", f"{info.title} takes no image")
    if not given and info.image == "required":
        detail = f"{info.title} starts from an image"
        raise Problem(422, "image-required", "Image required", detail)


def _target(session: Session, asked: RewindRequest) -> int:
    """The world frame to go back to."""
    if (asked.seconds is None) == (asked.world_frame is None):
        detail = "one of seconds and world_frame says how far"
        raise invalid(detail, [{"field": "", "message": detail}])
    if asked.world_frame is not None:
        return asked.world_frame
    assert asked.seconds is not None
    target = session.world_frame - round(asked.seconds * session.info.fps)
    if target < 0:
        detail = f"the session is {session.world_frame / session.info.fps:.1f} s long"
        raise Problem(409, "too-far-back", "Too far back", detail)
    return target


def _unknown_ticket(ticket: str) -> Problem:
    detail = f"no ticket '{ticket[:100]}': it was not asked for in time, or has been used"
    return Problem(404, "unknown-ticket", "Unknown ticket", detail)
