"""Drawing the pond: soft-edged shapes from signed distances, batched over frames.

From back to front: sky, water, board, person and spray, the water again as a tint over what is
in it, its crest, the banks, the reeds.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, SHORE, WIDTH
from lightcone.model.families.staged.pond.constants import (
    BOARD_HALF,
    BOARD_THICK,
    BODY,
    SPRAY_SECONDS,
)
from lightcone.model.families.staged.pond.spray import drops
from lightcone.model.families.staged.shared.camera import to_world
from lightcone.model.simulators.atmosphere import shade as shade_picture
from lightcone.model.simulators.court.brush import (
    Canvas,
    Rgb,
    Window,
    capsule,
    circle,
)
from lightcone.model.simulators.court.drawing import (
    Scenery,
    look_at,
)
from lightcone.model.simulators.pond import (
    scenery,
    water,
)
from lightcone.model.simulators.pond.physics import PondState, depth_of
from lightcone.model.simulators.pond.scenery import LOOKS, palette

SUITS: tuple[tuple[str, Rgb], ...] = (
    ("red", (0.90, 0.12, 0.18)),
    ("yellow", (0.98, 0.82, 0.14)),
    ("purple", (0.56, 0.22, 0.78)),
    ("green", (0.12, 0.64, 0.26)),
    ("blue", (0.12, 0.32, 0.92)),
    ("orange", (0.98, 0.50, 0.10)),
)
PAINTS: tuple[tuple[str, Rgb], ...] = (
    ("white", (0.96, 0.96, 0.94)),
    ("teal", (0.10, 0.72, 0.66)),
    ("brown", (0.66, 0.42, 0.22)),
)
_SKIN: Rgb = (0.66, 0.44, 0.32)
_HAIR: Rgb = (0.14, 0.11, 0.12)
_SHAFT: Rgb = (0.90, 0.86, 0.74)
_TINT = 0.4  # how much water hides what is in it
_CREST = 0.005  # half the width of the line where water meets air


def draw(state: PondState, skies: Scenery) -> Tensor:
    """Frames of states, as their cameras see them. Fields of `state` are (N,) or (N, COLUMNS),
    `skies` has N, one for each. Returns (N, 3, H, W), RGB 0 to 1."""
    height, width = skies.plain.shape[-2:]
    sharp = height * state.camera.zoom[:, None, None]  # pixels in a unit of the world
    canvas = Canvas(look_at(skies, state.camera), state.camera)
    x, y = (a.to(state.bx.device) for a in scenery.grid(height, width))
    x, y = to_world(state.camera[:, None, None], x[:1], y[:, :1])  # (N, 1, W), (N, H, 1)
    surface = LEVEL + water.sample(state.surface, x[:, 0])[:, None]
    above = y - surface  # (N, H, W)
    in_water = (0.5 - above * sharp / 1.3).clamp(0, 1)[:, None]
    depths = scenery.depths(state.look, y) + _streak(state, x, y, above)
    picture = canvas.result()
    picture.lerp_(depths, in_water)
    _board(canvas, state)
    _person(canvas, state)
    _spray(canvas, state)
    picture.lerp_(depths, _TINT * in_water)
    crest = (0.5 + (_CREST - (above + _CREST).abs()) * sharp / 1.1).clamp(0, 1)[:, None]
    picture.lerp_(palette("crest", state.look)[:, :, None, None], 0.85 * crest)
    shade = 0.7 + 0.3 * (y / SHORE).clamp(0, 1)
    earth = palette("bank", state.look)[:, :, None, None] * shade[:, None]
    picture.lerp_(earth, scenery.bank_cover(x, y, sharp)[:, None])
    _reeds(canvas, state, LEFT / 2)
    _reeds(canvas, state, WIDTH - LEFT / 2)
    day = torch.zeros_like(state.look)
    return shade_picture(picture, day, state.weather, state.style, state.clock)


def _streak(s: PondState, x: Tensor, y: Tensor, above: Tensor) -> Tensor:
    """Light of sun or moon on the water, broken by the waves: (N, 3, H, W)."""
    disc = palette("disc", s.look)[:, :1, None]
    slope = -torch.gradient(above[:, :1] - y[:, :1], dim=2)[0]
    step = (x[:, :, 1:2] - x[:, :, :1]).clamp_min(1e-6)
    sway = 0.02 * torch.sin(70 * y + _wave(s.clock, 1.5)[:, None, None]) - 0.05 * slope / step
    beam = torch.exp(-((x - disc + sway) / 0.06).square()) * torch.exp(above / 0.16).clamp_max(1)
    glow = torch.tensor([look.glow for look in LOOKS], device=x.device)[s.look.long()]
    light = palette("light", s.look)[:, :, None, None]
    return light * (glow[:, None, None] * beam)[:, None]


def _wave(clock: Tensor, period: float) -> Tensor:
    """The angle of what repeats after `period` seconds."""
    return clock * (2 * math.pi / period)


def _board(canvas: Canvas, s: PondState) -> None:
    window = Window(canvas, s.bx, s.by, BOARD_HALF + 0.02, 0.09)
    zero = torch.zeros_like(s.bx)
    c, n = torch.cos(s.tilt)[:, None], torch.sin(s.tilt)[:, None]
    x, y = window.x * c + window.y * n, window.y * c - window.x * n
    end = zero + BOARD_HALF - BOARD_THICK / 2
    colour = torch.tensor([rgb for _, rgb in PAINTS], device=s.bx.device)[s.paint.long()]
    dim = _daylight(s)
    edge = capsule(x, y, -end, zero, end, zero, BOARD_THICK / 2 + 0.006)
    window.paint(edge, colour * dim * 0.25)
    window.paint(capsule(x, y, -end, zero, end, zero, BOARD_THICK / 2), colour * dim)
    low = zero - 0.3 * BOARD_THICK
    window.paint(capsule(x, y, -end, low, end, low, 0.0045), colour * dim * 0.5)
    deck = zero + BOARD_THICK / 2 + 0.002
    lies = (1 - s.aboard)[:, None]
    shaft = capsule(x, y, -0.6 * end, deck, 0.6 * end, deck, 0.0035)
    window.paint(shaft, torch.tensor(_SHAFT, device=dim.device) * dim, lies)
    window.close()


def _person(canvas: Canvas, s: PondState) -> None:
    """Along an axis from the feet that leans; in water they swim, aboard they paddle."""
    reach = BODY + 0.06
    middle_x, middle_y = s.px + 0.5 * BODY * s.lean.sin(), s.py + 0.5 * BODY * s.lean.cos()
    window = Window(canvas, middle_x, middle_y, 0.72 * reach, 0.72 * reach)
    c, n = torch.cos(s.lean)[:, None], torch.sin(s.lean)[:, None]
    from_x, from_y = window.x + 0.5 * BODY * n, window.y + 0.5 * BODY * c
    x, y = from_x * c - from_y * n, from_x * n + from_y * c
    zero, face = torch.zeros_like(s.px), s.facing
    dim = _daylight(s)
    skin, hair, shaft = (torch.tensor(v, device=dim.device) * dim for v in (_SKIN, _HAIR, _SHAFT))
    suit = torch.tensor([rgb for _, rgb in SUITS], device=dim.device)[s.suit.long()] * dim

    aboard = s.aboard
    swims = (1 - aboard) * (depth_of(s) > 0)
    flies = (1 - aboard) * (1 - swims)
    phase = 2 * math.pi * s.stroke
    kick = swims * (0.012 + 0.02 * torch.sin(2 * phase + _wave(s.clock, 1.5)))
    bend = 0.016 * aboard + 0.03 * flies
    for leg in (-1, 1):
        foot = leg * (0.026 + kick) - flies * face * 0.02 * leg
        knee_x, knee_y = foot * 0.8 + face * bend, zero + 0.055 + 0.015 * flies
        window.paint(capsule(x, y, foot, zero + 0.012, knee_x, knee_y, 0.012), skin)
        window.paint(capsule(x, y, knee_x, knee_y, zero + leg * 0.009, zero + 0.11, 0.016), suit)
    shoulder = zero + 0.185
    window.paint(capsule(x, y, zero, zero + 0.115, zero, shoulder, 0.027), suit)
    head_x, head_y = 0.006 * face, zero + 0.243
    window.paint(circle(x - head_x[:, None], y - head_y[:, None], 0.028), skin)
    crown = capsule(
        x, y, head_x - 0.020 * face, head_y + 0.005, head_x + 0.008 * face, head_y + 0.02, 0.013
    )
    window.paint(crown, hair)

    # The blade goes from before to behind the feet, in an arc that dips into the water.
    swing = torch.where(s.stroke > 0, torch.cos(phase), 0.35)
    lift = 0.045 * (s.stroke > 0.6) * torch.sin(math.pi * (s.stroke - 0.6) / 0.4)
    grip_x, grip_y = face * (0.035 + 0.02 * swing), shoulder + 0.012
    blade_x, blade_y = face * (0.055 + 0.055 * swing), zero - 0.030 + lift
    window.paint(capsule(x, y, grip_x, grip_y, blade_x, blade_y, 0.0045), shaft, aboard[:, None])
    end_x, end_y = torch.lerp(blade_x, grip_x, 0.16), torch.lerp(blade_y, grip_y, 0.16)
    window.paint(capsule(x, y, end_x, end_y, blade_x, blade_y, 0.011), shaft, aboard[:, None])
    for arm in (0, 1):
        along = 0.12 + 0.38 * arm
        on_x, on_y = torch.lerp(grip_x, blade_x, along), torch.lerp(grip_y, blade_y, along)
        turn = phase + math.pi * arm
        in_x, in_y = 0.075 * torch.sin(turn) + 0.03 * face, shoulder + 0.055 * torch.cos(turn)
        up_x, up_y = zero + (2 * arm - 1) * 0.055, shoulder + 0.05
        hand_x = aboard * on_x + swims * in_x + flies * up_x
        hand_y = aboard * on_y + swims * in_y + flies * up_y
        window.paint(capsule(x, y, zero, shoulder, hand_x, hand_y, 0.0115), skin)
    window.close()


def _spray(canvas: Canvas, s: PondState) -> None:
    """Drops of the last splash, each on its parabola, and its foam."""
    age = s.splash_age.clamp_max(SPRAY_SECONDS)
    alive = (s.splash_age < SPRAY_SECONDS).float()
    level = LEVEL + water.sample(s.surface, s.splash_x[:, None])[:, 0]
    colour = palette("crest", s.look)
    places = drops(*(v[:, None] for v in (s.splash_x, s.splash_speed, age)))
    for k, (x, y) in enumerate(zip(*(place.unbind(1) for place in places), strict=True)):
        shown = alive * (y > level - 0.01)
        window = Window(canvas, x, y, 0.016, 0.016)
        window.paint(circle(window.x, window.y, 0.0085 + 0.003 * (k % 2)), colour, shown[:, None])
        window.close()
    window = Window(canvas, s.splash_x, level, 0.16, 0.03)
    wide = (0.05 + 0.10 * age)[:, None]
    foam = ((window.x / wide).square() + (window.y / 0.016).square()).sqrt()
    fade = (alive * (1 - age / SPRAY_SECONDS) * (0.3 + s.splash_speed).clamp_max(1))[:, None]
    window.paint((foam - 0.75) * 0.03, colour, 0.85 * fade)
    window.close()


def _reeds(canvas: Canvas, s: PondState, x: float) -> None:
    """A clump on a bank around `x`, bent by the wind."""
    window = Window(
        canvas, torch.full_like(s.px, x), torch.full_like(s.px, SHORE + 0.1), 0.15, 0.14
    )
    reed = palette("reed", s.look)
    zero = torch.zeros_like(s.px)
    for k in range(5):
        root = zero + (k - 2) * 0.017
        tall = 0.13 + 0.05 * math.sin(2.4 * k + 20 * x)
        tremble = 0.012 * torch.sin(_wave(s.clock, 1.0) + 1.3 * k) * (0.2 + s.gust.abs())
        bend = 0.075 * s.gust * tall / 0.15 + tremble + 0.008 * (k - 2)
        mid_x, mid_y = root + 0.3 * bend, zero - 0.11 + 0.6 * tall
        top_x, top_y = root + bend, zero - 0.11 + tall - 2.2 * bend.square()
        window.paint(capsule(window.x, window.y, root, zero - 0.13, mid_x, mid_y, 0.005), reed)
        window.paint(capsule(window.x, window.y, mid_x, mid_y, top_x, top_y, 0.004), reed)
        if k % 2:
            head_x, head_y = torch.lerp(top_x, mid_x, 0.35), torch.lerp(top_y, mid_y, 0.35)
            head = capsule(window.x, window.y, head_x, head_y, top_x, top_y, 0.0085)
            window.paint(head, palette("bank", s.look) * 0.75)
    window.close()


def _daylight(s: PondState) -> Tensor:
    """How bright things are in each world's light: (N, 1)."""
    bright = torch.tensor([0.95, 1.0, 0.82, 0.66], device=s.look.device)
    return bright[s.look.long()][:, None]
