"""Episodes of this project's simulators, which are played by their own drivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import UnsupportedSetting
from lightcone.model.recordings.players.sources import PIECE, Piece, Pieces
from lightcone.model.simulators.catalogue import open_simulator

BATCH = 24  # worlds simulated at a time: the place in it chooses the driver


class SimulatorSource:
    """`seed_of` gives the seed of an episode by its number. Raises UnknownWorld, and
    UnsupportedSetting for a size that the simulator does not draw."""

    numbers: tuple[str, ...] = ()

    def __init__(
        self,
        world: str,
        name: str,
        seed_of: Callable[[int], int],
        size: tuple[int, int] | None = None,
    ) -> None:
        self._simulator = open_simulator(world)
        self._size = PictureSize() if size is None else PictureSize(size[1])
        shown = definition(world).shown_at(self._size)
        if size is not None and size != (shown.width, shown.height):
            raise UnsupportedSetting(
                f"pictures of '{world}' are 4 to 3, such as {shown.width}x{shown.height}, "
                f"not {size[0]}x{size[1]}"
            )
        self.info = replace(shown, name=name)
        self._seed_of = seed_of
        self._batch: tuple[int, int] | None = None  # number, frames
        self._truth: Any = None

    def episode(self, index: int, seed: int, most: int) -> Pieces:
        """Its `seed` is `seed_of(index)`."""
        number, place = divmod(index, BATCH)
        if self._batch is None or self._batch[0] != number or self._batch[1] < most:
            seeds = [self._seed_of(i) for i in range(number * BATCH, (number + 1) * BATCH)]
            self._truth = self._simulator.seeded_trajectories(seeds, most)
            self._batch = (number, most)
        truth = self._truth[place : place + 1, :most]
        [text] = self._simulator.captions(truth.states)
        sound = self._simulator.listen(truth)[0].numpy().astype(np.float32).clip(-1, 1)
        actions = truth.actions[0].numpy().astype(np.float32)
        for start in range(0, most, PIECE):
            stop = min(start + PIECE, most)
            frames = self._simulator.render(truth.states[:, start:stop], self._size)[0]
            begin = self.info.samples(0, start)
            heard = sound[begin : begin + self.info.samples(start, stop - start)]
            yield Piece(
                np.ascontiguousarray(frames.movedim(1, -1).numpy()),
                heard,
                actions[start:stop],
                text=text if start == 0 else None,
            )
        return False

    def close(self) -> None:
        self._truth = None


def use_one_thread() -> None:
    """Episodes are made side by side."""
    torch.set_num_threads(1)
