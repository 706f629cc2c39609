"""Prompts as the model reads them: a vocabulary, and a small transformer over its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LONGEST = 16  # words of a prompt, the world's name among them
_PAD = 0


@dataclass(frozen=True)
class Vocabulary:
    """The words that a model knows; word i has number 1 + i, 0 stands for no word."""

    words: tuple[str, ...]

    def encode(self, world: str, chosen: Sequence[str | None]) -> Tensor:
        """The name of a world and one word, or none, for each of its attributes -> numbers
        (LONGEST,)."""
        numbers = [0 if word is None else 1 + self.words.index(word) for word in (world, *chosen)]
        return F.pad(torch.tensor(numbers), (0, LONGEST - len(numbers)), value=_PAD)


class TextEncoder(nn.Module):
    """Numbers of words (B, LONGEST) -> what they mean (B, `width`): all together, and beside it
    each by itself at its place, for the red of a shirt is not that of the rival's."""

    def __init__(self, words: int, width: int, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.embedding = nn.Embedding(1 + words, width)
        self.place = nn.Parameter(torch.randn(LONGEST, width) * 0.1)
        self.layers = nn.ModuleList(_Layer(width) for _ in range(layers))
        self.leave = nn.Linear(width, width)
        self.alone = nn.Parameter(torch.randn(LONGEST, 1 + words, width) * 0.02)

    def forward(self, numbers: Tensor) -> Tensor:
        known = numbers != _PAD
        x = self.embedding(numbers) + self.place
        for layer in self.layers:
            x = layer(x, known, self.heads)
        share = known.to(x.dtype) / known.sum(1, keepdim=True)
        pooled: Tensor = self.leave((x * share[..., None]).sum(1))
        alone = self.alone[torch.arange(LONGEST, device=numbers.device), numbers]  # (B, LONGEST, W)
        return pooled + (alone * known[..., None]).sum(1)


class _Layer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, known: Tensor, heads: int) -> Tensor:
        qkv = self.qkv(self.attention_norm(x)).unflatten(-1, (3, heads, -1)).transpose(1, 3)
        q, k, v = qkv.unbind(2)  # each (B, H, L, D)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=known[:, None, None])
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(self.mlp_norm(x))
        return out


def vocabulary(words: Sequence[Sequence[str]], worlds: Sequence[str]) -> Vocabulary:
    """Of the words of several worlds and their names."""
    return Vocabulary(tuple(sorted({*worlds, *(word for some in words for word in some)})))
