"""Request bodies: bounded in size and time, and parsed with errors that name the field."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from lightcone.server.http.bodies import RequestBody
from lightcone.server.http.problems import RETRY_S, Problem

MAX_BODY_BYTES = 64 * 1024
MAX_SESSION_BODY_BYTES = 4 * 1024 * 1024  # it may hold a picture
MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024
BODY_TIMEOUT_S = 20.0
SNAPSHOT_TIMEOUT_S = 120.0
PICTURES = 8  # large requests for a session that come in at once
SNAPSHOTS = 2
# More than a request can need. With so few, so many bytes are few values: millions of them would
# take the loop longer to parse than the streams can wait.
MAX_COMMAS = 1000
MAX_ERRORS = 20  # that one answer lists
JSON = "application/json"

B = TypeVar("B", bound=RequestBody)


class Places:
    """Room for so much at once of what takes memory or time, like large bodies, which may come
    slowly. What is small needs none, so that nobody who takes all places keeps others out. `what`
    is in the refusal."""

    def __init__(self, most: int, what: str) -> None:
        self._free = most
        self._what = what

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises Problem where all are taken."""
        if not self._free:
            detail = f"too many {self._what} at this moment"
            raise Problem(503, "busy", "Busy", detail, {"Retry-After": str(RETRY_S)})
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


class _Bound(ExitStack):
    """Of one body, which takes a place as soon as it is a large one."""

    def __init__(self, most: int, large: Places | None) -> None:
        super().__init__()
        self._most = most
        self._large = large

    def check(self, size: int) -> None:
        """Raises Problem where it is too large, or there is no place."""
        if size > self._most:
            detail = f"a body may have {self._most} bytes at most"
            raise Problem(413, "too-large", "Too large", detail)
        if self._large is not None and size > MAX_BODY_BYTES:
            self.enter_context(self._large.one())
            self._large = None


async def read_body(
    request: Request,
    content_type: str,
    *,
    most: int = MAX_BODY_BYTES,
    large: Places | None = None,
    optional: bool = False,
    timeout_s: float = BODY_TIMEOUT_S,
) -> bytes:
    """The body, of this type and of at most so many bytes; what its head says is refused before it
    is read. Raises Problem.

    `large`: where a body of more than MAX_BODY_BYTES takes its place. `optional`: an empty body
    needs no type.
    """
    body = bytearray()
    try:
        with _Bound(most, large) as bound:
            async with asyncio.timeout(timeout_s):
                if declared := _declared_length(request):
                    bound.check(declared)
                    _check_type(request, content_type)
                async for part in request.stream():
                    bound.check(len(body) + len(part))
                    body += part
    except TimeoutError as error:
        detail = f"the body did not come within {timeout_s:g} s"
        raise Problem(408, "timeout", "Timeout", detail) from error
    except ClientDisconnect as error:  # nobody reads this; it is no defect
        detail = "the client left before the end of the body"
        raise Problem(400, "incomplete-body", "Incomplete body", detail) from error
    if optional and not body:
        return b""
    _check_type(request, content_type)
    return bytes(body)


def _declared_length(request: Request) -> int:
    """0 where the head does not say."""
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdecimal() else 0


def _check_type(request: Request, content_type: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != content_type:
        detail = f"expected {content_type}, got {given or 'no content type'}"
        raise Problem(415, "unsupported-media-type", "Unsupported media type", detail)


async def read_json(
    request: Request,
    kind: type[B],
    *,
    most: int = MAX_BODY_BYTES,
    large: Places | None = None,
) -> B:
    """The body as one of this kind; an empty one is one without fields. Raises Problem."""
    body = await read_body(request, JSON, most=most, large=large, optional=True)
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
