"""Messages between the server and its engine process: msgpack arrays `[type, field, ...]` on
a stream socket. Both ends are ours and of one version, so fields are not checked.

Picture and sound do not travel here but in `ChunkMemory`, which both processes map.
"""

from __future__ import annotations

import math
import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

import msgpack
import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import (
    Axis,
    Button,
    GamepadBinding,
    How,
    WorldInfo,
)

ALIGNED = 64  # bytes, a cache line

# server to engine


class Load(NamedTuple):
    """First message: which worlds are asked for, and how to open them. The first is opened at
    once, the others with their first Start. Answered by Ready or Refused."""

    worlds: list[str]
    weights: str
    steps: int
    device: str
    probe_compute_ms: float
    slots: int


class Start(NamedTuple):
    """Make the state of a new `world` with this key. `image` holds the bytes of its pictures'
    shape, or nothing. Answered by Started or Failed."""

    request: int
    key: str
    world: str
    seed: int
    prompt: str
    image: bytes | None


class Prompt(NamedTuple):
    """Tell world `key` a new prompt (see `World.prompt`). Answered by Prompted or Failed."""

    request: int
    key: str
    text: str
    how: How
    chunks: int


class Step(NamedTuple):
    """Generate the next chunk of `key` with this held and these axes moved, into `slot`.
    Answered by Done or Failed."""

    request: int
    key: str
    slot: int
    held: list[str]
    axes: dict[str, float]


class Drop(NamedTuple):
    """Forget the state of `key`. Not answered."""

    key: str


# engine to server


class Ready(NamedTuple):
    """The first world is open and warm; `chunk_ms` is what a chunk of it took, `infos` the
    WorldInfo of all, as dicts."""

    infos: list[dict[str, Any]]
    chunk_ms: float


class Refused(NamedTuple):
    """The world can not be opened; `kind` is the name of the ModelError."""

    kind: str
    message: str


class Started(NamedTuple):
    """`chunk_ms` is what a chunk of this world took when it was opened."""

    request: int
    chunk_ms: float


class Prompted(NamedTuple):
    """The chunks that show the prompt first, and fully."""

    request: int
    first: int
    full: int


class Done(NamedTuple):
    """Chunk `chunk` is in its slot; it took `ms` in the model."""

    request: int
    chunk: int
    ms: float


class Failed(NamedTuple):
    """`words` and `known` are filled for a prompt that was refused (kind "PromptError")."""

    request: int
    kind: str
    message: str
    words: list[str]
    known: list[str]


Reply = Started | Prompted | Done
Message = Load | Start | Prompt | Step | Drop | Ready | Refused | Reply | Failed
_TYPES: dict[str, type[Any]] = {cls.__name__: cls for cls in get_args(Message)}


def encode(message: Message) -> bytes:
    packed: bytes = msgpack.packb((type(message).__name__, *message))
    return packed


class Decoder:
    """Messages out of a byte stream."""

    def __init__(self) -> None:
        self._unpacker = msgpack.Unpacker()

    def feed(self, data: bytes) -> Iterator[Message]:
        self._unpacker.feed(data)
        for name, *fields in self._unpacker:
            yield _TYPES[name](*fields)


def info_to_wire(info: WorldInfo) -> dict[str, Any]:
    return asdict(info)


def info_from_wire(fields: dict[str, Any]) -> WorldInfo:
    buttons = tuple(
        Button(
            name=b["name"],
            label=b["label"],
            keys=tuple(b["keys"]),
            gamepad=tuple(GamepadBinding(**g) for g in b["gamepad"]),
        )
        for b in fields["buttons"]
    )
    axes = tuple(
        Axis(**{**a, "gamepad": None if a["gamepad"] is None else GamepadBinding(**a["gamepad"])})
        for a in fields["axes"]
    )
    words = {name: tuple(fields[name]) for name in ("words", "changing_words")}
    return WorldInfo(**{**fields, "buttons": buttons, "axes": axes, **words})


class ChunkMemory:
    """Slots in a file that both processes map; each takes one chunk of any of these worlds.

    The file has no name, so nothing is left behind however either process ends.
    """

    def __init__(self, fd: int, infos: Sequence[WorldInfo], slots: int) -> None:
        self._slot_bytes = max(_sound_at(info) + 4 * info.samples_per_chunk for info in infos)
        self._slot_bytes = -(-self._slot_bytes // ALIGNED) * ALIGNED
        os.ftruncate(fd, slots * self._slot_bytes)
        self._memory = mmap.mmap(fd, slots * self._slot_bytes)

    def write(
        self, slot: int, info: WorldInfo, frames: NDArray[np.uint8], sound: NDArray[np.float32]
    ) -> None:
        pictures, samples = self._views(slot, info)
        np.copyto(pictures, frames)
        np.copyto(samples, sound)

    def read(self, slot: int, info: WorldInfo) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Copies: the slot may be written again at once."""
        frames, sound = self._views(slot, info)
        return frames.copy(), sound.copy()

    def _views(self, slot: int, info: WorldInfo) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        at, shape = slot * self._slot_bytes, _picture_shape(info)
        frames = np.frombuffer(self._memory, np.uint8, math.prod(shape), at).reshape(shape)
        at += _sound_at(info)
        return frames, np.frombuffer(self._memory, np.float32, info.samples_per_chunk, at)


def _picture_shape(info: WorldInfo) -> tuple[int, int, int, int]:
    return (info.frames_per_chunk, info.height, info.width, 3)


def _sound_at(info: WorldInfo) -> int:
    return -(-math.prod(_picture_shape(info)) // ALIGNED) * ALIGNED
