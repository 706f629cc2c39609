"""The sizes of the transformer and of what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

PATCH = 4  # cells of a picture token, along each side


@dataclass(frozen=True)
class TransformerConfig:
    width: int = 192
    heads: int = 4
    layers: str = "STST"
    window: int = 6  # chunks a T layer sees, itself among them
    frames: int = 2  # of a chunk
    rows: int = 6  # of picture tokens
    columns: int = 8
    channels: int = 12  # of a latent cell of one frame
    sound_values: int = 32  # of a sound token
    cells: int = 48  # width of the convolutions before and after the tokens
    maps: int = 48  # width of the scene when it joins the cells
    text: int = 128  # width of what a prompt becomes

    @property
    def picture_tokens(self) -> int:
        return self.rows * self.columns

    @property
    def cells_shape(self) -> tuple[int, int]:
        """Rows and columns of latent cells."""
        return self.rows * PATCH, self.columns * PATCH

    @property
    def depth(self) -> int:
        """Channels of a latent cell over all frames of a chunk."""
        return self.frames * self.channels

    @property
    def tokens(self) -> int:
        return self.picture_tokens + self.frames
