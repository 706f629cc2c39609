"""The HTTP interface: worlds, WHEP (draft-ietf-wish-whep), the control websocket, the page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from fastapi import FastAPI, Request, Response, WebSocket
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from lightcone.model.catalogue import WORLD_NAMES
from lightcone.model.interface import (
    PromptError,
    WorldInfo,
)
from lightcone.server.control.ratelimit import TokenBucket
from lightcone.server.control.socket import serve_control
from lightcone.server.http import problems
from lightcone.server.http.bodies import (
    MAX_WORLD_BODY_BYTES,
    CatalogueEntry,
    Health,
    ProblemBody,
    WorldBody,
    WorldMade,
    WorldRequest,
    body_of,
    entry_of,
    parse_world_request,
    read_body,
)
from lightcone.server.http.image import (
    BadImage,
    from_base64,
)
from lightcone.server.http.origins import may_connect
from lightcone.server.http.page import page
from lightcone.server.http.problems import (
    Problem,
    forbidden_origin,
    unknown_world,
)
from lightcone.server.sessions.session import LiveWorld
from lightcone.server.sessions.sessions import (
    Asked,
    Busy,
    Worlds,
)
from lightcone.server.worker.host import EngineError
from lightcone.streaming import (
    BadOffer,
    UnknownSession,
    UnsupportedCodec,
)

OFFERS_PER_SECOND = 10.0  # answering one costs the loop some ms, and ports for a while
OFFER_BURST = 40.0
SDP = "application/sdp"


def create_app(worlds: Worlds) -> FastAPI:
    """The application of a server with these worlds; they are closed with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await worlds.close()

    app = FastAPI(
        title="Lightcone",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses=_refusals("default"),
    )
    app.add_middleware(
        CORSMiddleware,
        allow_origins=worlds.settings.allowed_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],  # WHEP players send Authorization too
        expose_headers=["Location", "Retry-After"],
    )
    app.add_exception_handler(Problem, problems.on_problem)
    app.add_exception_handler(HTTPException, problems.on_http_exception)
    app.add_exception_handler(Exception, problems.on_defect)
    _add_worlds(app, worlds)
    _add_whep(app, worlds)
    # after everything else, so that a wrong method on a route above stays a 405
    app.router.default = page(worlds.settings.client_dir)
    return app


