"""Request bodies: bounded in size and time, and parsed with errors that name the field."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError

from lightcone.server.http.bodies import RequestBody
from lightcone.server.http.problems import Problem

MAX_BODY_BYTES = 64 * 1024
MAX_SESSION_BODY_BYTES = 4 * 1024 * 1024  # it may hold a picture
MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024
BODY_TIMEOUT_S = 20.0
SNAPSHOT_TIMEOUT_S = 120.0
# More than a request can need. With so few, so many bytes are few values: millions of them would
# take the loop longer to parse than the streams can wait.
MAX_COMMAS = 1000
MAX_ERRORS = 20  # that one answer lists
JSON = "application/json"

B = TypeVar("B", bound=RequestBody)


async def read_body(
    request: Request,
    content_type: str,
    *,
    most: int = MAX_BODY_BYTES,
    optional: bool = False,
    timeout_s: float = BODY_TIMEOUT_S,
) -> bytes:
    """The body, of this type and of at most so many bytes. Raises Problem.

    `optional`: an empty body needs no type.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    detail = f"a body may have {most} bytes at most"
                    raise Problem(413, "too-large", "Too large", detail)
    except TimeoutError as error:
        detail = f"the body did not come within {timeout_s:g} s"
        raise Problem(408, "timeout", "Timeout", detail) from error
    if optional and not body:
        return b""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        detail = f"expected {content_type}, got {given or 'no content type'}"
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail)
    return bytes(body)


async def read_json(request: Request, kind: type[B], *, most: int = MAX_BODY_BYTES) -> B:
    """The body as one of this kind; an empty one is one without fields. Raises Problem."""
    body = await read_body(request, JSON, most=most, optional=True)
    if not body:
        return kind()
    if body.count(b",") > MAX_COMMAS:
        detail = f"a request has at most {MAX_COMMAS} commas"
        raise invalid(detail, [{"field": "", "message": detail}])
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False, include_input=False)
        found = [
            {"field": ".".join(str(part) for part in e["loc"])[:100], "message": e["msg"]}
            for e in errors[:MAX_ERRORS]
        ]
        detail = "; ".join(f"{e['field']}: {e['message']}" for e in found).lstrip(": ")[:500]
        if errors[0]["type"] == "json_invalid":
            raise Problem(400, "malformed-json", "Malformed JSON", detail) from error
        raise invalid(detail, found) from error


def invalid(detail: str, errors: list[dict[str, str]]) -> Problem:
    return Problem(422, "invalid-request", "Invalid request", detail, errors=errors)
