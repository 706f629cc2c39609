"""Drawing the corridors: texels of what the rays meet, under the light, then the style.

Batched over frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors import rays
from lightcone.model.families.staged.corridors.constants import FLICKER_SECONDS, WALK_SPEED
from lightcone.model.families.staged.corridors.rays import EYES, VIEW, Eye, Surfaces
from lightcone.model.families.staged.corridors.textures import SIZE
from lightcone.model.simulators import atmosphere
from lightcone.model.simulators.corridors import textures
from lightcone.model.simulators.corridors.physics import CorridorsState
from lightcone.model.simulators.corridors.textures import Rgb

_RAYS_PER_COLUMN = 2  # whose mean it shows; `_shine` takes them in pairs


@dataclass(frozen=True)
class Light:
    name: str
    everywhere: Rgb
    lantern: Rgb  # carried by the player: full at hand, falls with distance
    far: Rgb  # what the distance fades to
    sight: float  # distance at which 63 % has faded, in cells


LIGHTS = (
    Light("day", (1.08, 1.06, 1.02), (0, 0, 0), (0.10, 0.11, 0.13), 9.0),
    Light("evening", (0.95, 0.66, 0.46), (0.12, 0.08, 0.04), (0.13, 0.04, 0.07), 5.5),
    Light("night", (0.13, 0.17, 0.30), (1.05, 0.74, 0.40), (0.01, 0.01, 0.03), 5.0),
    Light("mist", (0.80, 0.82, 0.80), (0, 0, 0), (0.38, 0.40, 0.40), 3.2),
)  # fmt: skip


def draw(state: CorridorsState, height: int, width: int) -> Tensor:
    """Frames of states. Fields of `state` are (N,) and (N, DOORS). Returns
    (N, 3, height, width), RGB 0 to 1."""
    eye = eye_of(state)
    aside = rays.spread(_RAYS_PER_COLUMN * width, state.device) * VIEW / eye.zoom[:, None]
    rows = rays.spread(height, state.device)
    hits = rays.cast(eye, aside)
    seen = rays.surfaces(eye, hits, aside, rows, width / 2 / VIEW)
    texels = textures.atlas(state.device).index_select(1, _addresses(seen).view(-1))
    picture = _shine(texels.view(3, *seen.u.shape), seen, state)
    still = torch.zeros_like(state.x)
    return atmosphere.shade(picture, still, still, state.style, state.clock)


def eye_of(s: CorridorsState) -> Eye:
    gaze = s.heading + math.pi * s.rear
    swing = torch.sin(4 * math.pi * s.gait)
    return Eye(
        x=s.x,
        y=s.y,
        cosine=torch.cos(gaze),
        sine=torch.sin(gaze),
        height=EYES + rays.bob(s.speed / WALK_SPEED, swing),
        zoom=s.zoom,
        doors=s.doors,
        plan=s.plan.long(),
    )


def _addresses(seen: Surfaces) -> Tensor:
    """Rows of the atlas of what is seen: (N, rows, rays), int32. Float32 holds such numbers
    exactly, and is faster than whole numbers."""
    device = seen.u.device
    level = seen.blur.round().clamp_(0, textures.LEVELS - 1)
    size = torch.exp2(math.log2(SIZE) - level)
    row, column = (seen.v * size).floor_(), (seen.u * size).floor_()
    row.addcmul_(seen.texture, size)
    starts = torch.tensor(textures.LEVEL_STARTS, dtype=torch.float32, device=device)
    begin = starts.index_select(0, level.view(-1).int()).view_as(level)
    return column.addcmul_(row, size).add_(begin).int()


def _shine(texels: Tensor, seen: Surfaces, state: CorridorsState) -> Tensor:
    """Light the `texels` (3, N, rows, rays) of what is seen, and average the rays of each
    column."""
    lights = _lights(texels.device)[:, :, state.light.long()]  # (4, 3, N)
    everywhere, lantern, far, sight = lights[..., None, None]
    flicker = 2 * math.pi / FLICKER_SECONDS * state.clock
    lantern = lantern * (1 + 0.06 * flicker.sin() + 0.04 * (3 * flicker).sin())[:, None, None]
    near = (seen.distance / -sight[0].square()).clamp_(min=-30).exp_()
    bright = near * seen.shade
    carried = bright / (1 + seen.distance / 2.56)
    lit = (bright * everywhere).addcmul_(carried, lantern).mul_(texels)
    seen_far = (2 - near[..., 0::2] - near[..., 1::2]) * far
    colour = (lit[..., 0::2] + lit[..., 1::2]).add_(seen_far).mul_(0.5)
    return colour.clamp_(0, 1).transpose(0, 1)


@lru_cache
def _lights(device: torch.device) -> Tensor:
    """(4, 3, LIGHTS): the colours of each light, and its sight."""
    rows = [[k.everywhere, k.lantern, k.far, (k.sight,) * 3] for k in LIGHTS]
    return torch.tensor(rows, device=device).permute(1, 2, 0)
