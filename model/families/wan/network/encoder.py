"""The encoder of the Wan 2.1 VAE, one latent after the other: the first of one frame, each other of
four. The counterpart of `decoder`, of the same parts; its modules have the names of the published
checkpoint too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.wan.network.config import TIME, DecoderConfig
from lightcone.model.families.wan.network.decoder import (
    DEVIATION,
    MEAN,
    CausalConv,
    Inside,
    Memory,
    Norm,
    Pointwise,
    Residual,
    Tails,
)


class Shrink(nn.Module):
    """Half as high and wide; with `halves_time` also half the frames, but of the first latent."""

    def __init__(self, channels: int, *, halves_time: bool) -> None:
        super().__init__()
        # number 0 of the checkpoint pads, without weights
        self.resample = nn.ModuleDict({"1": nn.Conv2d(channels, channels, 3, stride=2)})
        self.time_conv = CausalConv(channels, channels, space=1) if halves_time else None

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        frames = self.resample["1"](F.pad(x.flatten(0, 1), (0, 1, 0, 1)))
        x = frames.unflatten(0, x.shape[:2])
        if self.time_conv is None:
            return x
        if memory.first:
            memory.with_tail(x)
            return x
        return self.time_conv(x, memory)[:, 1::2]


class Encoder(nn.Module):
    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        widths = [c.width * multiple for multiple in c.multiples]
        self.conv1 = CausalConv(3, c.width)
        layers: list[nn.Module] = []
        before = c.width
        for i, width in enumerate(widths):
            for _ in range(c.blocks):
                layers.append(Residual(before, width))
                before = width
            if i + 1 < len(widths):
                layers.append(Shrink(width, halves_time=c.doubles_time[i]))
        self.downsamples = nn.ModuleList(layers)
        self.middle = nn.ModuleList(
            [Residual(before, before), Inside(before), Residual(before, before)]
        )
        self.head = nn.ModuleDict({"0": Norm(before, 3), "2": CausalConv(before, 2 * c.channels)})

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = self.conv1(x, memory)
        for layer in (*self.downsamples, *self.middle):
            x = layer(x, memory)
        out: Tensor = self.head["2"](F.silu(self.head["0"](x)), memory)
        return out


class LatentEncoder(nn.Module):
    """From pictures to the transformer's latents."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = Pointwise(2 * config.channels, 2 * config.channels)
        self.encoder = Encoder(config)

    def forward(self, frames: Tensor, tails: Tails, *, first: bool) -> tuple[Tensor, Tails]:
        """The frames of one latent (B, 1 or TIME, 3, H, W) in [-1, 1] -> (B, C, h, w), and the
        tails after it. `first`: of its video, of one frame."""
        count = self.config.channels
        memory = Memory(tails, first=first)
        mean = self.conv1(self.encoder(frames, memory))[:, 0, :count]  # the rest is its variance
        shift = mean.new_tensor(MEAN[:count])[:, None, None]
        scale = mean.new_tensor(DEVIATION[:count])[:, None, None]
        return (mean - shift) / scale, tuple(memory.after)

    def tails(self, batch: int, height: int, width: int) -> Tails:
        """Those before the first frame."""
        like = next(self.parameters())
        shapes: list[tuple[int, ...]] = []
        e = self.encoder
        for layer in (e.conv1, *e.downsamples, *e.middle, e.head):
            if isinstance(layer, Shrink):
                height, width = height // 2, width // 2
            for part in layer.modules():
                if isinstance(part, CausalConv):
                    shapes.append((batch, 2, part.weight.shape[1], height, width))
        return tuple(like.new_zeros(shape) for shape in shapes)


def latents_of_picture(encoder: LatentEncoder, picture: Tensor, most: int = 64) -> Tensor:
    """What a video would be that is a picture (3, H, W) and then grey: (F, C, h, w). It ends where
    latents no longer change, as all later ones are the same, or with `most`."""
    frame = picture[None, None]
    tails = encoder.tails(1, *picture.shape[1:])
    latent, tails = encoder(frame, tails, first=True)
    grey = torch.zeros_like(frame).expand(-1, TIME, -1, -1, -1)
    found = [latent[0]]
    while len(found) < most:
        latent, tails = encoder(grey, tails, first=False)
        if torch.equal(latent[0], found[-1]):
            break
        found.append(latent[0])
    return torch.stack(found)
