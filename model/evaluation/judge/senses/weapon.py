"""Is the player's weapon there, and does it fire? Read from pictures by the weapon's own pictures.

The game's label of the player says which picture of the weapon (sprite) is shown, by its size. The
mean of a sprite's region over many true frames is its template; pixels that vary behind it weigh
little. Which sprites are shots, the ammunition says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.truth import Played, shots

_LEFT, _TOP, _RIGHT, _BOTTOM = 0.32, 0.4, 0.68, 1.0  # where the weapon is, in shares
_ASIDE = (-0.3, 0.3)  # of the width: where it never is
_COARSE = 3  # pixels of a cell
_GRAIN = 60.0  # variance of a pixel that is steady
_FEW = 8  # frames of a sprite, below which it has no template

Key = tuple[int, int]


class WeaponReader:
    """Templates of the sprites, and the correlation from which on a weapon is there."""

    def __init__(self, plays: Sequence[Played]) -> None:
        """Raises ValueError where the truth shows no weapon, or no shot."""
        crops: dict[Key, list[NDArray[np.float32]]] = defaultdict(list)
        fired: set[Key] = set()
        for played in plays:
            keys = [_sprite(played, frame) for frame in range(len(played))]
            regions = _regions(played.frames, 0.0)
            for key, region in zip(keys, regions, strict=True):
                if key is not None:
                    crops[key].append(region)
            fired |= {key for frame in shots(played) if (key := keys[frame]) is not None}
        common = {key: np.stack(each) for key, each in crops.items() if len(each) >= _FEW}
        if not common or not fired & set(common):
            raise ValueError("no weapon, or no shot, in the true frames")
        self._shot = np.array([key in fired for key in common])
        self._weights = np.stack([_weights(each) for each in common.values()])  # (sprites, D)
        means = np.stack([each.mean(0) for each in common.values()])
        centred = means - (means * self._weights).sum(1, keepdims=True)
        self._spread = np.sqrt((centred**2 * self._weights).sum(1))
        self._templates = centred * self._weights
        there = np.concatenate([self._scores(_regions(p.frames, 0.0)).max(1) for p in plays])
        aside = np.concatenate(
            [self._scores(_regions(p.frames, off)).max(1) for p in plays for off in _ASIDE]
        )
        self.threshold = float((np.quantile(there, 0.01) + np.quantile(aside, 0.99)) / 2)

    def read(self, frames: Frames) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """For each frame: whether the weapon is there, and whether it is the picture of a shot.
        Both (F,)."""
        scores = self._scores(_regions(frames, 0.0))
        there = scores.max(1) >= self.threshold
        return there, there & self._shot[scores.argmax(1)]

    def _scores(self, regions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Weighted correlation with each template: (F, sprites)."""
        mean = regions @ self._weights.T
        spread = np.sqrt(np.maximum(regions**2 @ self._weights.T - mean**2, 1.0))
        out: NDArray[np.float32] = regions @ self._templates.T / (spread * self._spread)
        return out


def _weights(regions: NDArray[np.float32]) -> NDArray[np.float32]:
    steady = 1 / (regions.var(0) + _GRAIN)
    out: NDArray[np.float32] = steady / steady.sum()
    return out


def _sprite(played: Played, frame: int) -> Key | None:
    height, width = played.frames.shape[1:3]
    for box in played.boxes[frame]:
        if box.category == "Self":
            return round(box.width * width), round(box.height * height)
    return None


def _regions(frames: Frames, aside: float) -> NDArray[np.float32]:
    """(F, D): the weapon's place, or one beside it, coarsely."""
    count, height, width = frames.shape[:3]
    left, right = (round((side + aside) * width) for side in (_LEFT, _RIGHT))
    top, bottom = round(_TOP * height), round(_BOTTOM * height)
    down, across = (bottom - top) // _COARSE, (right - left) // _COARSE
    part = frames[:, top : top + down * _COARSE, left : left + across * _COARSE]
    cells = part.reshape(count, down, _COARSE, across, _COARSE, 3)
    out: NDArray[np.float32] = cells.mean((2, 4), dtype=np.float32).reshape(count, -1)
    return out


def first_shot(shot: NDArray[np.bool_]) -> int | None:
    """The first frame that shows a shot."""
    hits = np.flatnonzero(shot)
    return int(hits[0]) if len(hits) else None
