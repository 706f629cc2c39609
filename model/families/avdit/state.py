"""The state of a session, and its way into a snapshot and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.codecs.sound import DecoderState
from lightcone.model.families.avdit.network.cache import Block, Past
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.interface import Snapshot, SnapshotError


@dataclass(frozen=True)
class Prompted:
    """The words of a session, each (words,): `before` and `after` the last change, which began
    with chunk `at` and is spread over `chunks`."""

    before: Tensor
    after: Tensor
    at: int = 0
    chunks: int = 1

    def text(self, chunk: int) -> Tensor:
        share = (chunk - self.at + 1) / self.chunks
        return self.after if share >= 1 else torch.lerp(self.before, self.after, max(share, 0.0))


@dataclass(frozen=True)
class Known:
    """A chunk that was made or observed, and what it was made under; no batch axis."""

    latents: Latents
    actions: Tensor  # (frames, controls)
    text: Tensor  # (words,)


@dataclass(frozen=True)
class AvditState:
    """Everything a session needs to go on; no tensor of it is ever written to.

    `chunk` counts the chunks that were made, `frame` their frames. `last` is the newest chunk,
    whose keys are not in `past` yet, `before` the end of the chunk before it (no batch axis),
    `tails` the sound decoder's memory. `seen` counts the chunks before the next one, those that
    were observed included.
    """

    world: str
    chunk: int
    frame: int
    seed: int
    past: Past
    last: Known
    before: Latents
    prompt: Prompted
    tails: DecoderState
    seen: int = 0


def digest(state: AvditState) -> bytes:
    """16 bytes that name the latents of the last chunk."""
    found = hashlib.blake2b(digest_size=16)
    for tensor in state.last.latents:
        found.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    return found.digest()


def to_snapshot(state: AvditState, fingerprint: str) -> Snapshot:
    """A copy: nothing of it is shared with the state."""
    return Snapshot(
        world=state.world,
        fingerprint=fingerprint,
        frame=state.frame,
        arrays={name: _array(tensor) for name, tensor in tensors_of(state).items()},
        meta={
            "chunk": state.chunk,
            "seed": state.seed,
            "seen": state.seen,
            "prompt": {"at": state.prompt.at, "chunks": state.prompt.chunks},
        },
    )


def tensors_of(state: AvditState) -> dict[str, Tensor]:
    """All that a state holds, by name."""
    last, prompt = state.last, state.prompt
    blocks = [block.data for block in state.past.blocks]
    return {
        "past": torch.stack(blocks) if blocks else torch.zeros(0),
        **last.latents._asdict(),
        **{f"before.{name}": tensor for name, tensor in state.before._asdict().items()},
        "actions": last.actions,
        "text": last.text,
        "prompt.before": prompt.before,
        "prompt.after": prompt.after,
        **{f"tail.{i}": tail for i, tail in enumerate(state.tails)},
    }


def from_snapshot(snapshot: Snapshot, like: AvditState, device: torch.device) -> AvditState:
    """Raises SnapshotError where it does not hold such tensors as another state of the world,
    `like`, with any number of blocks in its past."""
    try:
        meta = snapshot.meta
        expected = tensors_of(like)
        tensors = {
            name: torch.from_numpy(np.array(array)).to(device, expected[name].dtype)
            for name, array in snapshot.arrays.items()
        }
        shapes = {name: tensor.shape[name == "past" :] for name, tensor in tensors.items()}
        if shapes != {name: tensor.shape[name == "past" :] for name, tensor in expected.items()}:
            raise ValueError("its arrays have other shapes")
        latents = Latents(*(tensors[name] for name in Latents._fields))
        state = AvditState(
            world=snapshot.world,
            chunk=int(meta["chunk"]),
            frame=int(meta["chunk"]) * len(tensors["actions"]),
            seed=int(meta["seed"]),
            past=Past(tuple(Block(each.clone()) for each in tensors["past"])),
            last=Known(latents, tensors["actions"], tensors["text"]),
            before=Latents(*(tensors[f"before.{name}"] for name in Latents._fields)),
            prompt=Prompted(
                tensors["prompt.before"],
                tensors["prompt.after"],
                int(meta["prompt"]["at"]),
                int(meta["prompt"]["chunks"]),
            ),
            tails=tuple(tensors[f"tail.{i}"] for i in range(len(like.tails))),
            seen=int(meta["seen"]),
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SnapshotError(f"the snapshot holds no state of this world: {error}") from error
    if state.frame != snapshot.frame or state.chunk < 0 or state.prompt.chunks < 1:
        raise SnapshotError("the snapshot holds no state of this world: its frame is wrong")
    return state


def side_by_side(states: Sequence[Latents]) -> Latents:
    """(B, ...) of latents without batch axis."""
    return Latents(*(torch.stack(each) for each in zip(*states, strict=True)))


def _array(tensor: Tensor) -> NDArray[Any]:
    plain = tensor.detach().cpu()
    if plain.dtype == torch.bfloat16:  # which numpy has not; float32 holds it exactly
        plain = plain.float()
    array: NDArray[Any] = plain.numpy().copy()
    return array
