"""The state of a session, and its way into a snapshot and back.

A snapshot holds the newest clean latents, not the keys that were computed of them: those of the
1.3B are gigabytes. Keys and the decoder's tails are computed anew when it is restored. What left
the window before is not in them, so a restored session goes on from the same pictures, but not to
the bit, once it is longer than its window.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.decoder import Tails
from lightcone.model.interface import Snapshot, SnapshotError


@dataclass(frozen=True)
class Prompted:
    """The texts of a session, each (text_length, text_width): `before` and `after` the last change,
    which began with chunk `at` and is spread over `chunks`."""

    before: Tensor
    after: Tensor
    at: int = 0
    chunks: int = 1

    def text(self, chunk: int) -> Tensor:
        share = (chunk - self.at + 1) / self.chunks
        return self.after if share >= 1 else torch.lerp(self.before, self.after, max(share, 0.0))


@dataclass(frozen=True)
class Seen:
    """Clean latents (F, C, rows, columns): the `sink` of the video, and the `newest`, at most a
    window of them. The sink is in the newest as long as the video is no longer than a window."""

    sink: Tensor
    newest: Tensor

    def with_next(self, latents: Tensor, window: Window) -> Seen:
        newest = torch.cat([self.newest, latents])
        sink = newest[: window.sink].clone() if len(self.sink) < window.sink else self.sink
        return Seen(sink, newest[-window.size :].clone())


class VideoState(Protocol):
    """What states of all models have that make latents in chunks."""

    @property
    def world(self) -> str: ...
    @property
    def chunk(self) -> int: ...
    @property
    def frame(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def past(self) -> Past: ...
    @property
    def seen(self) -> Seen: ...
    @property
    def tails(self) -> Tails: ...


@dataclass(frozen=True)
class WanState:
    """Everything a session needs to go on; no tensor of it is ever written to."""

    world: str
    chunk: int
    frame: int
    seed: int
    past: Past
    seen: Seen
    prompt: Prompted
    tails: Tails

    def latents(self, window: Window) -> int:
        """Of the video so far."""
        return self.chunk * window.chunk


def digest(seen: Seen, window: Window) -> bytes:
    """16 bytes that name the latents of the last chunk."""
    newest = seen.newest[-window.chunk :]
    return hashlib.blake2b(array_of(newest).tobytes(), digest_size=16).digest()


def to_snapshot(state: WanState, fingerprint: str) -> Snapshot:
    arrays = {
        "sink": state.seen.sink,
        "newest": state.seen.newest,
        "before": _short(state.prompt.before),
        "after": _short(state.prompt.after),
    }
    return Snapshot(
        world=state.world,
        fingerprint=fingerprint,
        frame=state.frame,
        arrays={name: array_of(tensor) for name, tensor in arrays.items()},
        meta={
            "chunk": state.chunk,
            "seed": state.seed,
            "prompt": {"at": state.prompt.at, "chunks": state.prompt.chunks},
        },
    )


def from_snapshot(
    snapshot: Snapshot, blank: WanState, window: Window, frames: tuple[int, int]
) -> WanState:
    """What a snapshot holds, without keys and tails; `blank` is a state of its world at the
    beginning, `frames` those of the first chunk and of all others. Raises SnapshotError."""
    try:
        meta = snapshot.meta
        prompt = meta["prompt"]
        like = blank.seen.newest
        sink, newest = (tensor_of(snapshot.arrays[name], like) for name in ("sink", "newest"))
        if sink.shape[1:] != like.shape[1:] or newest.shape[1:] != like.shape[1:]:
            raise ValueError("its latents have another shape")
        state = WanState(
            world=snapshot.world,
            chunk=int(meta["chunk"]),
            frame=snapshot.frame,
            seed=int(meta["seed"]),
            past=Past(),
            seen=Seen(sink, newest),
            prompt=Prompted(
                _long(tensor_of(snapshot.arrays["before"], like), blank.prompt.before),
                _long(tensor_of(snapshot.arrays["after"], like), blank.prompt.before),
                int(prompt["at"]),
                int(prompt["chunks"]),
            ),
            tails=blank.tails,
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SnapshotError(f"the snapshot holds no state of this world: {error}") from error
    if state.prompt.chunks < 1 or not fits(state.chunk, state.frame, state.seen, window, frames):
        raise SnapshotError("the snapshot holds no state of this world: its frames do not fit")
    return state


def fits(chunk: int, frame: int, seen: Seen, window: Window, frames: tuple[int, int]) -> bool:
    """Whether so many chunks of a video, the first and others of so many frames, are so many frames
    and leave so many latents."""
    latents = chunk * window.chunk
    counts = len(seen.newest), len(seen.sink)
    expected = frames[0] * min(chunk, 1) + frames[1] * max(chunk - 1, 0)
    kept = min(latents, window.size), min(latents, window.sink)
    return chunk >= 0 and frame == expected and counts == kept


def _short(text: Tensor) -> Tensor:
    """Without the zeros after it."""
    used = text.abs().amax(1).nonzero()
    return text[: int(used[-1]) + 1 if len(used) else 0]


def _long(text: Tensor, like: Tensor) -> Tensor:
    if text.ndim != 2 or text.shape[1] != like.shape[1] or len(text) > len(like):
        raise ValueError("its text has another shape")
    return torch.cat([text, like.new_zeros(len(like) - len(text), like.shape[1])])


def tensor_of(array: NDArray[Any], like: Tensor) -> Tensor:
    return torch.from_numpy(np.array(array)).to(like)


def array_of(tensor: Tensor) -> NDArray[Any]:
    """What numpy and snapshots can hold."""
    plain = tensor.detach().cpu()
    if plain.dtype == torch.bfloat16:  # which numpy has not; float32 holds it exactly
        plain = plain.float()
    array: NDArray[Any] = plain.numpy().copy()
    return array
