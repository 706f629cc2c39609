"""Where the camera of recordings is: from pictures, the angle and the place of each, how high it is
above the ground, how wide it sees, and what the numbers mean.

Pairs of pictures of one piece of ground, from two places, are warped onto each other as a flat
ground would be under each camera that is possible, and the camera under which they fit best is
taken (plane sweep, Collins 1996). Games count angles clockwise or not, from any axis.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.place import Camera
from lightcone.model.training.avdit.latents import EncodedPlay

PAIRS = 192
_FEWEST = 24  # pairs that a camera is judged by
_DRAWN = 60_000  # of which pairs are chosen
_TOGETHER = 8  # pictures that are decoded at a time
_TURN = math.radians(25)  # at most, between the pictures of a pair
_LEAST, _MOST = 0.3, 3.0  # standard deviations of a place between them
_COARSE, _FINE = 64, 256  # pixels of the width that pairs are compared at
_HEIGHTS = tuple(0.02 * 1.12**i for i in range(51))  # to 5.8
_WIDTHS = tuple(0.57 * 1.15**i for i in range(9))  # to 1.7
# steps of the search around the best: of coarse pictures, of fine ones
_CLOSER = (1.05, 1.02, 1.01), (1.01, 1.004)
_AXES = tuple(
    ((a, 0.0), (0.0, b)) if straight else ((0.0, a), (b, 0.0))
    for straight, a, b in product((True, False), (1.0, -1.0), (1.0, -1.0))
)
_BLUR = 9  # pixels; what is wider is no detail
_NEAR = 0.04  # of the picture's height below the horizon: what is higher is too far away


@torch.inference_mode()
def measured(
    play: EncodedPlay,
    codec: VideoCodec,
    angles: NDArray[np.float32],
    places: NDArray[np.float32],
    c: AvditConfig,
    seed: int,
) -> Camera:
    """Of recordings whose chunks begin at these angles (chunks,) and places (chunks, 2)."""
    at = chosen(angles, places, np.random.default_rng(seed))
    if len(at) < _FEWEST:
        return Camera()
    latents = torch.from_numpy(play.picture[at.reshape(-1)].astype(np.float32))[:, : c.channels]
    seen = torch.cat([codec.decode(part)[:, 0] for part in latents.split(_TOGETHER)]).float()
    return find_camera(seen, torch.from_numpy(angles[at]), torch.from_numpy(places[at]))


def chosen(
    angles: NDArray[np.float32], places: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which pictures see one piece of ground from two places: (P, 2) indices, P at most PAIRS."""
    drawn = rng.integers(0, len(angles), (_DRAWN, 2))
    first, second = drawn[:, 0], drawn[:, 1]
    turn = np.abs(np.angle(np.exp(1j * (angles[first] - angles[second]))))
    far = np.linalg.norm(places[first] - places[second], axis=1)
    return drawn[(turn < _TURN) & (far > _LEAST) & (far < _MOST)][:PAIRS]


def detail(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W): light and dark, without what is in all pictures (a weapon, a
    display) and without what is wide."""
    grey = pictures.float().mean(1, keepdim=True)
    grey = grey - grey.mean(0)
    return grey - F.avg_pool2d(grey, _BLUR, 1, _BLUR // 2, count_include_pad=False)


class Pairs:
    """The two pictures of each of P pairs, (2 P, 3, H, W), their angles (P, 2) and places
    (P, 2, 2)."""

    def __init__(self, pictures: Tensor, angles: Tensor, places: Tensor) -> None:
        self.first, self.second = detail(pictures).unflatten(0, (-1, 2)).unbind(1)
        self.angles, self.places = angles.T, places.transpose(0, 1)
        rows, columns = pictures.shape[-2:]
        down = (torch.arange(rows) + 0.5) / rows - 0.5
        self.below = down > _NEAR
        self.down = down[self.below][:, None]
        self.across = (torch.arange(columns) + 0.5) / columns * 2 - 1

    def fit(self, camera: Camera) -> float:
        """How well the ground of the second pictures is that of the first: their correlation, in
        standard deviations of what chance gives."""
        seen, taken = (camera.hand * self.angles)[..., None, None]
        axes = torch.tensor(camera.axes)
        there, here = (self.places @ axes.T)[:, :, None, None].unbind(0)  # (P, 1, 1, 2)
        ahead = camera.height / self.down
        aside = ahead * self.across * camera.width
        x = here[..., 0] + ahead * taken.cos() + aside * taken.sin() - there[..., 0]
        y = here[..., 1] + ahead * taken.sin() - aside * taken.cos() - there[..., 1]
        depth = x * seen.cos() + y * seen.sin()
        side = (x * seen.sin() - y * seen.cos()) / depth.clamp(min=1e-6) / camera.width
        down = camera.height / depth.clamp(min=1e-6)
        valid = (depth > 1e-3) & (side.abs() < 1) & (down > _NEAR) & (down < 0.5)
        grid = torch.stack([side.clamp(-2, 2), 2 * down.clamp(-2, 2)], -1)
        a = F.grid_sample(self.first, grid, align_corners=False)[:, 0] * valid
        b = self.second[:, 0, self.below] * valid
        like = (a * b).sum((1, 2)) / (a.square().sum((1, 2)) * b.square().sum((1, 2))).sqrt()
        sure = like.nan_to_num() * valid.sum((1, 2)).sqrt()
        return float(sure.mean())


def find_camera(pictures: Tensor, angles: Tensor, places: Tensor) -> Camera:
    """The one under which most fits, of pairs as `Pairs` are given."""
    ways = [
        Camera(height, width, hand, axes)
        for hand, axes, width, height in product((1.0, -1.0), _AXES, _WIDTHS, _HEIGHTS)
    ]
    best = Camera()
    for wide, steps in zip((_COARSE, _FINE), _CLOSER, strict=True):
        shrunk = F.avg_pool2d(pictures, max(1, pictures.shape[-1] // wide))
        pairs = Pairs(shrunk, angles, places)
        if wide == _COARSE:
            best = max(tqdm(ways, desc="camera", unit="way"), key=pairs.fit)
        for step in steps:
            near = [
                replace(best, height=best.height * step**i, width=best.width * step**j)
                for i, j in product(range(-2, 3), repeat=2)
            ]
            best = max(near, key=pairs.fit)
    return best
