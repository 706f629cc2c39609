"""`lightcone evaluate --world doom --train-detector FILE`: the detector of monsters, from the
game's labels. Takes some minutes on one core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.senses.monsters import (
    CELL,
    SEEN,
    Found,
    MonsterDetector,
    MonsterNet,
    as_pictures,
    compare,
    monsters,
    peaks,
)
from lightcone.model.evaluation.judge.truth import Truth, deciding
from lightcone.model.families.env.player import Box
from lightcone.model.recordings.players.agents import AGENTS

FIRST_SEED = 1_900_000_000  # of the episodes that it learns from; no judged seed is so large
_EVERY = 9  # frames
_KEPT = 10  # one episode of so many is not learned from, but sets the threshold
_BATCH = 16
_RATE = 3e-3


@dataclass(frozen=True)
class Labelled:
    frames: Frames
    boxes: list[tuple[Box, ...]]


def labelled(truth: Truth, episodes: Sequence[int], progress: Callable[[int], object]) -> Labelled:
    """Frames of these episodes, by number."""
    frames: list[Frames] = []
    boxes: list[tuple[Box, ...]] = []
    for number in episodes:
        agent = AGENTS["scripted" if number % 2 else "random"]
        played = truth.play(FIRST_SEED + number, deciding(agent), 2100)
        first = number % _EVERY
        frames.append(played.frames[first::_EVERY])
        boxes += played.boxes[first::_EVERY]
        progress(1)
    return Labelled(np.concatenate(frames), boxes)


def train(
    truth: Truth,
    episodes: int,
    steps: int,
    progress: Callable[[int], object] = lambda done: None,
) -> tuple[MonsterDetector, Found]:
    """The detector, and how it does on episodes that it did not learn from. `progress` is given
    episodes, then steps."""
    numbers = range(episodes)
    data = labelled(truth, [n for n in numbers if n % _KEPT], progress)
    kept = labelled(truth, [n for n in numbers if n % _KEPT == 0], progress)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = MonsterNet().train()
    optimiser = torch.optim.AdamW(net.parameters(), _RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, max(steps, 2))
    height, width = data.frames.shape[1:3]
    for _ in range(steps):
        rows = rng.integers(len(data.frames), size=_BATCH)
        pictures = as_pictures(data.frames[rows])
        heat, counted = targets([data.boxes[row] for row in rows], width, height)
        if rng.random() < 0.5:
            pictures, heat, counted = (x.flip(-1) for x in (pictures, heat, counted))
        loss = _loss(net(_worn(pictures, rng)), heat, counted)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        progress(1)
    threshold, found = _threshold(net.eval(), kept)
    return MonsterDetector(net, threshold), found


def targets(boxes: Sequence[Sequence[Box]], width: int, height: int) -> tuple[Tensor, Tensor]:
    """Heat maps (B, H / 8, W / 8), 1 at the middle of a monster, and where they count: not inside
    monsters too small to ask for."""
    rows, columns = height // CELL, width // CELL
    heat = torch.zeros(len(boxes), rows, columns)
    counted = torch.ones_like(heat)
    y, x = torch.arange(rows)[:, None] + 0.5, torch.arange(columns)[None] + 0.5
    for i, of_frame in enumerate(boxes):
        for box in monsters(of_frame):
            cx, cy = (box.left + box.width / 2) * columns, (box.top + box.height / 2) * rows
            r, c = min(int(cy), rows - 1), min(int(cx), columns - 1)
            if box.height < SEEN:
                counted[i, r, c] = 0
                continue
            sx, sy = (max(0.5, size / 6) for size in (box.width * columns, box.height * rows))
            off = ((x - 0.5 - c) / sx) ** 2 + ((y - 0.5 - r) / sy) ** 2
            heat[i] = torch.maximum(heat[i], torch.exp(-off / 2))
            counted[i, r, c] = 1
    return heat, counted


def _loss(logits: Tensor, heat: Tensor, counted: Tensor) -> Tensor:
    """The focal loss of CenterNet."""
    sure = logits.sigmoid()
    at = heat > 0.999
    hits = F.logsigmoid(logits) * (1 - sure) ** 2
    others = F.logsigmoid(-logits) * sure**2 * (1 - heat) ** 4
    each = torch.where(at, hits, others) * counted
    return -each.sum() / at.sum().clamp_min(1)


def _worn(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Pictures as a codec may leave them: coarser, noisier, brighter or darker."""
    if rng.random() < 0.5:
        size = pictures.shape[-2:]
        coarse = [round(side / rng.uniform(1.2, 2.5)) for side in size]
        pictures = F.interpolate(pictures, coarse, mode="area")
        pictures = F.interpolate(pictures, size, mode="bilinear")
    gain = torch.from_numpy(rng.normal(1, 0.08, (len(pictures), 1, 1, 1))).float()
    noise = torch.randn_like(pictures) * float(abs(rng.normal(0, 0.02)))
    return (pictures * gain + noise).clamp(0, 1)


def _threshold(net: MonsterNet, kept: Labelled) -> tuple[float, Found]:
    """The one with the best F1."""
    height, width = kept.frames.shape[1:3]
    found = peaks(net, kept.frames)
    best, best_found = 0.5, Found(0, 0, 0)
    for threshold in np.linspace(0.1, 0.8, 29):
        total = Found(0, 0, 0)
        for of_frame, boxes in zip(found, kept.boxes, strict=True):
            over = [(x, y) for x, y, p in of_frame if p > threshold]
            total += compare(over, boxes, width, height)
        if total.f1 > best_found.f1:
            best, best_found = float(threshold), total
    return best, best_found
