"""The Wan 2.1 transformer, which predicts how latents flow from clean to noise.

Modules have the names of the published checkpoints, so that these load as they are. What the tokens
of a pass attend to is not its business: a `Context` gives them the past.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.wan.network.config import PATCH, WanConfig
from lightcone.model.runtime.attention import attend

CrossKeys = Sequence[tuple[Tensor, Tensor]]
"""Keys and values in each layer of what all tokens attend to, such as a text: (B, H, N, D)."""


class Context(Protocol):
    """What the tokens of a pass attend to in self-attention."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries, keys and values (B, H, N, D) of the pass, without rotary embedding ->
        (B, H, N, D)."""
        ...


class Norm(nn.Module):
    """RMS norm over the whole width, before heads are split (Zhang & Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, self.epsilon)


class Attention(nn.Module):
    def __init__(self, c: WanConfig) -> None:
        super().__init__()
        self.heads = c.heads
        self.q = nn.Linear(c.width, c.width)
        self.k = nn.Linear(c.width, c.width)
        self.v = nn.Linear(c.width, c.width)
        self.o = nn.Linear(c.width, c.width)
        self.norm_q = Norm(c.width, c.epsilon)
        self.norm_k = Norm(c.width, c.epsilon)

    def queries(self, x: Tensor) -> Tensor:
        """(B, N, width) -> (B, H, N, D)."""
        return self._split(self.norm_q(self.q(x)))

    def keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, width) -> keys and values (B, H, N, D)."""
        return self._split(self.norm_k(self.k(x))), self._split(self.v(x))

    def out(self, attended: Tensor) -> Tensor:
        """(B, H, N, D) -> (B, N, width)."""
        projected: Tensor = self.o(attended.transpose(1, 2).flatten(2))
        return projected

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """A block with AdaLN: six vectors of the timestep, added to the block's own table."""

    def __init__(self, c: WanConfig) -> None:
        super().__init__()
        self.epsilon = c.epsilon
        self.modulation = nn.Parameter(torch.randn(1, 6, c.width) * c.width**-0.5)
        self.self_attn = Attention(c)
        self.norm3 = nn.LayerNorm(c.width, c.epsilon)
        self.cross_attn = Attention(c)
        self.ffn = nn.Sequential(
            nn.Linear(c.width, c.hidden), nn.GELU("tanh"), nn.Linear(c.hidden, c.width)
        )

    def forward(
        self, x: Tensor, time: Tensor, text: tuple[Tensor, Tensor], context: Context, layer: int
    ) -> Tensor:
        """`x`: (B, F, tokens, width); `time`: (B, F, 6, width) of each latent; `text`: its keys and
        values."""
        vectors = (self.modulation[:, None] + time).unsqueeze(3).unbind(2)  # (B, F, 1, width) each
        shift1, scale1, gate1, shift2, scale2, gate2 = vectors
        y = torch.addcmul(shift1, layer_norm(x, self.epsilon), 1 + scale1).flatten(1, 2)
        q, (k, v) = self.self_attn.queries(y), self.self_attn.keys(y)
        attended = self.self_attn.out(context.attend(layer, q, k, v))
        x = torch.addcmul(x, gate1, attended.unflatten(1, x.shape[1:3]))
        q = self.cross_attn.queries(self.norm3(x).flatten(1, 2))
        x = x + self.cross_attn.out(attend(q, *text)).unflatten(1, x.shape[1:3])
        x = self.acted(x, context, layer)
        y = torch.addcmul(shift2, layer_norm(x, self.epsilon), 1 + scale2)
        return torch.addcmul(x, gate2, self.ffn(y))

    def acted(self, x: Tensor, context: Context, layer: int) -> Tensor:
        """After what else a block attends to, (B, F, tokens, width): here nothing."""
        return x


class Head(nn.Module):
    def __init__(self, c: WanConfig) -> None:
        super().__init__()
        self.epsilon = c.epsilon
        self.modulation = nn.Parameter(torch.randn(1, 2, c.width) * c.width**-0.5)
        self.head = nn.Linear(c.width, PATCH * PATCH * c.channels)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """(B, F, tokens, width), (B, F, width) -> (B, F, tokens, PATCH * PATCH * channels)."""
        vectors = self.modulation[:, None] + time[:, :, None]  # (B, F, 2, width)
        shift, scale = vectors.unsqueeze(3).unbind(2)
        out: Tensor = self.head(torch.addcmul(shift, layer_norm(x, self.epsilon), 1 + scale))
        return out


