"""The HTTP interface of a server (docs/protocol.md, "Sessions over HTTP")."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import httpx
import msgspec
from aiortc import RTCIceServer

from lightcone.client.bodies import (
    Body,
    Queued,
    RecordingFiles,
    Rewound,
    SessionEntry,
    SnapshotEntry,
    World,
)
from lightcone.client.errors import ClientError, Late, Unreachable, json_problem, problem_of
from lightcone.client.ice import ice_servers

TIMEOUT_S = 60.0  # a world's model may have to be opened first
POLL_S = 1.0  # how often a place in the queue is to be asked for
COOKIE = "lightcone_token"
SNAPSHOT = "application/octet-stream"

B = TypeVar("B", bound=Body | list[World] | list[SessionEntry] | list[SnapshotEntry])


class Api:
    """One method for each route. All raise Unreachable, and Problem or one of its kinds for what
    the server refuses. `token` is sent as a bearer token (RFC 6750). An address may be a link with
    a `?key=`, which is exchanged for a token with the first request."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url, key = without_key(url)
        self._link = None if token else key  # until it is exchanged
        self._exchanging = asyncio.Lock()
        self.headers = {} if token is None else _bearer(token)
        self._http = httpx.AsyncClient(
            base_url=self.url,
            timeout=TIMEOUT_S,
            verify=self.url.startswith("https:"),  # certificates are slow to load
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def worlds(self) -> list[World]:
        """The default one first."""
        return _parsed(await self.request("GET", "/catalogue"), list[World])

    async def sessions(self) -> list[SessionEntry]:
        """Those that are not over."""
        return _parsed(await self.request("GET", "/sessions"), list[SessionEntry])

    async def session(self, id: str) -> SessionEntry:
        return _parsed(await self.request("GET", f"/sessions/{id}"), SessionEntry)

    async def make(
        self,
        world: str | None = None,
        seed: int | None = None,
        prompt: str | None = None,
        image: bytes | None = None,
        snapshot: str | None = None,
        patience_s: float = 0.0,
    ) -> SessionEntry:
        """A new session. `image` is a PNG or JPEG file, `snapshot` the id of a kept one. Where
        there is no room it waits in the queue for `patience_s` seconds, then raises Late."""
        asked = {
            "world": world,
            "seed": seed,
            "prompt": prompt,
            "image": None if image is None else base64.b64encode(image).decode(),
            "snapshot": snapshot,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        return await self._made(await self.request("POST", "/sessions", content=given), patience_s)

    async def fork(
        self, id: str, prompt: str | None = None, patience_s: float = 0.0
    ) -> SessionEntry:
        """A second session from this moment of one; otherwise as `make`."""
        given = {} if prompt is None else {"prompt": prompt}
        answer = await self.request("POST", f"/sessions/{id}/fork", content=given)
        return await self._made(answer, patience_s)

    async def rewind(
        self, id: str, *, seconds: float | None = None, world_frame: int | None = None
    ) -> Rewound:
        """Go back so many seconds of world time, or to a world frame. One of both is given."""
        asked = {"seconds": seconds, "world_frame": world_frame}
        given = {name: value for name, value in asked.items() if value is not None}
        return _parsed(await self.request("POST", f"/sessions/{id}/rewind", content=given), Rewound)

    async def end(self, id: str) -> None:
        """End a session for everybody."""
        await self.request("DELETE", f"/sessions/{id}")

    async def save(self, id: str) -> SnapshotEntry:
        """Keep a snapshot of a session on the server."""
        return _parsed(await self.request("POST", f"/sessions/{id}/snapshot"), SnapshotEntry)

    async def snapshots(self) -> list[SnapshotEntry]:
        """The kept ones, the oldest first."""
        return _parsed(await self.request("GET", "/snapshots"), list[SnapshotEntry])

    async def download(self, snapshot: str) -> bytes:
        """A kept snapshot as a file."""
        return (await self.request("GET", f"/snapshots/{snapshot}")).content

    async def upload(self, data: bytes) -> SnapshotEntry:
        """Keep a snapshot that was downloaded before."""
        return _parsed(
            await self.request("POST", "/snapshots", content=data, kind=SNAPSHOT), SnapshotEntry
        )

    async def forget(self, snapshot: str) -> None:
        """Keep a snapshot no longer."""
        await self.request("DELETE", f"/snapshots/{snapshot}")

    async def log(self, id: str) -> bytes:
        """The action log of a session so far, JSON lines, for `lightcone replay`."""
        return (await self.request("GET", f"/sessions/{id}/log")).content

    async def record(self, id: str) -> RecordingFiles:
        """Have the server record a session from its next keyframe on."""
        return _parsed(await self.request("POST", f"/sessions/{id}/recording"), RecordingFiles)

    async def stop_recording(self, id: str) -> RecordingFiles:
        """The files are whole after this."""
        return _parsed(await self.request("DELETE", f"/sessions/{id}/recording"), RecordingFiles)

    async def file(self, path: str) -> bytes:
        """A recorded file, by the path that `record` and `stop_recording` answer with."""
        return (await self.request("GET", path)).content

    async def _named_ice_servers(self, whep: str) -> list[RTCIceServer]:
        """The STUN and TURN servers for viewers of the session of this path, with passwords that
        are good for a time."""
        answer = await self.request("OPTIONS", whep)
        return ice_servers(answer.headers.get_list("Link"))

    async def request(
        self,
        method: str,
        path: str,
        *,
        content: Mapping[str, Any] | bytes | str | None = None,
        kind: str = "application/json",
    ) -> httpx.Response:
        """Any request; a mapping is sent as JSON. The answer has a status below 400."""
        body = msgspec.json.encode(content) if isinstance(content, Mapping) else content
        async with self._exchanging:
            if self._link is not None:
                await self._exchange(self._link)
        typed = {} if body is None else {"Content-Type": kind}
        return await self._send(method, path, content=body, headers=typed | self.headers)

    async def _exchange(self, link: str) -> None:
        """The token that the page would get as a cookie; a server without a key gives none."""
        answer = await self._send("GET", "/", params={"key": link})
        token = answer.cookies.get(COOKIE)
        self.headers = {} if token is None else _bearer(token)
        self._link = None

    async def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"no answer from {self.url}: {reason}") from error
        if answer.is_error:
            problem = json_problem(answer.content) or {"title": answer.reason_phrase}
            raise problem_of(answer.status_code, problem, answer.headers.get("Retry-After"))
        return answer

    async def _made(self, answer: httpx.Response, patience_s: float) -> SessionEntry:
        if answer.status_code != 202:
            return _parsed(answer, SessionEntry)
        path = f"/queue/{_parsed(answer, Queued).ticket}"
        give_up = asyncio.get_running_loop().time() + patience_s
        while answer.status_code == 202:
            if asyncio.get_running_loop().time() + POLL_S > give_up:
                await self.request("DELETE", path)
                place = _parsed(answer, Queued).place
                raise Late(f"no room for a session: place {place} in the queue")
            await asyncio.sleep(POLL_S)
            answer = await self.request("GET", path)
        return _parsed(answer, SessionEntry)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def without_key(url: str) -> tuple[str, str | None]:
    """An address without its query and fragment, and the `key` of its query."""
    parts = urlsplit(url)
    key = dict(parse_qsl(parts.query)).get("key")
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), key


def _parsed(answer: httpx.Response, kind: type[B]) -> B:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        asked = f"{answer.request.method} {answer.request.url.path}"
        raise ClientError(f"the answer to {asked} is not as expected: {error}") from error
