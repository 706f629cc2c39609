"""The autoencoder of sound: a small convolutional VAE (Kingma & Welling 2013) with a fixed
decoder variance, so that what nobody would hear costs rate and is dropped: silence is a constant.

It is causal; its decoder runs chunk by chunk with the tails of its convolutions as explicit state,
bit for bit the same as in one go.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.normalised import Normalised

DecoderState = tuple[Tensor, ...]

_GAIN = 10.0  # brings typical sound near unit variance


@dataclass(frozen=True)
class SoundCodecConfig:
    channels: int = 16
    widths: tuple[int, int, int] = (64, 128, 192)  # at 1200, 240 and 48 steps a second
    blocks: int = 2
    strides: tuple[int, int, int] = (20, 5, 5)

    @property
    def samples(self) -> int:
        """Of one latent."""
        return math.prod(self.strides)


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


class SoundCodec(Normalised):
    """Sound (B, samples) in [-1, 1] <-> latents (B, channels, samples / config.samples)."""

    def __init__(self, config: SoundCodecConfig) -> None:
        super().__init__(config.channels)
        self.config = config
        fast, mid, slow = config.widths
        patch, to_mid, to_slow = config.strides
        self.patch_in = nn.Conv1d(1, fast, patch, stride=patch)
        self.encode_fast = _CausalStack(fast, config.blocks)
        self.down_mid = nn.Conv1d(fast, mid, to_mid, stride=to_mid)
        self.encode_mid = _CausalStack(mid, config.blocks)
        self.down_slow = nn.Conv1d(mid, slow, to_slow, stride=to_slow)
        self.to_latent = nn.Conv1d(slow, 2 * config.channels, 1)
        self.from_latent = _CausalConv(config.channels, slow)
        self.decode_slow = _CausalStack(slow, 1)
        self.up_mid = nn.Conv1d(slow, mid * to_slow, 1)
        self.decode_mid = _CausalStack(mid, config.blocks)
        self.up_fast = nn.Conv1d(mid, fast * to_mid, 1)
        self.decode_fast = _CausalStack(fast, config.blocks)
        self.patch_out = nn.Conv1d(fast, patch, 1)

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
        patch, to_mid, to_slow = self.config.strides
        for stack, up, factor in (
            (self.decode_slow, self.up_mid, to_slow),
            (self.decode_mid, self.up_fast, to_mid),
            (self.decode_fast, self.patch_out, patch),
        ):
            count = len(stack.convs)
            x, new = stack(x, state[at : at + count])
            tails, at = [*tails, *new], at + count
            x = _unfold(up(x), factor)
        return x[:, 0] / _GAIN, tuple(tails)

    def encode(self, sound: Tensor) -> Tensor:
        """(B, samples) -> normalised latents (B, channels, samples / config.samples)."""
        return self.normalise(self.posterior(sound)[0])

    def decode(self, latents: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Normalised latents (B, channels, L) -> (B, config.samples * L) samples, and the state
        after them."""
        sound, state = self.decode_raw(self.restore(latents), state)
        return sound.clamp(-1, 1), state


def _unfold(x: Tensor, factor: int) -> Tensor:
    """(B, C * factor, T) -> (B, C, T * factor)."""
    b, c, t = x.shape
    return x.view(b, c // factor, factor, t).transpose(2, 3).reshape(b, c // factor, t * factor)
