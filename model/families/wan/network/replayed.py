"""Passes that are recorded once and repeated, with what changes copied to fixed places."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.passes import CLEAN, Pass, Rows, at
from lightcone.model.families.wan.network.transformer import Backbone
from lightcone.model.runtime.graphs import Record


class ReplayedPass(Pass):
    """Holds the keys and values side by side, the inputs and the results of its rows for good."""

    def __init__(
        self, model: Backbone, window: Window, rows: Rows, like: Tensor, record: Record
    ) -> None:
        own = rows.copied()
        super().__init__(model, window, own, like)
        self._rows = replace(own, pasts=())  # which would keep their blocks
        self._latents, self._timesteps = like.clone(), at(CLEAN, like)
        self._flow, self._repeat = record(lambda: self._once(self._latents, self._timesteps))

    def load(self, rows: Rows) -> None:
        """Those of other states, whose pasts are as long."""
        for place, given in zip(self._rows.tensors, rows.tensors, strict=True):
            place.copy_(given)
        self._context.load(rows.pasts, rows.starts)
        self._rows = replace(self._rows, starts=rows.starts)

    def flow(self, latents: Tensor, timestep: float) -> Tensor:
        """Overwritten by the next pass."""
        self._latents.copy_(latents)
        self._timesteps.fill_(timestep)
        self._repeat()
        return self._flow

    def read(self, latents: Tensor) -> None:
        self.flow(latents, CLEAN)


class Passes:
    """Gives passes: with a `record`, repeated ones to a single state whose window is full, where
    launching takes longest beside computing and the shapes are always the same. There is one such
    pass; while it is in use, others are made as they are. Thread-safe."""

    def __init__(self, record: Record | None = None) -> None:
        self._record = record
        self._free: list[ReplayedPass | None] = [None] if record else []  # None: not yet recorded

    def take(self, model: Backbone, window: Window, rows: Rows, like: Tensor) -> Pass:
        """`like`: latents (B, F, C, rows, columns). To be given back."""
        if self._record is None or len(rows.pasts) > 1 or not rows.pasts[0].full(window):
            return Pass(model, window, rows, like)
        try:
            free = self._free.pop()
        except IndexError:
            return Pass(model, window, rows, like)
        try:
            found = free or ReplayedPass(model, window, rows, like, self._record)
            found.load(rows)
        except BaseException:
            self._free.append(None)
            raise
        return found

    def give_back(self, used: Pass) -> None:
        if isinstance(used, ReplayedPass):
            self._free.append(used)


AS_THEY_ARE = Passes()
