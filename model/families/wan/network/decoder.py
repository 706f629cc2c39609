"""The decoder of the Wan 2.1 VAE, one latent after the other: the first becomes one frame, each
other four.

Pictures are (B, T, C, H, W). A convolution over time is computed as one over space, whose channels
are those of three frames: torch has fast kernels for these everywhere.

All convolutions over time are causal, and each keeps the last two of its inputs. What they keep is
passed in and returned, so a decoder has no memory of its own. Modules have the names of the
published checkpoint; its encoder is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.wan.network.config import DecoderConfig

Tails = tuple[Tensor, ...]
"""The last two inputs of each causal convolution, in their order: (B, 2, C, H, W); zeros before the
first latent."""

MEAN = (
    -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
    0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921,
)  # fmt: skip
DEVIATION = (
    2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743,
    3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
)  # fmt: skip
"""Of the channels of the VAE's latents: the transformer's have mean 0 and deviation 1."""

_KEPT = 2  # inputs that a convolution over three of them keeps
_LEAST = 1e-12  # length of a vector that is divided by it


class Memory:
    """What the convolutions of one pass read and replace, in their order."""

    def __init__(self, tails: Tails, *, first: bool) -> None:
        self.first = first
        self._before: Iterator[Tensor] = iter(tails)
        self.after: list[Tensor] = []

    def with_tail(self, x: Tensor) -> Tensor:
        """(B, T, C, H, W) -> (B, 2 + T, C, H, W)."""
        joined = torch.cat([next(self._before), x], 1)
        self.after.append(joined[:, -_KEPT:].clone())
        return joined

    def skip(self) -> None:
        self.after.append(next(self._before))


class Pointwise(nn.Module):
    """A linear layer at each pixel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 1, 1, 1))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return _each_frame(x, self.weight[:, :, 0], self.bias)


class CausalConv(nn.Module):
    """Over three frames, of which two are those before."""

    def __init__(self, inputs: int, outputs: int, space: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, _KEPT + 1, space, space))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        joined, count = memory.with_tail(x), x.shape[1]
        three = torch.cat([joined[:, i : i + count] for i in range(_KEPT + 1)], 2)
        return _each_frame(three, self.weight.transpose(1, 2).flatten(1, 2), self.bias)


class Norm(nn.Module):
    """RMS norm over channels of (..., C, H, W), with gain `gamma` (C, 1, ...)."""

    def __init__(self, channels: int, axes: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels, *[1] * axes))

    def forward(self, x: Tensor) -> Tensor:
        precise = x.to(torch.promote_types(x.dtype, torch.float32))
        length = precise.square().sum(-3, keepdim=True).sqrt().clamp_min(_LEAST)
        gain = self.gamma.view(-1, 1, 1) * x.shape[-3] ** 0.5
        return (precise / length).to(x.dtype) * gain


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # the numbers of the children are those of the checkpoint, which has a dropout at 5
        self.residual = nn.ModuleDict(
            {
                "0": Norm(inputs, 3),
                "2": CausalConv(inputs, outputs),
                "3": Norm(outputs, 3),
                "6": CausalConv(outputs, outputs),
            }
        )
        self.shortcut = Pointwise(inputs, outputs) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        y = self.residual["2"](F.silu(self.residual["0"](x)), memory)
        y = self.residual["6"](F.silu(self.residual["3"](y)), memory)
        out: Tensor = self.shortcut(x) + y
        return out


