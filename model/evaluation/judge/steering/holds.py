"""What all that is steered shares: what is seen of it, and what was held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.interface import Actions, WorldInfo

NEAR = 0.10  # of what the truth moves
Seen = NDArray[np.float32]
"""Of each frame: (F,), or more numbers of each (F, n)."""


@dataclass(frozen=True)
class Steered:
    """`ratios`: of each hold, how far it went over how far the truth goes. `still`: of each rest,
    whether it moved less than 10 % of what it would at full rate."""

    ratios: list[float]
    still: list[bool]


class Steering(Protocol):
    def look(self, frames: Frames, before: Frames | None, text: str | None) -> Seen:
        """What is seen of each of the frames (F,); `before` is the frame before them."""
        ...

    def steered(self, seen: Seen, actions: Actions, info: WorldInfo) -> Steered:
        """All that was seen, one look after the other, and what was held."""
        ...


def keys(
    actions: Actions, info: WorldInfo, left: str, right: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each of two keys is held, (F,)."""
    names = [each.name for each in info.buttons]
    return actions[:, names.index(left)] > 0.5, actions[:, names.index(right)] > 0.5


def held_for(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For how many frames, with this one, either key was held: (F,)."""
    out = np.zeros(len(left), np.int64)
    for frame in range(len(left)):
        if left[frame] or right[frame]:
            out[frame] = 1 + (out[frame - 1] if frame else 0)
    return out


def holds(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> list[tuple[int, int, int]]:
    """Spans in which exactly one of the two keys is held: first frame, the frame after the last,
    and 1 for left or -1 for right."""
    side = left.astype(int) - right.astype(int)
    return [(a, b, int(side[a])) for a, b in spans_of(side)]


def rests(left: NDArray[np.bool_], right: NDArray[np.bool_], frames: int) -> list[tuple[int, int]]:
    """Spans of at least so many frames in which neither key is held."""
    return [(a, b) for a, b in spans_of(~(left | right)) if b - a >= frames]


def spans_of(values: NDArray[Any]) -> list[tuple[int, int]]:
    """Of numbers (F,): the spans in which they stay the same and are not 0."""
    edges = [0, *(np.flatnonzero(np.diff(values.astype(int))) + 1).tolist(), len(values)]
    return [(a, b) for a, b in pairwise(edges) if values[a:b].any()]


def lately(values: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Whether something was so in a frame or in one of so many before it: (..., F)."""
    out = values.copy()
    for back in range(1, frames + 1):
        out[..., back:] |= values[..., :-back]
    return out
