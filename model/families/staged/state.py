"""The state of a session in a staged world, and its way into a snapshot and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.codecs.sound import DecoderState
from lightcone.model.families.staged.network.kv_cache import Ring
from lightcone.model.families.staged.network.sampler import Latents
from lightcone.model.families.staged.prompts import Values
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.interface import Snapshot, SnapshotError


@dataclass(frozen=True)
class Prompted:
    """The prompt of a session: the value of each attribute, and its encoded text, (1, text),
    `before` and `after` the last change, which began with chunk `at` and is spread over
    `chunks`."""

    values: Values
    before: Tensor
    after: Tensor
    at: int
    chunks: int

    def text(self, chunk: int) -> Tensor:
        """At the chunk of that index, (1, text)."""
        share = (chunk - self.at + 1) / self.chunks
        if share >= 1:
            return self.after
        return torch.lerp(self.before, self.after, max(share, 0.0))


@dataclass(frozen=True)
class StagedState:
    """Everything a session needs to go on; no tensor of it is ever written to.

    `past` are the first chunk and the last ones, as many as the window holds, each with a batch
    axis of 1, as in `ring` and `sound_state`. No tensor is a view into those of a batch, so
    keeping a state keeps the memory of no other.
    """

    world: str
    chunk: int
    seed: int
    ring: Ring
    past: tuple[Latents, ...]
    prompt: Prompted
    sound_state: DecoderState

    @property
    def frame(self) -> int:
        return self.chunk * FRAMES

    @property
    def last(self) -> Latents:
        return self.past[-1]

    def tensors(self) -> dict[str, Tensor]:
        """All that it holds, by name."""
        past = Latents.cat(self.past)
        return {
            "keys": self.ring.keys,
            "values": self.ring.values,
            "picture": past.picture,
            "sound": past.sound,
            "facts": past.state,
            "before": self.prompt.before,
            "after": self.prompt.after,
            **{f"tail.{i}": tail for i, tail in enumerate(self.sound_state)},
        }


@dataclass(frozen=True)
class Made:
    """The next chunk of B states: its latents, and the rings in which its keys are."""

    latents: Latents
    ring: Ring


def advanced(states: Sequence[StagedState], made: Made, window: int) -> list[StagedState]:
    """The states after a chunk, but for the sound decoder's part of them."""
    return [
        replace(
            state,
            chunk=state.chunk + 1,
            ring=ring,
            past=(state.past[0], *(*state.past[1:], latents)[-window:]),
        )
        for state, latents, ring in zip(
            states, made.latents.split(), made.ring.split(), strict=True
        )
    ]


def digest(state: StagedState) -> bytes:
    """16 bytes that name the latents and the facts of the last chunk."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in (state.last.picture, state.last.sound, state.last.state):
        found.update(_array(tensor).tobytes())
    return found.digest()


def to_snapshot(state: StagedState, fingerprint: str) -> Snapshot:
    """A copy: nothing of it is shared with the state."""
    tensors = state.tensors()
    prompt = state.prompt
    return Snapshot(
        world=state.world,
        fingerprint=fingerprint,
        frame=state.frame,
        arrays={name: _array(tensor).copy() for name, tensor in tensors.items()},
        meta={
            "chunk": state.chunk,
            "seed": state.seed,
            "prompt": {"values": list(prompt.values), "at": prompt.at, "chunks": prompt.chunks},
            "bfloat16": [name for name, t in tensors.items() if t.dtype == torch.bfloat16],
        },
    )


def from_snapshot(
    snapshot: Snapshot, like: Mapping[str, Tensor], device: torch.device
) -> StagedState:
    """Raises SnapshotError where it does not hold such tensors as those of another state of the
    world, `like`, as many past chunks as there are aside."""
    try:
        meta = snapshot.meta
        half = set(meta["bfloat16"])
        tensors = {
            name: _tensor(array, name in half).to(device) for name, array in snapshot.arrays.items()
        }
        _check(tensors, like)
        prompt = Prompted(
            tuple(int(value) for value in meta["prompt"]["values"]),
            tensors["before"],
            tensors["after"],
            int(meta["prompt"]["at"]),
            int(meta["prompt"]["chunks"]),
        )
        past = Latents(tensors["picture"], tensors["sound"], tensors["facts"])
        state = StagedState(
            world=snapshot.world,
            chunk=int(meta["chunk"]),
            seed=int(meta["seed"]),
            ring=Ring(tensors["keys"], tensors["values"]),
            past=tuple(past.split()),
            prompt=prompt,
            sound_state=tuple(
                tensors[f"tail.{i}"] for i in range(sum(n.startswith("tail.") for n in tensors))
            ),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SnapshotError(f"the snapshot holds no state of a staged world: {error}") from error
    if state.frame != snapshot.frame or state.chunk < 0 or prompt.chunks < 1:
        raise SnapshotError("the snapshot holds no state of a staged world: its frame is wrong")
    return state


_PAST = ("picture", "sound", "facts")  # whose first axis is that of the past chunks


def _check(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    if set(tensors) != set(like):
        raise ValueError("other arrays than expected")
    for name, tensor in tensors.items():
        first = 1 if name in _PAST else 0
        expected = like[name]
        if tensor.dtype != expected.dtype or tensor.shape[first:] != expected.shape[first:]:
            raise ValueError(f"'{name}' is {tensor.dtype} {tuple(tensor.shape)}")
    chunks = len(tensors["picture"])
    if chunks == 0 or any(len(tensors[name]) != chunks for name in _PAST):
        raise ValueError("the past is not whole")


def _array(tensor: Tensor) -> NDArray[Any]:
    """numpy has no bfloat16: its bits, as uint16."""
    plain = tensor.detach().cpu().contiguous()
    if plain.dtype == torch.bfloat16:
        return plain.view(torch.int16).numpy().view(np.uint16)
    return plain.numpy()


def _tensor(array: NDArray[Any], bfloat16: bool) -> Tensor:
    if bfloat16:
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    return torch.from_numpy(array.copy())