def _refusals(*statuses: int | Literal["default"]) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI describes problems; "default" is any status that is not described."""
    content = {problems.MEDIA_TYPE: {"schema": ProblemBody.model_json_schema()}}
    return {status: {"description": "Problem details", "content": content} for status in statuses}


def _find(worlds: Worlds, world_id: str) -> LiveWorld:
    world = worlds.get(world_id)
    if world is None:
        raise unknown_world(world_id)
    return world


def _add_worlds(app: FastAPI, worlds: Worlds) -> None:
    decoding = asyncio.Lock()  # a large picture takes much memory, so one at a time

    @app.get("/healthz", responses={503: {"model": Health}})
    async def healthz(response: Response) -> Health:
        """Whether worlds can be made."""
        engine = worlds.engine
        if engine is None:
            response.status_code = 503
        return Health(
            status="unavailable" if engine is None else "ok",
            serves=list(worlds.infos),
            worlds=sum(world.live for world in worlds),
            viewers=sum(world.viewers for world in worlds),
            chunk_ms=None if engine is None else 1000 * engine.chunk_s,
        )

    @app.get("/catalogue")
    async def catalogue() -> list[CatalogueEntry]:
        """The worlds that are served, the default one first."""
        return [entry_of(info) for info in worlds.infos.values()]

    @app.post(
        "/worlds",
        status_code=201,
        responses={
            200: {"model": WorldMade, "description": "No room: a running world, to be joined"},
            **_refusals(400, 404, 413, 415, 422, 503),
        },
        openapi_extra={
            "requestBody": {
                "content": {"application/json": {"schema": WorldRequest.model_json_schema()}}
            }
        },
    )
    async def make_world(request: Request, response: Response) -> WorldMade:
        """Make a world, or get the running one where there is no room for another."""
        body = await read_body(
            request, "application/json", most=MAX_WORLD_BODY_BYTES, optional=True
        )
        wanted = parse_world_request(body)
        try:
            with worlds.waiting():
                world, created = await worlds.create(await _asked(worlds, wanted, decoding))
        except PromptError as error:
            raise Problem(
                422,
                "unknown-words",
                "Unknown words",
                str(error),
                words=list(error.words),
                known=list(error.known),
            ) from error
        except (EngineError, Busy) as error:
            code = "busy" if isinstance(error, Busy) else "engine-unavailable"
            title = "Busy" if isinstance(error, Busy) else "Engine unavailable"
            raise Problem(503, code, title, str(error), {"Retry-After": "2"}) from error
        response.headers["Location"] = f"/worlds/{world.id}"
        made = body_of(world).model_dump()
        if not created:
            response.status_code = 200
            made["reason"] = (
                f"there is room for {worlds.settings.max_worlds} at a time and it is taken; "
                "join this world"
            )
        return WorldMade(**made, created=created)

    @app.get("/worlds")
    async def list_worlds() -> list[WorldBody]:
        return [body_of(world) for world in worlds]

    @app.get("/worlds/{world_id}", responses=_refusals(404))
    async def show_world(world_id: str) -> WorldBody:
        return body_of(_find(worlds, world_id))

    @app.delete("/worlds/{world_id}", status_code=204, responses=_refusals(404))
    async def end_world(world_id: str) -> None:
        """End a world for everybody."""
        await worlds.end(_find(worlds, world_id), "it was deleted")

    @app.websocket("/worlds/{world_id}/control")
    async def control(socket: WebSocket, world_id: str) -> None:
        origin, host = socket.headers.get("origin"), socket.headers.get("host")
        if not may_connect(origin, host, worlds.settings.allowed_origins):
            await socket.send_denial_response(problems.respond(forbidden_origin(origin)))
            return
        await serve_control(socket, worlds.get(world_id), worlds.settings.max_viewers)


async def _asked(worlds: Worlds, request: WorldRequest, decoding: asyncio.Lock) -> Asked:
    """Raises Problem."""
    info = _served(worlds, request.world)
    image = None
    if request.image is not None:
        try:  # in a thread: a large picture takes longer than the stream may wait
            async with decoding:
                image = await asyncio.to_thread(from_base64, request.image, info.width, info.height)
        except BadImage as error:
            raise Problem(422, "bad-image", "Bad image", str(error)) from error
    return Asked(info, request.seed, request.prompt or "", image)


def _served(worlds: Worlds, name: str | None) -> WorldInfo:
    """The world of this name, the first one where it is None. Raises Problem."""
    served = ", ".join(worlds.infos)
    name = next(iter(worlds.infos)) if name is None else name
    if name in worlds.infos:
        return worlds.infos[name]
    known = name in WORLD_NAMES
    why = f"this server serves {served}" if known else f"known: {', '.join(WORLD_NAMES)}"
    detail = f"no world '{name[:100]}' here ({why})"
    raise Problem(404, "unknown-world", "Unknown world", detail)


def _add_whep(app: FastAPI, worlds: Worlds) -> None:
    offers = TokenBucket(OFFERS_PER_SECOND, OFFER_BURST, asyncio.get_running_loop().time())

    @app.post(
        "/worlds/{world_id}/whep",
        status_code=201,
        response_class=Response,
        responses={
            201: {"description": "The SDP answer", "content": {SDP: {}}},
            **_refusals(400, 404, 406, 410, 413, 415, 503),
        },
        openapi_extra={"requestBody": {"required": True, "content": {SDP: {}}}},
    )
    async def watch(request: Request, world_id: str) -> Response:
        """WHEP: answer a viewer's SDP offer."""
        world = _find(worlds, world_id)
        body = await read_body(request, SDP)
        if not world.live:
            raise Problem(410, "world-over", "The world is over", str(world.reason))
        if world.viewers >= worlds.settings.max_viewers:
            detail = f"{world.viewers} watch already"
            raise Problem(503, "too-many-viewers", "Too many viewers", detail)
        if not offers.take(asyncio.get_running_loop().time()):
            detail = "too many offers at this moment"
            raise Problem(503, "busy", "Busy", detail, {"Retry-After": "2"})
        try:
            session, answer = await world.stream.offer(body.decode())
        except UnsupportedCodec as error:
            raise Problem(406, "no-common-codec", "No common codec", str(error)) from error
        except (BadOffer, UnicodeDecodeError) as error:
            raise Problem(400, "bad-offer", "Bad offer", str(error)) from error
        location = f"/worlds/{world_id}/whep/{session}"
        return Response(answer, 201, {"Location": location}, SDP)

    @app.options("/worlds/{world_id}/whep", status_code=204, response_class=Response)
    async def offers_taken() -> Response:
        """WHEP: what may be posted here."""
        return Response(status_code=204, headers={"Accept-Post": SDP, "Allow": "OPTIONS, POST"})

    @app.delete("/worlds/{world_id}/whep/{session_id}", status_code=204, responses=_refusals(404))
    async def stop_watching(world_id: str, session_id: str) -> None:
        """WHEP: end a viewer's session."""
        try:
            await _find(worlds, world_id).stream.end_session(session_id)
        except UnknownSession as error:
            raise Problem(404, "unknown-session", "Unknown session", str(error)) from error
