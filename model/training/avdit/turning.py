"""Stage 3, of recordings of a place: what becomes of a latent picture when the camera turns.

Pictures of the recordings are turned by the camera that was measured, by as much as it turned in
the recordings, and encoded: the truth is known for each pixel, whatever else would have moved.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.place import Place
from lightcone.model.families.avdit.network.scenery import angles_of
from lightcone.model.families.avdit.network.turning import BESIDE, Turning
from lightcone.model.runtime.checkpoint import save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.codecs import load
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.avdit.pool import PicturePool

BATCH = 12
_RATE = 3e-3
_TURNED = 0.02  # radians of a chunk that are a turn
_SHARE = 0.75  # of a batch that is of turns


def train_turning(
    turning: Turning,
    place: Place,
    play: EncodedPlay,
    pool: PicturePool,
    c: AvditConfig,
    codec: VideoCodec,
    path: Path,
    budget: Budget,
    seed: int,
    log: Path,
) -> bool:
    """Train, or go on; returns False where it was stopped. Raises WeightsError, TrainingError."""
    optimizer = torch.optim.AdamW(turning.parameters(), weight_decay=0.0)
    step, seconds = load(path, turning, optimizer)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    rng = np.random.default_rng((seed, step))
    turns = Turns(play, c)

    def advance(point: Point) -> dict[str, float]:
        with torch.no_grad():
            latents, angles = seen(pool, codec, place, turns.drawn(BATCH, rng), c, generator)
        made, true = turning(latents[:, 0], place, angles), latents[:, 1:]
        there = (made.detach() != 0).any(2, keepdim=True)
        loss = ((made - true).square() * there).mean()
        for group in optimizer.param_groups:
            group["lr"] = _RATE * point.rate
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": float(loss.detach())}

    def save(step: int, seconds: float) -> None:
        save_training(path, turning, optimizer, step, seconds=seconds)

    return run("turning", advance, save, budget, step=step, seconds=seconds, log=log)


class Turns:
    """How the camera turned in recordings."""

    def __init__(self, play: EncodedPlay, c: AvditConfig) -> None:
        numbers = torch.from_numpy(np.asarray(play.numbers))
        angles = angles_of(numbers, c.angles[0]).numpy()  # (chunks, frames)
        self._angles = np.concatenate([angles[:-1, -c.group :], angles[1:]], 1)
        self._angles = self._angles[np.diff(play.episode) == 0]
        much = np.abs(np.angle(np.exp(1j * (self._angles[:, -1] - self._angles[:, 0])))) > _TURNED
        self._turns, self._others = np.nonzero(much)[0], np.nonzero(~much)[0]

    def drawn(self, count: int, rng: np.random.Generator) -> Tensor:
        """(count, group + frames) in radians: of the end of a chunk and of the next one."""
        share = _SHARE if len(self._turns) and len(self._others) else float(len(self._turns) > 0)
        many = round(share * count)
        at: NDArray[np.int64] = np.concatenate(
            [rng.choice(self._turns, many) if many else self._turns[:0],
             rng.choice(self._others, count - many) if many < count else self._others[:0]]
        )  # fmt: skip
        return torch.from_numpy(self._angles[at])


def seen(
    pool: PicturePool,
    codec: VideoCodec,
    place: Place,
    turns: Tensor,
    c: AvditConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Latents of pictures that turn so, (B, 1 + latents, channels, rows, columns), and the angles
    of their frames, (B, 1 + latents, group)."""
    pictures = pool.batch(len(turns), generator)[0][:, -3:]
    frames = [turned(pictures, place, off) for off in (turns - turns[:, :1]).unbind(1)]
    video = torch.stack(frames, 1).unflatten(1, (-1, c.group)).flatten(2, 3)
    latents = codec.normalise(codec.posterior(video.flatten(0, 1))[0])
    return latents.unflatten(0, video.shape[:2]), turns.unflatten(1, (-1, c.group))


def turned(pictures: Tensor, place: Place, angles: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) as a place's camera sees them that turned by `angles` (B,) in
    radians; what was not seen is as the edge."""
    width, horizon = place.width.detach().exp(), place.horizon.detach()
    rows, columns = pictures.shape[-2:]
    across = ((torch.arange(columns) + 0.5) / columns * 2 - 1) * width
    aside = torch.atan(across)
    off = torch.atan2(angles.sin(), angles.cos()) * place.hand
    then = (aside - off[:, None].float()).clamp(-BESIDE, BESIDE)  # (B, columns)
    x = then.tan() / width
    larger = aside.cos() / then.cos()
    down = (torch.arange(rows) + 0.5) / rows - 0.5 - horizon
    y = 2 * (down[:, None] * larger[:, None] + horizon)
    grid = torch.stack([x[:, None].expand_as(y), y], -1)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
