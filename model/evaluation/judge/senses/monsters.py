"""A detector of monsters, trained on the game's own labels: the judge's eye for what moves.

It is a small heat map (CenterNet, Zhou et al. 2019, without sizes): a peak is a monster. It has
never seen a generated picture, and it is shown its training pictures also blurred, so that a
generated monster counts where a person would see one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.evaluation.judge.protocol import Frames, NotJudged
from lightcone.model.families.env.player import Box

CELL = 8  # pixels of a cell of the heat map, along each side
SEEN = 9 / 192  # height of a monster, as a share of the picture, that has to be found
MARGIN = 4.0  # pixels around a box within which a peak still is its monster's
_WIDTH = 48
_DILATIONS = (1, 2, 4, 1)
_BATCH = 16
DETECTORS = Path(__file__).parent / "detectors"

Peak = tuple[float, float]
"""x and y in pixels."""


@dataclass(frozen=True)
class Found:
    """How peaks compare to boxes, over some frames."""

    matched: int
    found: int  # peaks that count
    true: int  # boxes that count

    def __add__(self, other: Found) -> Found:
        return Found(self.matched + other.matched, self.found + other.found, self.true + other.true)

    @property
    def f1(self) -> float:
        return 2 * self.matched / max(1, self.found + self.true)


class MonsterNet(nn.Module):
    """Pictures (B, 3, H, W) in 0..1 -> logits of the heat map (B, H / 8, W / 8)."""

    def __init__(self, width: int = _WIDTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.SiLU(),
            nn.Conv2d(16, 24, 3, 2, 1), nn.SiLU(),
            nn.Conv2d(24, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU(),
        )  # fmt: skip
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, d, d), nn.GroupNorm(8, width), nn.SiLU())
            for d in _DILATIONS
        )
        self.head = nn.Conv2d(width, 1, 1)
        with torch.no_grad():  # at first, next to nowhere is a monster
            self.head.bias = nn.Parameter(torch.full((1,), -4.0))

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.stem(2 * pictures - 1)
        for block in self.blocks:
            x = x + block(x)
        logits: Tensor = self.head(x)[:, 0]
        return logits


class MonsterDetector:
    """A trained net and the height above which a peak is a monster."""

    def __init__(self, net: MonsterNet, threshold: float) -> None:
        self._net, self._threshold = net.eval(), threshold

    def find(self, frames: Frames) -> list[list[Peak]]:
        """The monsters of each frame (F, H, W, 3), strongest first."""
        return [
            [(x, y) for x, y, height in each if height > self._threshold]
            for each in peaks(self._net, frames)
        ]

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        weights = {k: v.half().contiguous() for k, v in self._net.state_dict().items()}
        save_file(weights, path, {"threshold": f"{self._threshold:.4f}"})

    @classmethod
    def load(cls, path: Path) -> MonsterDetector:
        """Raises NotJudged."""
        try:
            with safetensors.safe_open(path, "pt") as file:
                weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
                threshold = float((file.metadata() or {})["threshold"])
            net = MonsterNet()
            net.load_state_dict(weights)
        except (OSError, KeyError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
            raise NotJudged(f"{path} holds no detector of monsters: {error}") from error
        return cls(net, threshold)


@torch.no_grad()
def peaks(net: MonsterNet, frames: Frames) -> list[list[tuple[float, float, float]]]:
    """x, y in pixels and the probability of each local maximum above 0.05, highest first."""
    out: list[list[tuple[float, float, float]]] = []
    for start in range(0, len(frames), _BATCH):
        heat = net(as_pictures(frames[start : start + _BATCH])).sigmoid()
        top = F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] == heat
        for one, local in zip(heat, top, strict=True):
            rows, columns = (local & (one > 0.05)).nonzero(as_tuple=True)
            found = [
                ((c + 0.5) * CELL, (r + 0.5) * CELL, float(one[r, c]))
                for r, c in zip(rows.tolist(), columns.tolist(), strict=True)
            ]
            out.append(sorted(found, key=lambda each: -each[2]))
    return out


def as_pictures(frames: Frames) -> Tensor:
    """(F, H, W, 3) uint8 -> (F, 3, H, W) in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255


def monsters(boxes: Sequence[Box]) -> list[Box]:
    return [box for box in boxes if box.category == "Monster"]


def seen(boxes: Sequence[Box]) -> list[Box]:
    """The monsters that are large enough to be asked for."""
    return [box for box in monsters(boxes) if box.height >= SEEN]


def compare(found: Sequence[Peak], boxes: Sequence[Box], width: int, height: int) -> Found:
    """Of one frame. A peak is right where it lies in a box, widened by `MARGIN`, that has no peak
    yet. Smaller monsters than `SEEN` are neither asked for nor counted against whoever finds
    them."""

    def within(peak: Peak, box: Box) -> bool:
        left, top = box.left * width - MARGIN, box.top * height - MARGIN
        right = (box.left + box.width) * width + MARGIN
        bottom = (box.top + box.height) * height + MARGIN
        return left <= peak[0] <= right and top <= peak[1] <= bottom

    left = list(found)
    matched, true = 0, seen(boxes)
    for box in sorted(true, key=lambda each: each.width * each.height):
        hit = next((peak for peak in left if within(peak, box)), None)
        if hit is not None:
            left.remove(hit)
            matched += 1
    faint = [box for box in monsters(boxes) if box.height < SEEN]
    extra = [peak for peak in left if not any(within(peak, box) for box in faint)]
    return Found(matched, matched + len(extra), len(true))
