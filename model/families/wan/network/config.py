"""Shapes of the transformer and of the decoder of its latents. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PATCH = 2  # latents of a token along each side
SPACE = 8  # pixels of a latent along each side
TIME = 4  # frames of a latent; the first latent of a video is one frame

Positions = Literal["absolute", "window"]
"""Where the rotary embedding sees a cached latent: where it is in the video, or in the window, in
which a sink stays right before the other blocks."""


@dataclass(frozen=True)
class Window:
    """What a chunk can see, in latents, all multiples of `chunk`: `size` of them, its own and the
    first `sink` of the video included."""

    chunk: int
    size: int
    sink: int = 0
    positions: Positions = "window"

    def __post_init__(self) -> None:
        if self.size % self.chunk or self.sink % self.chunk or self.sink + self.chunk > self.size:
            raise ValueError(f"{self.size} with sink {self.sink} is no window of {self.chunk}")


@dataclass(frozen=True)
class WanConfig:
    """Of the transformer (Wan 2.1, arXiv 2503.20314); the defaults are those of its 1.3B.

    `rows` and `columns` are of a latent picture; both are multiples of `PATCH`.
    """

    rows: int = 60
    columns: int = 104
    width: int = 1536
    heads: int = 12
    layers: int = 30
    hidden: int = 8960  # of the feed-forward layers
    channels: int = 16  # of a latent
    text_width: int = 4096
    text_length: int = 512  # tokens; shorter texts are followed by zeros, which are attended to
    frequencies: int = 256  # of the embedding of a timestep
    epsilon: float = 1e-6

    @property
    def inputs(self) -> int:
        """Channels of what the transformer is given."""
        return self.channels

    @property
    def head_size(self) -> int:
        return self.width // self.heads

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        return self.rows // PATCH, self.columns // PATCH

    @property
    def tokens(self) -> int:
        """Of a latent picture."""
        return self.grid[0] * self.grid[1]

    def block_shapes(self, latents: int) -> list[tuple[int, ...]]:
        """Of what is kept of so many latents: keys and values, (layers, 2, H, tokens, D)."""
        return [(self.layers, 2, self.heads, latents * self.tokens, self.head_size)]

    def cache_values(self, latents: int) -> int:
        """Numbers in the keys and values of so many latents."""
        return 2 * self.layers * self.tokens * self.width * latents

    def flops(self, latents: int, seen: int) -> float:
        """Of one pass over so many latents which attend to `seen`, these included: two for each
        weight and token, and the products of attention."""
        queries = latents * self.tokens
        # four projections of self-attention, two of cross-attention, and the feed-forward layers
        linear = 2 * queries * self.width * (6 * self.width + 2 * self.hidden)
        attended = seen * self.tokens + self.text_length
        attention = 4 * queries * attended * self.width
        return float(self.layers * (linear + attention))


@dataclass(frozen=True)
class DecoderConfig:
    """Of the decoder of the Wan 2.1 VAE; the defaults are those of the published one."""

    channels: int = 16
    width: int = 96  # at full size
    multiples: tuple[int, ...] = (1, 2, 4, 4)  # of the width, from full size down
    blocks: int = 2  # residual ones at each size, and one more
    doubles_time: tuple[bool, ...] = (False, True, True)  # at each halving, from full size down


@dataclass(frozen=True)
class TaehvConfig:
    """Of TAEHV, the fast decoder; the defaults are those of the published one for Wan 2.1."""

    channels: int = 16
    widths: tuple[int, ...] = (256, 128, 64, 64)  # from latents up, the last at full size
    blocks: int = 3  # at each size but the last
    times: tuple[int, ...] = (1, 2, 2)  # frames of each, at each doubling

    @property
    def width(self) -> int:
        """At full size."""
        return self.widths[-1]


TINY = WanConfig(
    rows=8, columns=14, width=64, heads=2, layers=2, hidden=128, text_width=32, text_length=16
)
"""For tests, and to see it run where there are no weights."""

TINY_DECODER = DecoderConfig(width=4)
TINY_TAEHV = TaehvConfig(widths=(8, 8, 4, 4), blocks=1)
