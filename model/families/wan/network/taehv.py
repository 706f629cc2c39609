"""TAEHV, a small decoder of the same latents (Ollin Boer Bohan, github.com/madebyollin/taehv, MIT),
one latent after the other: a twenty-fifth of the VAE's arithmetic, for some detail.

Pictures are (B, T, C, H, W). A block sees its input of the frame before, which is passed in and
returned. Modules have the names of the published checkpoint; its encoder is not part of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.wan.network.config import TIME, TaehvConfig
from lightcone.model.families.wan.network.decoder import Tails

_LARGEST = 3.0  # of a latent, softly


def _conv(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)


class MemBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv(2 * width, width), nn.ReLU(), _conv(width, width), nn.ReLU(), _conv(width, width)
        )

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """`before`: the input before, (B, 1, C, H, W)."""
        past = torch.cat([before, x[:, :-1]], 1)
        out = self.conv(torch.cat([x, past], 2).flatten(0, 1))
        return F.relu(out.unflatten(0, x.shape[:2]) + x)


class Grow(nn.Module):
    """`times` frames of each, at twice the height and width."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.times = times
        self.conv = nn.Conv2d(width, times * width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        frames = F.interpolate(x.flatten(0, 1), scale_factor=2, mode="nearest")
        grown: Tensor = self.conv(frames).unflatten(0, x.shape[:2])
        return grown.unflatten(2, (self.times, -1)).flatten(1, 2)


class TaehvDecoder(nn.Module):
    """From the transformer's latents to pictures."""

    def __init__(self, config: TaehvConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        # numbers of the checkpoint that are left out have no weights
        layers: dict[str, nn.Module] = {"1": _conv(config.channels, widths[0])}
        at = 3
        for i, times in enumerate(config.times):
            for k in range(config.blocks):
                layers[str(at + k)] = MemBlock(widths[i])
            at += config.blocks + 1  # and the enlarging
            layers[str(at)] = Grow(widths[i], times)
            layers[str(at + 1)] = _conv(widths[i], widths[i + 1], bias=False)
            at += 2
        layers[str(at + 1)] = _conv(widths[-1], 3)
        self.decoder = nn.ModuleDict(layers)

    def forward(self, latent: Tensor, tails: Tails, *, first: bool) -> tuple[Tensor, Tails]:
        """One latent (B, C, h, w) -> (B, frames, 3, H, W) in [-1, 1] and the tails after it.
        `first`: it is the first of its video, and becomes one frame."""
        before, after = iter(tails), []
        *layers, last = self.decoder.values()
        x = torch.tanh(latent / _LARGEST)[:, None] * _LARGEST
        for i, layer in enumerate(layers):
            if isinstance(layer, MemBlock):
                after.append(x[:, -1:].clone())
                x = layer(x, next(before))
            elif isinstance(layer, Grow):
                x = layer(x)
            else:
                x = layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
                x = F.relu(x) if i == 0 else x
        shades = last(F.relu(x).flatten(0, 1)).unflatten(0, x.shape[:2])
        pictures = 2 * shades.clamp(0, 1) - 1
        return pictures[:, TIME - 1 :] if first else pictures, tuple(after)

    def tails(self, batch: int, rows: int, columns: int) -> Tails:
        """Those before the first latent, of (rows, columns)."""
        like = next(self.parameters())
        return tuple(like.new_zeros(shape) for shape in self.tail_shapes(batch, rows, columns))

    def tail_shapes(self, batch: int, rows: int, columns: int) -> list[tuple[int, ...]]:
        c = self.config
        return [
            (batch, 1, c.widths[i], rows * 2**i, columns * 2**i)
            for i in range(len(c.times))
            for _ in range(c.blocks)
        ]
