"""The sizes of pictures, of the transformer, and of what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.model.codecs.cell import CELL
from lightcone.model.interface import UnsupportedSetting

PATCH = 4  # cells of a picture token, along each side


@dataclass(frozen=True)
class PictureSize:
    """The size of a picture, which is 4 to 3, in pixels and in latent cells.

    Raises UnsupportedSetting where picture tokens do not fill it."""

    height: int = 96

    def __post_init__(self) -> None:
        if self.height < 48 or self.height % 48:
            raise UnsupportedSetting(
                f"a picture's height is a multiple of 48 pixels, not {self.height}"
            )

    @property
    def width(self) -> int:
        return self.height * 4 // 3

    @property
    def rows(self) -> int:
        """Of latent cells."""
        return self.height // CELL

    @property
    def columns(self) -> int:
        return self.width // CELL

    def at(self, pixels: int) -> PictureSize:
        """Of pictures with the same latents, but so many pixels of each along each side. Its own
        latents are others, and more."""
        return PictureSize(self.rows * pixels)


DEFAULT_SIZE = PictureSize()


@dataclass(frozen=True)
class TransformerConfig:
    width: int = 192
    heads: int = 4
    layers: str = "STST"
    window: int = 6  # chunks a T layer sees, itself among them
    frames: int = 2  # of a chunk
    height: int = DEFAULT_SIZE.height  # of the picture that is encoded, in pixels
    channels: int = 12  # of a latent cell of one frame
    sound_values: int = 32  # of a sound token
    cells: int = 48  # width of the convolutions before and after the tokens
    maps: int = 48  # width of the scene when it joins the cells
    text: int = 128  # width of what a prompt becomes

    @property
    def size(self) -> PictureSize:
        return PictureSize(self.height)

    @property
    def token_rows(self) -> int:
        return self.size.rows // PATCH

    @property
    def token_columns(self) -> int:
        return self.size.columns // PATCH

    @property
    def picture_tokens(self) -> int:
        return self.token_rows * self.token_columns

    @property
    def depth(self) -> int:
        """Channels of a latent cell over all frames of a chunk."""
        return self.frames * self.channels

    @property
    def tokens(self) -> int:
        return self.picture_tokens + self.frames
