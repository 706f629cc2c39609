"""Autoencoders of picture and sound.

Both are small convolutional VAEs (Kingma & Welling 2013) with a fixed decoder variance, so
that what nobody would see or hear costs rate and is dropped: silence is a constant. Latents
are normalised to mean 0 and variance 1 per channel by the buffers `mean` and `std`.

The picture codec works frame by frame and has no memory. The sound codec is causal; its
decoder runs chunk by chunk with the tails of its convolutions as explicit state, bit for bit
the same as in one go.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.network.config import CELL

DecoderState = tuple[Tensor, ...]

_PIXELS = 3 * CELL**2
_FIRST_LOGVAR = -7.5


@dataclass(frozen=True)
class PictureCodecConfig:
    channels: int = 12
    wide: int = 64  # width of the decoder
    blocks: int = 3


@dataclass(frozen=True)
class SoundCodecConfig:
    channels: int = 16
    widths: tuple[int, int, int] = (64, 128, 192)  # at 1200, 240 and 48 steps a second
    blocks: int = 2


SAMPLES_PER_LATENT = 500
_PATCH, _STRIDE = 20, 5  # 20 * 5 * 5 = 500 samples


class _Normalised(nn.Module):
    """The normalisation of latents, channels in dimension 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))

    def _shaped(self, stat: Tensor, like: Tensor) -> Tensor:
        return stat.view(1, -1, *([1] * (like.ndim - 2)))

    def normalise(self, z: Tensor) -> Tensor:
        return (z - self._shaped(self.mean, z)) / self._shaped(self.std, z)

    def restore(self, z: Tensor) -> Tensor:
        return z * self._shaped(self.std, z) + self._shaped(self.mean, z)

    def fit(self, z: Tensor) -> None:
        """Set the normalisation from a batch of raw latents: variance 1 over all channels, and
        half of their differences (in logarithms) kept, so that an error in what hardly shows
        counts less."""
        dims = [d for d in range(z.ndim) if d != 1]
        std = z.std(dims).clamp_min(1e-3)
        self.mean.copy_(z.mean(dims))
        self.std.copy_((std * std.mean()).sqrt())


class Residual2d(nn.Module):
    """x + conv(silu(conv(silu(x)))), the identity when fresh."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return out


class PictureCodec(_Normalised):
    """Pictures (N, 3, H, W) in [-1, 1] <-> latents (N, channels, H / 4, W / 4).

    The encoder is one linear convolution. What moves in the picture therefore moves in the
    latents, in the same way before any scenery, and a small error of the latents is a small
    error of the picture. The decoder adds to a linear one what worlds look like.
    """

    def __init__(self, config: PictureCodecConfig) -> None:
        super().__init__(config.channels)
        self.config = config
        c = config
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(CELL), nn.Conv2d(_PIXELS, 2 * c.channels, 3, padding=1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(c.channels, c.wide, 3, padding=1),
            *[Residual2d(c.wide) for _ in range(c.blocks)],
            nn.Conv2d(c.wide, _PIXELS, 3, padding=1),
        )
        self.decode_plainly = nn.Conv2d(c.channels, _PIXELS, 1)

    @torch.no_grad()
    def begin(self, pictures: Tensor) -> None:
        """Start at the principal components of the cells of some pictures, the best linear code,
        from which training goes on."""
        cells = F.pixel_unshuffle(pictures, CELL).transpose(0, 1).flatten(1)  # (48, cells)
        middle = cells.mean(1)
        basis = torch.linalg.svd((cells - middle[:, None]).cov())[0][:, : self.config.channels]
        encode = self.encoder[1]
        assert isinstance(encode, nn.Conv2d)
        for layer in (encode, self.decoder[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        encode.weight[: self.config.channels, :, 1, 1] = basis.T
        encode.bias[: self.config.channels] = -basis.T @ middle  # type: ignore[index]
        encode.bias[self.config.channels :] = _FIRST_LOGVAR  # type: ignore[index]
        self.decode_plainly.weight[:, :, 0, 0] = basis
        self.decode_plainly.bias.copy_(middle)  # type: ignore[union-attr]

    def posterior(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        mu, logvar = self.encoder(picture).chunk(2, 1)
        return mu, logvar.clamp(-12, 4)

    def decode_raw(self, z: Tensor) -> Tensor:
        return F.pixel_shuffle(self.decoder(z) + self.decode_plainly(z), CELL)

    def encode(self, frames: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> normalised latents (N, channels, H / 4, W / 4)."""
        mu, _ = self.posterior(to_signed(frames, self.mean.dtype))
        return self.normalise(mu)

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents -> (N, 3, H, W) uint8."""
        picture = self.decode_raw(self.restore(latents))
        return ((picture + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)


def to_signed(frames: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 RGB -> [-1, 1]."""
    return frames.to(dtype) / 127.5 - 1


