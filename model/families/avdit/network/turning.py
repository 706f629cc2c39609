"""What becomes of a latent picture when the camera turns.

A turn moves all that is seen in the same way, however far away it is: where a pixel of the next
picture was in the last one, the camera alone decides (Hartley & Zisserman, "Multiple View
Geometry": the homography of a rotation). A latent stands for 8x8 pixels. So most of the way it is
taken from another cell, and the rest, less than a cell, is a linear operator: one of some that are
learned, mixed by how far that rest is in each frame of both pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.place import Place

_HIDDEN = 48
_FARTHEST = 4.0  # latents between a cell and what a frame of it shows
BESIDE = 1.45  # radians from where a camera looks: what is farther aside is not seen


class Turning(nn.Module):
    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._config = c
        self.operators = nn.Conv2d(c.channels, c.turning * c.channels, 3, padding=1, bias=False)
        self.mixture = nn.Sequential(
            nn.Linear(2 * c.group + 1, _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, _HIDDEN),
            nn.SiLU(), nn.Linear(_HIDDEN, c.turning),
        )  # fmt: skip
        last = self.mixture[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        with torch.no_grad():  # the first operator moves nothing, and is all that is used
            self.operators.weight[: c.channels] = 0.0
            self.operators.weight[: c.channels, :, 1, 1].fill_diagonal_(1.0)
            last.bias[0] = 1.0  # type: ignore[operator]

    def forward(self, picture: Tensor, place: Place, angles: Tensor) -> Tensor:
        """Latent pictures (B, channels, rows, columns) as they are after turns: (B, N, channels,
        rows, columns), 0 where nothing of them was seen. `angles` (B, 1 + N, group) in radians, of
        the frames that each picture stands for, the given ones first."""
        c = self._config
        source, rest, seen = self._from(place, angles.float())
        all_moved = self.operators(picture).unflatten(1, (c.turning, c.channels)).flatten(3)
        share = self.mixture(rest.to(picture.dtype)) * seen[..., None].to(picture.dtype)
        out = []
        for at, mixed in zip(source.unbind(1), share.unbind(1), strict=True):
            shape = (-1, c.turning, c.channels, -1)
            taken = all_moved.gather(-1, at[:, None, None].expand(*shape[:3], at.shape[-1]))
            out.append(torch.einsum("bkcl,blk->bcl", taken, mixed))
        return torch.stack(out, 1).unflatten(-1, (c.rows, c.columns))

    def _from(self, place: Place, angles: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where in the given picture each cell is taken from, (B, N, latents); how far the frames
        of both are from there, (B, N, latents, 2 group + 1) latents; and whether it was seen,
        (B, N, latents)."""
        c = self._config
        given = angles[:, 0]
        middle = torch.atan2(given.sin().sum(-1), given.cos().sum(-1))[:, None, None]
        off = angles - middle
        off = torch.atan2(off.sin(), off.cos()) * place.hand  # (B, 1 + N, group)
        width = place.width.exp()
        across = ((torch.arange(c.columns).to(angles) + 0.5) / c.columns * 2 - 1) * width
        aside = torch.atan(across)
        then = aside - off[:, 1:, :, None]  # (B, N, group, columns): in the given picture
        ahead = (then.abs() < BESIDE).all(2)
        then = then.clamp(-BESIDE, BESIDE)
        x = (then.tan() / width + 1) / 2 * c.columns - 0.5
        larger = (aside.cos() / then.cos()).mean(2)  # (B, N, columns)
        down = (torch.arange(c.rows).to(angles) + 0.5) / c.rows - 0.5 - place.horizon
        y = (down[:, None] * larger[:, :, None] + 0.5 + place.horizon) * c.rows - 0.5
        column, row = x.mean(2).round(), y.round()  # (B, N, columns), (B, N, rows, columns)
        inside = (column >= 0) & (column < c.columns) & ahead
        seen = inside[:, :, None] & (row >= 0) & (row < c.rows)
        source = row.clamp(0, c.rows - 1) * c.columns + column.clamp(0, c.columns - 1)[:, :, None]
        # the frames of the given picture differ by how the camera turned between them
        latents_a_radian = (1 + then.tan().mean(2).square()) / width / 2 * c.columns
        swayed = off[:, :1, :, None] * latents_a_radian[:, :, None]  # (B, N, group, columns)
        sideways = torch.cat([x - column[:, :, None], swayed], 2)[:, :, :, None]
        parts = [sideways.expand(-1, -1, -1, c.rows, -1), (y - row)[:, :, None]]
        rest = torch.cat(parts, 2).clamp(-_FARTHEST, _FARTHEST).flatten(3).transpose(2, 3)
        return source.long().flatten(2), rest, seen.flatten(2)
