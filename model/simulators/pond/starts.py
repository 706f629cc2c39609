"""Where worlds of the pond begin: at rest, or in the midst of what happens seldom."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, RIGHT
from lightcone.model.families.staged.pond.constants import (
    BOARD_HALF,
    BOARD_THICK,
    BODY,
    SPRAY_SECONDS,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera, words
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.pond import (
    drawing,
    physics,
    scenery,
    water,
)
from lightcone.model.simulators.pond.physics import PondState

# Of each field that is appearance, how many values it has.
APPEARANCE = {
    "look": len(scenery.LOOKS),
    "suit": len(drawing.SUITS),
    "paint": len(drawing.PAINTS),
    "style": len(words.STYLES),
    "weather": len(words.WEATHERS),
    "music": len(words.MUSIC),
}
_OWN, _CAMERA, _PULSE = 20, 3, 2
NUMBERS = _OWN + _CAMERA + _PULSE + len(APPEARANCE)  # random numbers that one start takes

# Up to which number the person is found where: the last four are a moment of something.
_STANDS, _SWIMS, _HANGS_ON, _ABOVE_BOARD, _ABOVE_WATER, _FALLS = 0.46, 0.66, 0.74, 0.81, 0.91, 1.0
_DIVE = 0.36  # height of dives: from above any jump, so that splashes differ in loudness
_RIPPLED_SECONDS = 2.5  # for which wind has blown
_SETTLED_FRAMES = 12  # for which the camera has moved


def starts(numbers: Tensor) -> PondState:
    """Start states from uniform random numbers, (B, NUMBERS)."""
    own, view, pulse, looks = numbers.split([_OWN, _CAMERA, _PULSE, len(APPEARANCE)], 1)
    u = own.unbind(1)
    zero, one = torch.zeros_like(u[0]), torch.ones_like(u[0])
    kind = u[0]
    swims = (kind >= _STANDS) & (kind < _SWIMS)
    hangs = (kind >= _SWIMS) & (kind < _HANGS_ON)
    over_board = (kind >= _HANGS_ON) & (kind < _ABOVE_BOARD)
    over_water = (kind >= _ABOVE_BOARD) & (kind < _ABOVE_WATER)
    falls = kind >= _ABOVE_WATER
    aboard = (~(swims | hangs | over_board | over_water)).float()

    bx = LEFT + BOARD_HALF + (RIGHT - LEFT - 2 * BOARD_HALF) * u[1]
    draft = torch.where(aboard > 0.5, physics.DRAFT_LOADED, physics.DRAFT_EMPTY)
    by = LEVEL + BOARD_THICK / 2 - draft
    deck = by + BOARD_THICK / 2
    side = torch.where(u[2] < 0.5, -one, one)
    beside = bx + side * (BOARD_HALF + 0.02 + 0.10 * u[3])
    anywhere = LEFT + 0.06 + (RIGHT - LEFT - 0.12) * u[3]
    px = torch.where(swims, anywhere, torch.where(hangs | over_water, beside, bx))
    px = px + torch.where(over_board, 0.16 * (u[3] - 0.5), zero)
    afloat = LEVEL - physics.AFLOAT * BODY * (0.85 + 0.3 * u[4])
    py = torch.where(aboard > 0.5, deck, afloat)
    py = torch.where(over_board, deck + 0.02 + 0.14 * u[4], py)
    py = torch.where(over_water, deck + 0.02 + _DIVE * u[4], py)
    drift = 0.3 * (2 * u[5] - 1) * (u[6] < 0.5)
    flies = over_board | over_water
    lean = torch.where(
        falls, side * (0.35 + 0.18 * u[4]), torch.where(over_water, 0.3 * side, zero)
    )
    wind = torch.where(u[7] < 0.5, -one, one) * u[8].pow(1.5)
    # Clocks begin at a whole frame, so that each frame's share of what repeats is the same.
    clock = (u[9] * physics.CLOCK_SECONDS * FPS).floor() / FPS
    surface, speed = _water(wind, clock, u[10:20])
    state = PondState(
        surface=surface,
        speed=speed,
        bx=bx,
        by=by + water.sample(surface, bx[:, None])[:, 0],
        bvx=drift,
        bvy=zero,
        tilt=zero,
        tilt_rate=zero,
        px=px.clamp(LEFT + 0.05, RIGHT - 0.05),
        py=py + torch.where(flies, zero, water.sample(surface, px[:, None])[:, 0]),
        pvx=torch.where(over_water, 0.5 * side * u[5], drift * (aboard + flies.float())),
        pvy=torch.where(flies, 0.6 - 1.1 * u[6], zero),
        lean=lean,
        lean_rate=torch.where(falls, 1.2 * side * u[5], zero),
        facing=torch.where(u[5] < 0.5, -one, one),
        aboard=aboard,
        stroke=zero,
        jump_pressed=zero,
        splash_x=bx,
        splash_speed=zero,
        splash_age=one * SPRAY_SECONDS,
        wind=wind,
        clock=clock,
        camera=camera.start(view),
        pulse=soundscape.start(pulse),
        **appearance(looks),
    )
    for _ in range(_SETTLED_FRAMES):
        state = replace(state, camera=physics.look(state, torch.zeros_like(view)))
    return state


def appearance(numbers: Tensor) -> dict[str, Tensor]:
    """Each field of APPEARANCE, (B,), from uniform random numbers (B, len(APPEARANCE))."""
    counts = torch.tensor(list(APPEARANCE.values()), device=numbers.device)
    values = dict(zip(APPEARANCE, (numbers * counts).floor().unbind(1), strict=True))
    # Half of the worlds are in the first style, which shows the most.
    style = numbers[:, list(APPEARANCE).index("style")]
    others = 1 + ((2 * style - 1) * (APPEARANCE["style"] - 1)).floor()
    return {**values, "style": torch.where(style < 0.5, 0.0, others)}


def _water(wind: Tensor, clock: Tensor, u: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Surface and speed of water that wind `wind` (B,) has blown on until `clock`, on which
    there is a swell, and on some a hump that runs, from ten random numbers (B,) each."""
    steps = round(_RIPPLED_SECONDS / physics.DT)
    surface = speed = torch.zeros(len(wind), basin.COLUMNS, device=wind.device)
    for step in range(-steps, 0):
        push = water.ripple(0.7 * wind, clock + step * physics.DT)
        surface, speed = water.step(surface, speed, push, physics.DT)
    along = math.pi * (basin.middles(wind.device) - LEFT) / (RIGHT - LEFT)
    for k, modes in enumerate((2, 3, 5, 9)):  # standing waves, none of which moves the mean
        level = 0.008 * (2 * u[k] - 1)
        phase = 2 * math.pi * u[4]
        swell = level[:, None] * torch.cos(modes * along)
        rate = water.WAVE_SPEED * math.pi * modes / (RIGHT - LEFT)
        surface = surface + swell * torch.cos(phase)[:, None]
        speed = speed - rate * swell * torch.sin(phase)[:, None]
    far = (basin.middles(wind.device) - (LEFT + (RIGHT - LEFT) * u[5])[:, None]) / (
        0.035 + 0.05 * u[6]
    )[:, None]
    high = torch.where(u[7] < 0.4, 0.010 + 0.025 * u[8], torch.zeros_like(wind))
    hump = high[:, None] * torch.exp(-far.square())
    hump = hump - hump.mean(1, keepdim=True)
    way = torch.where(u[9] < 0.5, -water.WAVE_SPEED, water.WAVE_SPEED)
    (slope,) = torch.gradient(hump, spacing=basin.SPACING, dim=1)
    rising = -way[:, None] * slope  # f(x - c t) rises by -c f'
    return surface + hump, speed + rising - rising.mean(1, keepdim=True)
