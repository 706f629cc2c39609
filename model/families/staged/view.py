"""What a world's geometry computes of a picture before anything is painted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class View:
    """Latent cells of pictures; the first axes are those of the facts it was made from.

    `maps` (..., M, rows, columns): smooth maps of where things are, near [-1, 1].
    `place` (..., K, rows, columns, 2): what surface each cell shows. With K = 1, the place of the
    cell's middle in a flat world whose whole is [-1, 1]^2, x to the right, y down, and `texture`
    is None. With K = 4, (u, v) from 0 to 1 on the texture of that number at the middles of the
    cell's quarters, row by row.
    `texture` (..., 4, rows, columns) numbers of textures.
    `sharp` (..., 4, rows, columns): how often a texture of 128 texels is halved to fit.
    `busy` (..., rows, columns): 1 where something moves, 0 where nothing does.
    `things` (..., S, columns + rows): how far the middles of columns and rows are from the middle
    of each thing that has a sprite, -1 to 1 within it, x to the right, y up.
    """

    maps: Tensor
    place: Tensor
    busy: Tensor
    texture: Tensor | None = None
    sharp: Tensor | None = None
    things: Tensor | None = None
