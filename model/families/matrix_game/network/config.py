"""Shapes of the transformer. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.model.families.wan.network.config import TIME, WanConfig

MASK_CHANNELS = 4  # 1 where the picture's latent is known, in the first of a video


@dataclass(frozen=True)
class MatrixGameConfig(WanConfig):
    """Of Matrix-Game 2 (arXiv 2508.13009); the defaults are those of its 1.8B at 640x352.

    What all tokens attend to are features of the first picture: `text_width` and `text_length` are
    theirs. `keys` and `mouse` are numbers of a frame; the first `acting` layers take them.
    """

    rows: int = 44
    columns: int = 80
    text_width: int = 1280
    text_length: int = 257
    keys: int = 4
    mouse: int = 2
    acting: int = 15
    action_heads: int = 16
    action_width: int = 1024
    key_width: int = 128  # of the keys of a frame
    windows: int = 3  # latents whose frames' actions a latent sees
    turning: int = 8  # elements of a head that turn with time
    base: float = 256.0  # of that rotary embedding

    @property
    def inputs(self) -> int:
        return self.channels + MASK_CHANNELS + self.channels

    @property
    def action_size(self) -> int:
        """Of a head in an action block."""
        return self.action_width // self.action_heads

    @property
    def frames_seen(self) -> int:
        """Frames whose actions a latent sees."""
        return TIME * self.windows

    def block_shapes(self, latents: int) -> list[tuple[int, ...]]:
        """Also of the action blocks, keys and mouse: (acting, 2, places, H, F, D)."""
        heads = self.action_heads, latents, self.action_size
        places = [(self.acting, 2, n, *heads) for n in (1, self.tokens)]
        return [*super().block_shapes(latents), *places]

    def cache_values(self, latents: int) -> int:
        return super().cache_values(latents) + self.action_values(latents)

    def action_values(self, latents: int) -> int:
        """Numbers in the keys and values of the action blocks: of the mouse at each token, of the
        keys once."""
        return 2 * self.acting * self.action_width * (self.tokens + 1) * latents

    def flops(self, latents: int, seen: int) -> float:
        queries = latents * self.tokens
        mouse = self.width + self.frames_seen * self.mouse + 4 * self.action_width + self.width
        linear = 2 * queries * self.action_width * (mouse + 2 * self.width)
        attention = 2 * 4 * queries * seen * self.action_width
        return super().flops(latents, seen) + float(self.acting * (linear + attention))


TINY = MatrixGameConfig(
    rows=8, columns=14, width=64, heads=2, layers=2, hidden=128, text_width=32, text_length=5,
    acting=1, action_heads=2, action_width=32, key_width=16,
)  # fmt: skip
"""For tests, and to see it run where there are no weights."""
