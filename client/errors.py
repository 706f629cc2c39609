"""What can go wrong for a client, by name. Every message is one readable line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class ClientError(Exception):
    """Anything that this package raises by itself."""


class Unreachable(ClientError):
    """No server answers at the address."""


class Late(ClientError):
    """An answer, a picture or room for a session has not come in time."""


class ViewerLost(ClientError):
    """The connection that carries picture and sound has ended."""


class InvalidInput(ClientError):
    """The world has no button or axis of this name, or the strength is out of its range."""


class Problem(ClientError):
    """The server refused a request (RFC 9457 problem details; docs/protocol.md lists the codes).
    `retry_after_s` is when to come back, where the server says so; `more` are further members."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        retry_after_s: float | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{detail} ({code}, HTTP {status})")
        self.status = status
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = dict(more or {})

    @property
    def may_pass(self) -> bool:
        """Whether the same request may work later."""
        return self.status == 429 or self.status >= 500


class NotAllowed(Problem):
    """HTTP 401 or 403: no token, one that is not valid, or one that does not reach so far."""


class NotFound(Problem):
    """HTTP 404: no world, session, snapshot, recording or ticket of this name."""


class SessionOver(Problem):
    """HTTP 410: the session has ended or failed."""


class Busy(Problem):
    """HTTP 429 or 503: it may work later, `retry_after_s` says when."""


class UnknownWords(Problem):
    """A prompt that the world does not take: `words` are those that are not among `known`."""

    @property
    def words(self) -> list[str]:
        return list(self.more.get("words", ()))

    @property
    def known(self) -> list[str]:
        return list(self.more.get("known", ()))


class Refused(ClientError):
    """The control websocket refused an input, a prompt or a rewind; the session goes on as it was.
    `words` and `known` are as in `UnknownWords`."""

    def __init__(
        self, code: str, message: str, words: Sequence[str] = (), known: Sequence[str] = ()
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.words = list(words)
        self.known = list(known)


class Closed(ClientError):
    """The control websocket was closed. `code` is a close code of RFC 6455 or docs/protocol.md."""

    def __init__(self, code: int, reason: str = "") -> None:
        what = CLOSE_CODES.get(code, "the connection was closed")
        super().__init__(f"{what}{': ' + reason if reason else ''} ({code})")
        self.code = code
        self.reason = reason

    @property
    def may_resume(self) -> bool:
        """Whether the same seat can be taken again with the resume token."""
        return self.code in RESUMABLE


CLOSE_CODES = {
    1000: "the connection was closed",
    1003: "the server takes binary messages only",
    1006: "the connection was lost",
    1009: "a message was too large",
    1011: "the server got no answer in time",
    1012: "the server goes down",
    4400: "the server expected a hello",
    4401: "the token of this connection is over",
    4404: "the server has no such session",
    4406: "the server speaks another version of the protocol",
    4408: "the hello came too late",
    4409: "another connection has taken this seat",
    4410: "the session has ended",
    4429: "too many messages, or too many clients",
    4430: "too many messages were not read",
    4500: "the session has failed",
}
RESUMABLE = frozenset({1006, 1011, 1012, 4408, 4430})

_json = msgspec.json.Decoder(dict[str, Any])

_BY_CODE: dict[str, type[Problem]] = {"unknown-words": UnknownWords}
_BY_STATUS: dict[int, type[Problem]] = {
    401: NotAllowed, 403: NotAllowed, 404: NotFound, 410: SessionOver, 429: Busy, 503: Busy,
}  # fmt: skip
_STANDARD = ("type", "code", "title", "status", "detail")


def problem_of(status: int, body: Mapping[str, Any], retry_after: str | None = None) -> Problem:
    """The named error of an answer with problem details; `retry_after` is the header's value."""
    code = str(body.get("code", f"http-{status}"))
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, Problem)
    detail = str(body.get("detail") or body.get("title") or "the server refused the request")
    seconds = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    more = {name: value for name, value in body.items() if name not in _STANDARD}
    return kind(status, code, detail, seconds, more)


def json_problem(body: bytes) -> dict[str, Any]:
    """Its members; none where it is no JSON, as that of a proxy on the way."""
    try:
        return _json.decode(body)
    except msgspec.DecodeError:
        return {}
