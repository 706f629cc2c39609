"""The step of a family that makes the latents of chunks first and decodes them then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import torch

from lightcone.model.interface import Actions, Chunk, Emit, UnsupportedSetting

S = TypeVar("S")
M = TypeVar("M")


class LatentStepping(Generic[S, M]):
    """A base of models with states S, whose next chunks are M until they are decoded."""

    @property
    def steps(self) -> tuple[int, ...]:
        raise NotImplementedError

    def generate(
        self, states: Sequence[S], actions: Sequence[Actions], steps: int | None = None
    ) -> M:
        """The next chunk of each state, not decoded."""
        raise NotImplementedError

    def show(self, states: Sequence[S], made: M) -> tuple[list[S], list[Chunk]]:
        """Decode the next chunk of each state; returns the states after it, too."""
        raise NotImplementedError

    @torch.inference_mode()
    def step(
        self,
        states: Sequence[S],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[S]:
        made = self.generate(states, actions, steps)
        began = time.perf_counter()
        after, chunks = self.show(states, made)
        # a GPU may still generate when decoding is asked for, so what that takes is not known
        decode_s = 0.0 if torch.cuda.is_initialized() else time.perf_counter() - began
        for row, chunk in enumerate(chunks):
            emit(row, replace(chunk, decode_s=decode_s))
        return after

    def passes(self, steps: int | None) -> int:
        """Denoising steps of a chunk, by default the most. Raises UnsupportedSetting."""
        if steps is not None and steps not in self.steps:
            raise UnsupportedSetting(f"a chunk takes {self.steps} steps, not {steps}")
        return steps or self.steps[0]
