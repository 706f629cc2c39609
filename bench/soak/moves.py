"""What people do to a server, in a seeded mix. Pure: the same seed makes the same moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgpack
import numpy as np

Kind = Literal["drive", "prompt", "rewind", "fork", "watch", "save", "bad control", "bad request"]
SHARES: dict[Kind, float] = {
    "drive": 0.4,
    "watch": 0.2,
    "prompt": 0.05,
    "rewind": 0.05,
    "fork": 0.05,
    "save": 0.05,
    "bad control": 0.1,
    "bad request": 0.1,
}
LONGEST = 600  # bytes of noise


@dataclass(frozen=True)
class Move:
    """`seconds` is how long it lasts where it does; `pick` chooses among what there is then."""

    kind: Kind
    seconds: float
    pick: int


@dataclass(frozen=True)
class BadRequest:
    method: str
    path: str
    content_type: str
    body: bytes


def moves(seed: int, person: int) -> Iterator[Move]:
    random = np.random.default_rng((seed, person))
    kinds, shares = list(SHARES), list(SHARES.values())
    while True:
        yield Move(
            kind=kinds[random.choice(len(kinds), p=shares)],
            seconds=float(random.uniform(0.1, 1.0)),
            pick=int(random.integers(2**31)),
        )


def bad_message(pick: int) -> bytes | str:
    """To the control websocket: each is refused, some end the connection."""
    random = np.random.default_rng(pick)
    hello = {"type": "hello", "version": 3, "want": "driver", "resume": None}
    noise = random.bytes(int(random.integers(1, LONGEST)))
    kinds: list[bytes | str] = [
        noise,
        "text",
        msgpack.packb({"type": "input", "seq": -1, "t": 0.0, "buttons": []}),
        msgpack.packb({**hello, "version": 99}),
        msgpack.packb({**hello, "resume": "no such seat"}),
        msgpack.packb({**hello, "more": noise}),
        bytes(5000),
    ]
    return kinds[pick % len(kinds)]


def bad_request(pick: int, session: str) -> BadRequest:
    """Over HTTP: each is refused."""
    noise = np.random.default_rng(pick).bytes(LONGEST)
    sdp, json = "application/sdp", "application/json"
    kinds = [
        BadRequest("POST", "/sessions", json, noise),
        BadRequest("POST", "/sessions", json, b'{"world": "atlantis"}'),
        BadRequest("POST", f"/sessions/{session}/whep", sdp, b"v=0\r\n" + noise),
        BadRequest("POST", f"/sessions/{session}/whep", json, b"{}"),
        BadRequest("POST", f"/sessions/{session}/rewind", json, b'{"seconds": 1e9}'),
        BadRequest("POST", "/snapshots", "application/octet-stream", noise),
        BadRequest("DELETE", f"/sessions/{session}/whep/nobody", json, b""),
        BadRequest("GET", f"/sessions/{noise[:4].hex()}", json, b""),
    ]
    return kinds[pick % len(kinds)]
