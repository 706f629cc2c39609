"""What clients send and get over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightcone.model.interface import WorldInfo
from lightcone.server.control import describe
from lightcone.server.control.protocol import (
    MAX_PROMPT,
    AxisControl,
    Control,
    WorldPhase,
)
from lightcone.server.http.problems import Problem
from lightcone.server.sessions.session import LiveWorld

MAX_BODY_BYTES = 64 * 1024
MAX_WORLD_BODY_BYTES = 4 * 1024 * 1024  # it may hold a picture
# More than a request can need. With so few, so many bytes are few values: millions of them would
# take the loop longer to parse than the streams can wait.
MAX_COMMAS = 1000
MAX_ERRORS = 20  # that one answer lists


class WorldRequest(BaseModel):
    """`world` defaults to the first that is served, `seed` to a random one, `prompt` to none.
    `image` is the picture to start from, PNG or JPEG, as data URL or plain base64."""

    model_config = ConfigDict(extra="forbid", strict=True)

    world: str | None = None
    seed: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    prompt: Annotated[str, Field(max_length=MAX_PROMPT)] | None = None
    image: str | None = None


class CatalogueEntry(BaseModel):
    """A world that is served: `words` are what its prompts may say."""

    name: str
    title: str
    description: str
    words: list[str]
    width: int
    height: int
    controls: list[Control]
    axes: list[AxisControl]


class WorldBody(BaseModel):
    """A world now; `seed` and `prompt` are those that it began with. `whep` and `control` are
    paths on this server."""

    id: str
    world: str
    title: str
    seed: int
    prompt: str
    phase: WorldPhase
    reason: str | None
    viewers: int
    driver: bool
    media_time: float
    whep: str
    control: str


class WorldMade(WorldBody):
    """Answer to POST /worlds. `created` false: there was no room, this is a running world, to
    be joined; `reason` says why."""

    created: bool


class Health(BaseModel):
    """`status` is "ok" while a model is loaded. `serves` names the worlds, `chunk_ms` is the time
    of one chunk of the first at warm-up."""

    status: Literal["ok", "unavailable"]
    serves: list[str]
    worlds: int
    viewers: int
    chunk_ms: float | None


class ProblemBody(BaseModel):
    """RFC 9457 problem details; `code` is stable."""

    type: str
    code: str
    title: str
    status: int
    detail: str


def entry_of(info: WorldInfo) -> CatalogueEntry:
    return CatalogueEntry(
        name=info.name,
        title=info.title,
        description=info.description,
        words=list(info.words),
        width=info.width,
        height=info.height,
        controls=describe.controls(info),
        axes=describe.axes(info),
    )


def body_of(world: LiveWorld) -> WorldBody:
    return WorldBody(
        id=world.id,
        world=world.info.name,
        title=world.info.title,
        seed=world.origin.seed,
        prompt=world.origin.prompt,
        phase=world.phase,
        reason=world.reason,
        viewers=world.viewers,
        driver=world.seats.driver is not None,
        media_time=world.media_time,
        whep=f"/worlds/{world.id}/whep",
        control=f"/worlds/{world.id}/control",
    )


async def read_body(
    request: Request, content_type: str, *, most: int = MAX_BODY_BYTES, optional: bool = False
) -> bytes:
    """The body, of this type and of at most so many bytes. Raises Problem.

    `optional`: an empty body needs no type.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise Problem(413, "too-large", "Too large", f"a body may have {most} bytes at most")
    if optional and not body:
        return b""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        detail = f"expected {content_type}, got {given or 'no content type'}"
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail)
    return bytes(body)


def parse_world_request(body: bytes) -> WorldRequest:
    """Raises Problem."""
    if not body:
        return WorldRequest()
    if body.count(b",") > MAX_COMMAS:
        detail = f"a request has at most {MAX_COMMAS} commas"
        found = [{"field": "", "message": detail}]
        raise Problem(422, "invalid-request", "Invalid request", detail, errors=found)
    try:
        return WorldRequest.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        found = [
            {"field": ".".join(str(part) for part in e["loc"])[:100], "message": e["msg"]}
            for e in errors[:MAX_ERRORS]
        ]
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in found).lstrip(": ")[:500]
        if errors[0]["type"] == "json_invalid":
            raise Problem(400, "malformed-json", "Malformed JSON", detail) from error
        raise Problem(422, "invalid-request", "Invalid request", detail, errors=found) from error
