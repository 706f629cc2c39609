"""The sizes of the transformer."""

from __future__ import annotations

from dataclasses import dataclass

from model.scene import FACTS

PATCH = 4  # cells of a picture token, along each side


@dataclass(frozen=True)
class TransformerConfig:
    width: int = 256
    heads: int = 4
    layers: str = "STSSTS"
    window: int = 12  # chunks a T layer sees, itself among them
    frames: int = 2  # of a chunk
    rows: int = 6  # of picture tokens
    columns: int = 8
    picture_values: int = 256  # of a picture token: frames * patch * patch * channels
    sound_values: int = 32  # of a sound token
    buttons: int = 4
    cells: int = 32  # width of the convolutions before and after the tokens
    maps: int = 24  # width of the scene's maps when they join the cells

    @property
    def picture_tokens(self) -> int:
        return self.rows * self.columns

    @property
    def cells_shape(self) -> tuple[int, int]:
        """Rows and columns of latent cells."""
        return self.rows * PATCH, self.columns * PATCH

    @property
    def facts(self) -> int:
        return (1 + self.frames) * FACTS

    @property
    def tokens(self) -> int:
        return self.picture_tokens + self.frames
