"""What the server answers over HTTP (docs/protocol.md, "Sessions over HTTP"). Members that are not
named here are ignored."""

from __future__ import annotations

from typing import Literal

import msgspec


class Body(msgspec.Struct, frozen=True):
    """Plain data."""


class Control(Body, frozen=True):
    """A button by its name in inputs; `keys` are W3C UI Events `code` values."""

    name: str
    label: str
    keys: list[str] = []


class Axis(Body, frozen=True):
    """A control with a strength from `low` to `high`, 0 at rest."""

    name: str
    label: str
    low: float
    high: float


class World(Body, frozen=True):
    """An entry of the catalogue. `width` and `height` in pixels; `fps` frames a second of world
    time; `sample_rate` in Hz, None without sound; `chunk_frames` the frames of the first chunks,
    of which the last repeats."""

    name: str
    title: str
    description: str
    width: int
    height: int
    fps: int
    sample_rate: int | None
    chunk_frames: list[int]
    controls: list[Control]
    axes: list[Axis]
    prompt: Literal["none", "grammar", "free"]
    prompt_length: int
    words: list[str]
    image: Literal["none", "optional", "required"]


class SessionEntry(Body, frozen=True):
    """A session at the moment of the answer; `whep` and `control` are paths on the server."""

    id: str
    world: str
    title: str
    seed: int | None
    prompt: str
    phase: str
    reason: str | None
    viewers: int
    seats: int
    driver: bool
    media_time: float
    world_frame: int
    play_recorded: bool
    consent: str
    whep: str
    control: str


class Queued(Body, frozen=True):
    """A place in the queue, 1 for the first."""

    ticket: str
    place: int
    reason: str


class Rewound(Body, frozen=True):
    """The session goes on from `world_frame`, shown from `media_time` in seconds on."""

    world_frame: int
    stream_frame: int
    media_time: float


class SnapshotEntry(Body, frozen=True):
    """A snapshot that the server keeps; `created` is Unix time."""

    id: str
    world: str
    world_frame: int
    bytes: int
    created: float


class RecordingFiles(Body, frozen=True):
    """Paths on the server of a recorded video (MP4) and its action log (JSON lines)."""

    video: str
    log: str
