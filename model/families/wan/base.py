"""What models have in common that make latents in chunks and decode them one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from lightcone.model.families.wan.checkpoint.budget import free_bytes
from lightcone.model.families.wan.context import recomputed
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.passes import Rows
from lightcone.model.families.wan.network.sampler import begun, noise_of, shifted
from lightcone.model.families.wan.overlap import overlapped
from lightcone.model.families.wan.showing import shown
from lightcone.model.families.wan.state import VideoState, digest
from lightcone.model.families.wan.variants import Variant
from lightcone.model.families.wan.weights import Place, VideoWeights, session_parts
from lightcone.model.interface import (
    Actions,
    Cost,
    Emit,
    ModelError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WorldInfo,
)
from lightcone.model.runtime.costs import measured

_MOST = 4  # sessions in one step, where memory allows: at 1.3B one fills a large GPU


W = TypeVar("W", bound=VideoWeights)
S = TypeVar("S", bound=VideoState)


class VideoModel(Generic[W, S]):
    """A base of models with weights W for each world and states S. A step batches states of one
    world, however full their windows are.

    Thread-safe: weights are only read, and states are never written to.
    """

    version: str
    """Of the family: another one steps differently, or has other states."""

    def __init__(self, weights: Sequence[W], place: Place, *, steps: int | None) -> None:
        """`steps`: the most denoising steps of a chunk; by default each world's own. Raises
        UnsupportedSetting."""
        self._weights = {each.variant.name: each for each in weights}
        self._place = place
        self._steps = _steps([each.variant for each in weights], steps)
        named = [self.version, str(place.dtype), *sorted(each.digest for each in weights)]
        self._fingerprint = sha256(" ".join(named).encode()).hexdigest()
        self._costs: dict[str, Cost] = {}
        self._measuring = Lock()

    @property
    def worlds(self) -> Mapping[str, WorldInfo]:
        return {name: each.variant.info for name, each in self._weights.items()}

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def steps(self) -> tuple[int, ...]:
        return self._steps

    # what each family does in its own way

    def rows(self, states: Sequence[S], actions: Sequence[Actions]) -> tuple[Rows, list[S]]:
        """What the next chunk of each state is made with, and the states with what they keep of
        the actions."""
        raise NotImplementedError

    def rows_before(self, state: S, past: Past, first: int) -> Rows:
        """What a chunk of its newest latents or its sink, at position `first` of the video, was
        made with, after this past."""
        raise NotImplementedError

    def bare(self, weights: W, snapshot: Snapshot) -> S:
        """What a snapshot holds, without keys and decoder tails. Raises SnapshotError."""
        raise NotImplementedError

    def blank(self, world: str) -> S:
        """A state at the beginning, for measuring."""
        raise NotImplementedError

    # how they go on

    @torch.inference_mode()
    def step(
        self,
        states: Sequence[S],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[S]:
        if steps is not None and steps not in self.steps:
            raise UnsupportedSetting(f"a chunk takes {self.steps} steps, not {steps}")
        worlds = {(s.world, s.chunk == 0) for s in states}
        if len(worlds) != 1:
            raise ModelError("a step is of states of one world and of equal chunk length")
        weights = self.weights_of(states[0].world)
        variant = weights.variant
        even = variant.steps[min(steps or self.steps[0], max(variant.steps))]
        if states[0].chunk == 0 and variant.first_steps is not None:
            even = variant.first_steps
        seeds, chunks = [s.seed for s in states], [s.chunk for s in states]
        window = variant.window
        noise = noise_of(variant.transformer, window.chunk, len(even), seeds, chunks, self._like)
        latents, finish = self.generate(states, actions, noise, shifted(even))
        after, (frames, tails) = overlapped(
            latents, finish, lambda: shown(weights.decoder, states, latents, emit)
        )
        return [
            replace(  # type: ignore[type-var]
                state, chunk=state.chunk + 1, frame=state.frame + frames, tails=tails[row]
            )
            for row, state in enumerate(after)
        ]

    def generate(
        self, states: Sequence[S], actions: Sequence[Actions], noise: Tensor, steps: Sequence[float]
    ) -> tuple[Tensor, Callable[[], list[S]]]:
        """The latents (B, chunk, C, rows, columns) of the next chunk of each state, from `noise`
        (steps, B, ...) by these timesteps; and what gives the states with these in their past, for
        the rest as they were."""
        weights = self.weights_of(states[0].world)
        window = weights.variant.window
        rows, acted = self.rows(states, actions)
        latents, finish = begun(
            weights.transformer, window, rows, noise, steps, weights.store, weights.passes
        )
        return latents, lambda: [
            replace(  # type: ignore[type-var]
                state, past=past, seen=state.seen.with_next(latents[row], window)
            )
            for row, (state, past) in enumerate(zip(acted, finish(), strict=True))
        ]

    # states as data

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot) -> S:
        """Keys and the decoder's tails are computed anew of the latents, see `state`."""
        if snapshot.world not in self._weights:
            raise SnapshotError(f"the snapshot is of '{snapshot.world}', a world that is not here")
        if snapshot.fingerprint != self.fingerprint:
            raise SnapshotError("the snapshot was made with another model, or other weights")
        weights = self._weights[snapshot.world]
        bare = self.bare(weights, snapshot)
        return recomputed(weights, bare, partial(self.rows_before, bare))

    def digest(self, state: S) -> bytes:
        return digest(state.seen, self.weights_of(state.world).variant.window)

    def release(self, state: S) -> None:
        """Does nothing: a state holds only memory."""

    def cost(self, world: str) -> Cost:
        """Of steps with a full window. The bytes are those that one moment more of a session takes:
        it shares all blocks but the newest with the moment before it."""
        with self._measuring:
            if world not in self._costs:
                variant = self.weights_of(world).variant
                state = self.blank(world)
                for _ in range(variant.window.size // variant.window.chunk):
                    actions = variant.info.actions([], frames=variant.info.frames_of(state.chunk))
                    [state] = self.step([state], [actions], lambda row, part: None)
                held = (state.seen.newest, *state.tails)
                size = sum(t.numel() * t.element_size() for t in held)
                size += state.past.blocks[-1].kept.bytes
                device = self._place.device
                each = sum(session_parts(variant, self._place).values())
                most = max(1, min(_MOST, free_bytes(device) // each))
                model: Any = self
                self._costs[world] = measured(
                    model, state, size, cuda=device.type == "cuda", most=most
                )
            return self._costs[world]

    def close(self) -> None:
        """Does nothing: a model holds only memory."""

    def weights_of(self, world: str) -> W:
        """Raises UnknownWorld."""
        try:
            return self._weights[world]
        except KeyError:
            known = ", ".join(self._weights)
            raise UnknownWorld(f"unknown world '{world}' (known: {known})") from None

    @property
    def _like(self) -> Tensor:
        return torch.zeros(0, device=self._place.device, dtype=self._place.dtype)


def _steps(variants: Sequence[Variant], most: int | None) -> tuple[int, ...]:
    """The numbers of steps that at least one of the worlds takes, at most so many."""
    every = {n for each in variants for n in each.steps}
    if most is not None and most not in every:
        known = ", ".join(str(n) for n in sorted(every))
        raise UnsupportedSetting(f"a chunk takes {known} steps, not {most}")
    return tuple(sorted((n for n in every if n <= (most or n)), reverse=True))