class Backbone(nn.Module):
    """What transformers of this shape share, whatever they attend to beside their own tokens."""

    def __init__(self, config: WanConfig, **embeddings: nn.Module) -> None:
        """`embeddings`: of what all tokens attend to, by name."""
        super().__init__()
        c = self.config = config
        self.patch_embedding = nn.Conv3d(c.inputs, c.width, (1, PATCH, PATCH), (1, PATCH, PATCH))
        for name, module in embeddings.items():
            self.add_module(name, module)
        self.time_embedding = nn.Sequential(
            nn.Linear(c.frequencies, c.width), nn.SiLU(), nn.Linear(c.width, c.width)
        )
        self.time_projection = nn.Sequential(nn.SiLU(), nn.Linear(c.width, 6 * c.width))
        self.blocks = nn.ModuleList(self.block(c, layer) for layer in range(c.layers))
        self.head = Head(c)

    def block(self, c: WanConfig, layer: int) -> Block:
        return Block(c)

    @property
    def place(self) -> Tensor:
        """An empty tensor of its device and number format."""
        return self.head.head.weight.new_empty(0)

    def keys_of(self, embedded: Tensor) -> CrossKeys:
        """Of what all tokens attend to in each layer, (B, N, width)."""
        return [block.cross_attn.keys(embedded) for block in self.blocks]  # type: ignore[operator, union-attr]

    def forward(
        self, latents: Tensor, timesteps: Tensor, text: CrossKeys, context: Context
    ) -> Tensor:
        """The flow, noise - clean, of latents (B, F, C, rows, columns) at `timesteps` (B, F) from
        0, clean, to 1000, noise."""
        x, time = self._read(latents, timesteps, text, context)
        rows, columns = self.config.grid
        parts = self.head(x, time).unflatten(2, (rows, columns))
        parts = parts.unflatten(-1, (PATCH, PATCH, -1))  # (B, F, rows, columns, p, q, C)
        return parts.permute(0, 1, 6, 2, 4, 3, 5).flatten(5, 6).flatten(3, 4)

    def read(self, latents: Tensor, timesteps: Tensor, text: CrossKeys, context: Context) -> None:
        """A pass for the sake of its keys and values, which `context` gets."""
        self._read(latents, timesteps, text, context)

    def _read(
        self, latents: Tensor, timesteps: Tensor, text: CrossKeys, context: Context
    ) -> tuple[Tensor, Tensor]:
        x = self.patch_embedding(latents.transpose(1, 2))  # (B, width, F, rows, columns)
        x = x.flatten(3).permute(0, 2, 3, 1)  # (B, F, tokens, width)
        waves = sinusoids(timesteps, self.config.frequencies).to(x.dtype)
        time = self.time_embedding(waves)  # (B, F, width)
        vectors = self.time_projection(time).unflatten(-1, (6, -1))
        for layer, block in enumerate(self.blocks):
            x = block(x, vectors, text[layer], context, layer)
        return x, time


class WanTransformer(Backbone):
    text_embedding: nn.Sequential

    def __init__(self, config: WanConfig) -> None:
        c = config
        text = nn.Linear(c.text_width, c.width), nn.GELU("tanh"), nn.Linear(c.width, c.width)
        super().__init__(c, text_embedding=nn.Sequential(*text))

    def text_keys(self, text: Tensor) -> CrossKeys:
        """Of texts (B, text_length, text_width), zeros after their last token. They stay the same
        for all passes under a text."""
        return self.keys_of(self.text_embedding(text))


def layer_norm(x: Tensor, epsilon: float) -> Tensor:
    """Without gain and bias, over the last axis."""
    return F.layer_norm(x, x.shape[-1:], eps=epsilon)


def sinusoids(timesteps: Tensor, count: int) -> Tensor:
    """(...,) -> (..., count), in float64: cosines, then sines (Vaswani et al. 2017)."""
    half = count // 2
    steps = torch.arange(half, device=timesteps.device, dtype=torch.float64)
    angles = timesteps.double()[..., None] * 10_000.0 ** (-steps / half)
    return torch.cat([angles.cos(), angles.sin()], -1)
