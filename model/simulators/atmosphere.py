"""Time of day, weather and drawn style: what is laid over every world's picture in the end."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_TINTS = ((1.0, 1.0, 1.0), (1.0, 0.70, 0.56), (0.40, 0.45, 0.66))  # by time of day
_LIFTS = ((0.0, 0.0, 0.0), (0.06, 0.01, 0.03), (0.01, 0.015, 0.04))
_HAZES = ((0.80, 0.82, 0.84), (0.70, 0.52, 0.48), (0.16, 0.18, 0.24))  # fog, by time of day
_FOG = 0.5  # how much of the picture it takes at the top; less near the ground
_RAIN_TINT = 0.86
_STREAKS = 40
_THIN = 0.75 / 96  # of a streak, in picture heights
_LINE = 1 / 96  # of ink, in picture heights
RAIN_SECONDS = 0.5  # after which the rain's picture repeats
_PAPER = (0.96, 0.94, 0.88)
_BLOCKS = 24  # in a picture's height


def shade(picture: Tensor, time: Tensor, weather: Tensor, style: Tensor, clock: Tensor) -> Tensor:
    """`picture` (N, 3, H, W), RGB 0 to 1, under the time, weather and style of each (N,), indices
    into the words of those names; `clock` (N,) in seconds moves the rain."""
    if time.any():
        picture = _light(picture, time.long())
    if weather.any():
        picture = _fog(picture, weather, time.long())
        picture = _rain(picture, weather, time.long(), clock)
    for index, draw in ((1, _ink), (2, _pixel)):
        chosen = (style == index).nonzero()[:, 0]
        if len(chosen):
            picture = picture.index_copy(0, chosen, draw(picture[chosen]))
    return picture.clamp(0, 1)


def _light(picture: Tensor, time: Tensor) -> Tensor:
    tint = torch.tensor(_TINTS, device=picture.device)[time][:, :, None, None]
    lift = torch.tensor(_LIFTS, device=picture.device)[time][:, :, None, None]
    return picture * tint + lift


def _fog(picture: Tensor, weather: Tensor, time: Tensor) -> Tensor:
    height = picture.shape[2]
    up = 1 - (torch.arange(height, device=picture.device) + 0.5) / height
    cover = (
        _FOG * (0.55 + 0.45 * up)[None, None, :, None] * (weather == 2).float()[:, None, None, None]
    )
    haze = torch.tensor(_HAZES, device=picture.device)[time][:, :, None, None]
    return torch.lerp(picture, haze, cover)


def _rain(picture: Tensor, weather: Tensor, time: Tensor, clock: Tensor) -> Tensor:
    rains = weather == 1
    wet = torch.where(rains, _RAIN_TINT, 1.0)[:, None, None, None]
    picture = picture * wet
    chosen = rains.nonzero()[:, 0]
    if not len(chosen):
        return picture
    height, width = picture.shape[2:]
    frame = (clock[chosen] / RAIN_SECONDS % 1 * 12 + 0.5).long() % 12
    streaks = _streaks(height, width).to(picture.device)[frame][:, None]
    bright = torch.tensor([0.85, 0.80, 0.55], device=picture.device)[time[chosen]]
    drops = torch.lerp(picture[chosen], bright[:, None, None, None], 0.32 * streaks)
    return picture.index_copy(0, chosen, drops)


@lru_cache
def _streaks(height: int, width: int) -> Tensor:
    """How much of each pixel is a streak of rain, in each of the 12 frames after which they
    repeat: (12, height, width)."""
    y = (torch.arange(height) + 0.5)[:, None] / height
    x = (torch.arange(width) + 0.5)[None, :] / height
    out = torch.zeros(12, height, width)
    for frame in range(12):
        for k in range(_STREAKS):
            fallen = (0.618 * k + frame / 12 * (1 + k % 2)) % 1 * 1.3 - 0.15
            middle = (k * 0.754877 % 1) * width / height * 1.1
            along, across = y - fallen, x - middle + 0.12 * (y - fallen)
            long = 0.035 + 0.02 * (k % 3) / 2
            inside = (1 - (along / long).square()).clamp_min(0)
            out[frame] = torch.maximum(out[frame], inside * torch.exp(-(across / _THIN).square()))
    return out


def _ink(picture: Tensor) -> Tensor:
    """Dark contours and a pale wash on paper."""
    grey = picture.mean(1, keepdim=True)
    k = max(1, round(_LINE * picture.shape[2]))
    padded = F.pad(grey, (k, k, k, k), mode="replicate")
    dx = (padded[:, :, k:-k, 2 * k :] - padded[:, :, k:-k, : -2 * k]).abs()
    dy = (padded[:, :, 2 * k :, k:-k] - padded[:, :, : -2 * k, k:-k]).abs()
    line = ((dx + dy) * 2.2 - 0.08).clamp(0, 1)
    paper = torch.tensor(_PAPER, device=picture.device)[:, None, None]
    wash = paper * (0.62 + 0.38 * grey) + 0.45 * (picture - grey)
    return wash * (1 - 0.85 * line)


def _pixel(picture: Tensor) -> Tensor:
    """Square blocks of strong colours."""
    size = picture.shape[2] // _BLOCKS
    blocks = F.avg_pool2d(picture, size)
    grey = blocks.mean(1, keepdim=True)
    vivid = grey + 1.35 * (blocks - grey)
    return F.interpolate(vivid, scale_factor=size, mode="nearest")