class _CausalConv(nn.Module):
    """A convolution of size 3 over (B, C, T) that sees only the past, with dilation 1."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width_in, width_out, 3)

    def forward(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.cat([tail, x], 2)
        return self.conv(x), x[:, :, -2:]

    def tail(self, batch: int) -> Tensor:
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, 2)


class _CausalStack(nn.Module):
    """Residual causal convolutions."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_CausalConv(width, width) for _ in range(2 * blocks))
        for conv in list(self.convs)[1::2]:
            nn.init.zeros_(conv.conv.weight)  # type: ignore[union-attr, arg-type]

    def forward(self, x: Tensor, tails: DecoderState) -> tuple[Tensor, DecoderState]:
        out: list[Tensor] = []
        for i in range(0, len(self.convs), 2):
            h, tail = self.convs[i](F.silu(x), tails[i])
            h, tail2 = self.convs[i + 1](F.silu(h), tails[i + 1])
            x = x + h
            out += [tail, tail2]
        return x, tuple(out)

    def tails(self, batch: int) -> DecoderState:
        return tuple(conv.tail(batch) for conv in self.convs)  # type: ignore[operator]


class SoundCodec(_Normalised):
    """Sound (B, samples) in [-1, 1] at 24 kHz <-> latents (B, channels, samples / 500)."""

    def __init__(self, config: SoundCodecConfig) -> None:
        super().__init__(config.channels)
        self.config = config
        fast, mid, slow = config.widths
        self.patch_in = nn.Conv1d(1, fast, _PATCH, stride=_PATCH)
        self.encode_fast = _CausalStack(fast, config.blocks)
        self.down_mid = nn.Conv1d(fast, mid, _STRIDE, stride=_STRIDE)
        self.encode_mid = _CausalStack(mid, config.blocks)
        self.down_slow = nn.Conv1d(mid, slow, _STRIDE, stride=_STRIDE)
        self.to_latent = nn.Conv1d(slow, 2 * config.channels, 1)
        self.from_latent = _CausalConv(config.channels, slow)
        self.decode_slow = _CausalStack(slow, 1)
        self.up_mid = nn.Conv1d(slow, mid * _STRIDE, 1)
        self.decode_mid = _CausalStack(mid, config.blocks)
        self.up_fast = nn.Conv1d(mid, fast * _STRIDE, 1)
        self.decode_fast = _CausalStack(fast, config.blocks)
        self.patch_out = nn.Conv1d(fast, _PATCH, 1)

    def posterior(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        batch = len(sound)
        x = self.patch_in(sound[:, None].to(self.patch_in.weight.dtype) * _GAIN)
        x, _ = self.encode_fast(x, self.encode_fast.tails(batch))
        x, _ = self.encode_mid(self.down_mid(x), self.encode_mid.tails(batch))
        mu, logvar = self.to_latent(F.silu(self.down_slow(F.silu(x)))).chunk(2, 1)
        return mu, logvar.clamp(-12, 4)

    def decoder_state(self, batch: int) -> DecoderState:
        """The state before the first chunk: silence."""
        stacks = (self.decode_slow, self.decode_mid, self.decode_fast)
        return (self.from_latent.tail(batch), *(t for stack in stacks for t in stack.tails(batch)))

    def decode_raw(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        x, first = self.from_latent(z, state[0])
        tails, at = [first], 1
        for stack, up in (
            (self.decode_slow, self.up_mid),
            (self.decode_mid, self.up_fast),
            (self.decode_fast, self.patch_out),
        ):
            count = len(stack.convs)
            x, new = stack(x, state[at : at + count])
            tails, at = [*tails, *new], at + count
            x = _unfold(up(x), _PATCH if up is self.patch_out else _STRIDE)
        return x[:, 0] / _GAIN, tuple(tails)

    def encode(self, sound: Tensor) -> Tensor:
        """(B, samples) -> normalised latents (B, channels, samples / 500)."""
        return self.normalise(self.posterior(sound)[0])

    def decode(self, latents: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Normalised latents (B, channels, L) -> (B, 500 L) samples, and the state after them."""
        sound, state = self.decode_raw(self.restore(latents), state)
        return sound.clamp(-1, 1), state


_GAIN = 10.0  # brings typical sound near unit variance


def _unfold(x: Tensor, factor: int) -> Tensor:
    """(B, C * factor, T) -> (B, C, T * factor)."""
    b, c, t = x.shape
    return x.view(b, c // factor, factor, t).transpose(2, 3).reshape(b, c // factor, t * factor)
