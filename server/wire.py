"""Messages between the server and its engine process: msgpack arrays `[type, field, ...]` on
a stream socket. Both ends are ours and of one version, so fields are not checked.

Picture and sound do not travel here but in `ChunkMemory`, which both processes map.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

from model.interface import Button, GamepadBinding, WorldInfo

# server to engine


class Load(NamedTuple):
    """First message: which world to open, and how. Answered by Ready or Refused."""

    world: str
    weights: str
    steps: int
    device: str
    probe_compute_ms: float
    slots: int


class Start(NamedTuple):
    """Make the state of a new world `key`. Answered by Done or Failed."""

    request: int
    key: str
    seed: int
    prompt: str


class Step(NamedTuple):
    """Generate the next chunk of `key` with these columns of the actions held, into `slot`.
    Answered by Done or Failed."""

    request: int
    key: str
    slot: int
    held: list[int]


class Drop(NamedTuple):
    """Forget the state of `key`. Not answered."""

    key: str


# engine to server


class Ready(NamedTuple):
    """The world is open and warm; `chunk_ms` is what a chunk took, `info` a WorldInfo as dict."""

    info: dict[str, Any]
    chunk_ms: float


class Refused(NamedTuple):
    """The world can not be opened; `kind` is the name of the ModelError."""

    kind: str
    message: str


class Done(NamedTuple):
    request: int
    chunk: int  # its index; 0 after Start
    ms: float  # time in the model


class Failed(NamedTuple):
    """`words` and `known` are filled for a prompt that was refused (kind "PromptError")."""

    request: int
    kind: str
    message: str
    words: list[str]
    known: list[str]


Message = Load | Start | Step | Drop | Ready | Refused | Done | Failed
_TYPES: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (Load, Start, Step, Drop, Ready, Refused, Done, Failed)
}


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
    return WorldInfo(**{**fields, "buttons": buttons, "words": tuple(fields["words"])})


class ChunkMemory:
    """Slots of one chunk each in a file that both processes map.

    The file has no name, so nothing is left behind however either process ends.
    """

    def __init__(self, fd: int, info: WorldInfo, slots: int) -> None:
        picture = (info.frames_per_chunk, info.height, info.width, 3)
        picture_bytes = int(np.prod(picture))
        sound_at = -(-picture_bytes // 64) * 64
        slot_bytes = -(-(sound_at + 4 * info.samples_per_chunk) // 64) * 64
        os.ftruncate(fd, slots * slot_bytes)
        memory = mmap.mmap(fd, slots * slot_bytes)
        self._frames: list[NDArray[np.uint8]] = []
        self._sound: list[NDArray[np.float32]] = []
        for slot in range(slots):
            at = slot * slot_bytes
            frames = np.frombuffer(memory, np.uint8, picture_bytes, at).reshape(picture)
            self._frames.append(frames)
            self._sound.append(
                np.frombuffer(memory, np.float32, info.samples_per_chunk, at + sound_at)
            )

    def write(self, slot: int, frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        np.copyto(self._frames[slot], frames)
        np.copyto(self._sound[slot], sound)

    def read(self, slot: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Copies: the slot may be written again at once."""
        return self._frames[slot].copy(), self._sound[slot].copy()
