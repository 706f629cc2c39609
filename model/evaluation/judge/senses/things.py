"""Where players and balls are, and how many: a reader that learned from the simulator's pictures
alone, and never saw a model's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames, NotJudged
from lightcone.model.families.staged.prompts import grammar
from lightcone.model.families.staged.reading.reader import Reader, Reading
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import ModelError, WeightsError

SPOTTED = ("court", "pond")  # worlds in which the reader finds things
Place = NDArray[np.float32]


class Spotter:
    """Things in pictures of a camera that shows all of a world."""

    def __init__(self, reader: Reader, world: str) -> None:
        self._reader, self._grammar, self.world = reader, grammar(world), world

    @classmethod
    def load(cls, weights: Path, world: str) -> Spotter:
        """The reader in the weights of a staged world. Raises NotJudged."""
        try:
            return cls(Weights.load(weights).reader, world)
        except WeightsError as error:
            raise NotJudged(f"a reader of pictures is needed (--detector FILE): {error}") from error

    def player(self, frames: Frames, text: str | None) -> tuple[Place, Place]:
        """Where the player in the world with this caption is in each frame: x and y (F,) of his
        middle, in picture heights, y up, NaN where there is not exactly one, on the court in his
        shirt."""
        reading = self._read(frames)
        player = "person" if self.world == "pond" else self._shirts(text)[0]
        x, y = reading.positions(wide=True)[player]
        one = reading.exactly_one(player)
        return tuple(torch.where(one, v, torch.nan).numpy() for v in (x, y))  # type: ignore[return-value]

    def whole(self, frames: Frames, text: str | None) -> NDArray[np.bool_]:
        """Is there as much of everything as the caption says? On the court one ball, one in each
        shirt that it names, none in another; on the pond one board and one person: (F,)."""
        reading = self._read(frames)
        wanted = self._wanted(text)
        columns = [reading.world.things.index(thing) for thing in wanted]
        counts = reading.counts.argmax(-1)[:, columns]
        right: NDArray[np.bool_] = (counts == torch.tensor(list(wanted.values()))).all(1).numpy()
        return right

    def _wanted(self, text: str | None) -> Mapping[str, int]:
        if self.world == "pond":
            return {"board": 1, "person": 1}
        there = self._shirts(text)
        return {"ball": 1, **{s: int(s in there) for s in self._grammar.words["shirt"]}}

    def _shirts(self, text: str | None) -> list[str]:
        """The player's, then the rival's, if there is one."""
        try:
            asked = self._grammar.asked(text or "", begun=False)
        except ModelError as error:
            raise NotJudged(f"'{text}' is no caption of '{self.world}'") from error
        shirts = self._grammar.words["shirt"]
        return [shirts[asked[name]] for name in ("shirt", "rival") if name in asked]

    def _read(self, frames: Frames) -> Reading:
        pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)
        return self._reader.read(self.world, pictures)