class Inside(nn.Module):
    """Attention inside each frame, with one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = Norm(channels, 2)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        frames = x.flatten(0, 1)  # (B T, C, H, W)
        qkv = self.to_qkv(self.norm(frames))
        qkv = qkv.flatten(2).transpose(1, 2)[:, None]  # (B T, 1, H W, 3 C)
        attended = F.scaled_dot_product_attention(*qkv.chunk(3, -1))[:, 0]
        out = self.proj(attended.transpose(1, 2).unflatten(2, frames.shape[2:]))
        return x + out.unflatten(0, x.shape[:2])


class Enlarge(nn.Module):
    """Twice as high and wide, with half the channels; with `doubles_time` also twice the frames,
    but of the first latent."""

    def __init__(self, channels: int, *, doubles_time: bool) -> None:
        super().__init__()
        # number 0 of the checkpoint is the enlarging itself, which has no weights
        self.resample = nn.ModuleDict({"1": nn.Conv2d(channels, channels // 2, 3, padding=1)})
        self.time_conv = CausalConv(channels, 2 * channels, space=1) if doubles_time else None

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        if self.time_conv is not None:
            if memory.first:
                memory.skip()
            else:
                doubled = self.time_conv(x, memory)
                x = doubled.unflatten(2, (2, -1)).flatten(1, 2)  # (B, 2 T, C, H, W)
        frames = F.interpolate(x.flatten(0, 1), scale_factor=2, mode="nearest")
        larger: Tensor = self.resample["1"](frames)
        return larger.unflatten(0, x.shape[:2])


class Decoder(nn.Module):
    def __init__(self, c: DecoderConfig) -> None:
        super().__init__()
        widths = [c.width * multiple for multiple in reversed(c.multiples)]
        self.conv1 = CausalConv(c.channels, widths[0])
        self.middle = nn.ModuleList(
            [Residual(widths[0], widths[0]), Inside(widths[0]), Residual(widths[0], widths[0])]
        )
        layers: list[nn.Module] = []
        before = widths[0]
        for i, width in enumerate(widths):
            for _ in range(c.blocks + 1):
                layers.append(Residual(before, width))
                before = width
            if i + 1 < len(widths):
                layers.append(Enlarge(width, doubles_time=tuple(reversed(c.doubles_time))[i]))
                before = width // 2
        self.upsamples = nn.ModuleList(layers)
        # number 1 of the checkpoint is the activation between them
        self.head = nn.ModuleDict({"0": Norm(before, 3), "2": CausalConv(before, 3)})

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        x = self.conv1(x, memory)
        for layer in (*self.middle, *self.upsamples):
            x = layer(x, memory)
        out: Tensor = self.head["2"](F.silu(self.head["0"](x)), memory)
        return out


class LatentDecoder(nn.Module):
    """From the transformer's latents to pictures."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.conv2 = Pointwise(config.channels, config.channels)
        self.decoder = Decoder(config)

    def forward(self, latent: Tensor, tails: Tails, *, first: bool) -> tuple[Tensor, Tails]:
        """One latent (B, C, h, w) -> (B, frames, 3, H, W) in [-1, 1] and the tails after it.
        `first`: it is the first of its video, and becomes one frame."""
        mean, deviation = (_levels(x[: self.config.channels], latent) for x in (MEAN, DEVIATION))
        memory = Memory(tails, first=first)
        x = self.conv2((latent * deviation + mean)[:, None])
        return self.decoder(x, memory).clamp(-1, 1), tuple(memory.after)

    def tails(self, batch: int, rows: int, columns: int) -> Tails:
        """Those before the first latent, of (rows, columns)."""
        like = next(self.parameters())
        return tuple(like.new_zeros(shape) for shape in self.tail_shapes(batch, rows, columns))

    def tail_shapes(self, batch: int, rows: int, columns: int) -> list[tuple[int, ...]]:
        shapes: list[tuple[int, ...]] = []
        decoder = self.decoder
        for layer in (decoder.conv1, *decoder.middle, *decoder.upsamples, decoder.head):
            for part in layer.modules():
                if isinstance(part, CausalConv):
                    shapes.append((batch, _KEPT, part.weight.shape[1], rows, columns))
            if isinstance(layer, Enlarge):
                rows, columns = 2 * rows, 2 * columns
        return shapes


def _levels(values: Sequence[float], like: Tensor) -> Tensor:
    """(C, 1, 1), on the device of `like` without that the host waits for it."""
    held = torch.tensor(values, dtype=like.dtype, pin_memory=like.is_cuda)
    return held.to(like.device, non_blocking=True)[:, None, None]


def _each_frame(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution over space, with pictures as large as before: (B, T, C, H, W)."""
    out = F.conv2d(x.flatten(0, 1), weight, bias, padding=weight.shape[-1] // 2)
    return out.unflatten(0, x.shape[:2])
