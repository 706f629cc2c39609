"""The pond's state and laws: a person, the board they paddle, the water that carries both.

Lengths are in picture heights (the picture is 4/3 wide and 1 high), y points up, times are in
seconds, angles in radians. Everything is batched over worlds: each field of `PondState` has shape
(B,), those of the water (B, COLUMNS). How things look and what the weather is, the laws do not
read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, RIGHT
from lightcone.model.families.staged.pond.constants import (
    BOARD_HALF,
    BOARD_THICK,
    BODY,
    CLOSE_ZOOM,
    CONTACTS,
    GRAVITY,
    GUST_PERIODS,
    LOOK_UP,
    SPRAY_SECONDS,
    SUBSTEPS,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera
from lightcone.model.families.staged.shared.camera import Camera
from lightcone.model.families.staged.shared.fields import Fields
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.clips import Contacts
from lightcone.model.simulators.pond import water
from lightcone.model.simulators.pond.water import BED
from lightcone.model.simulators.soundscape import Pulse

DT = 1.0 / (FPS * SUBSTEPS)

DRAFT_EMPTY, DRAFT_LOADED = 0.007, 0.014
BOARD_DRAG = 0.9
BOARD_RESTITUTION = 0.3
HEAVE_DRAG = 11.0
MASS_RATIO = 0.12  # of the board to the water that it moves

AFLOAT = 0.60  # share of the person that is under water when floating
PADDLE, SWIM = 0.95, 1.9  # peak acceleration of a stroke
STROKES_PER_SECOND = 1.7
JUMP_SPEED = 0.75
DIVE_SPEED, DIVE_RISE = 0.46, 0.58  # along and up, when jumping off
ENTRY = 0.02  # depth of the feet at which a fall has become a splash
SPLASH_SECONDS = 0.35  # until the next can follow
SPLASH_SHARE = 1.4  # of the impact's speed, that the surface takes on
LAP_HEIGHT = 0.010  # of a wave that sounds at a bank
CLIMB_REACH = 0.10  # beyond the end of the board
FALL_ANGLE = 0.55
BALANCE = 6.0  # the largest angular acceleration by which a person can save themselves

CLOCK_SECONDS = 12.0  # after which everything that a clock moves repeats


@dataclass(frozen=True)
class PondState(Fields):
    surface: Tensor  # (B, COLUMNS) height of the water above LEVEL
    speed: Tensor  # (B, COLUMNS) how fast it rises
    bx: Tensor  # middle of the board
    by: Tensor
    bvx: Tensor
    bvy: Tensor
    tilt: Tensor  # of the board, positive with the right end up
    tilt_rate: Tensor
    px: Tensor  # feet of the person
    py: Tensor
    pvx: Tensor
    pvy: Tensor
    lean: Tensor  # of the person, positive to the right
    lean_rate: Tensor
    facing: Tensor  # -1 left, +1 right
    aboard: Tensor  # 1 while the person stands on the board or climbs it
    stroke: Tensor  # how much of a stroke is done, 0 between strokes
    jump_pressed: Tensor  # 1 if jump was held in the last frame
    splash_x: Tensor  # the last splash: where, how hard, how many seconds ago
    splash_speed: Tensor
    splash_age: Tensor
    wind: Tensor  # mean strength, -1 (to the left) to 1
    clock: Tensor  # seconds, modulo CLOCK_SECONDS: of gusts, ripples, reeds, rain
    camera: Camera
    pulse: Pulse  # of the music
    look: Tensor  # index into scenery.LOOKS
    suit: Tensor  # index into drawing.SUITS
    paint: Tensor  # of the board, index into drawing.PAINTS
    style: Tensor  # index into words.STYLES
    weather: Tensor  # index into words.WEATHERS
    music: Tensor  # index into words.MUSIC

    @property
    def gust(self) -> Tensor:
        """The wind now: it swells and drops around its mean."""
        slow, slower = (torch.sin(2 * math.pi * self.clock / period) for period in GUST_PERIODS)
        return self.wind * (0.7 + 0.3 * (slow + slower))

    @property
    def draft(self) -> Tensor:
        """How deep the board lies at rest."""
        return DRAFT_EMPTY + (DRAFT_LOADED - DRAFT_EMPTY) * self.aboard

    @property
    def deck(self) -> Tensor:
        """Height of the board's upper side under the person."""
        return self.by + BOARD_THICK / 2 + self.tilt * (self.px - self.bx)


def advance(state: PondState, actions: Tensor) -> tuple[PondState, Contacts]:
    """One frame. `actions` is (B, len(BUTTONS)), 0 or 1."""
    contacts = Contacts.none(CONTACTS, len(actions), actions.device)
    left, right, jump = (actions[:, :3] > 0.5).unbind(1)
    want = right.float() - left.float()
    state = _jump_or_climb(state, jump & (state.jump_pressed < 0.5), want, contacts)
    state = replace(state, jump_pressed=jump.float())
    for substep in range(SUBSTEPS):
        when = substep / SUBSTEPS
        state = _row(state, want, contacts, when)
        state, pull = _move_board(state, want, contacts, when)
        state = _balance(state, want, pull)
        state = _move_person(state, want, contacts, when)
        state = _move_water(state, contacts, when)
    pulse = soundscape.advance(state.pulse, _activity(state))
    return replace(state, camera=look(state, actions[:, 3:]), pulse=pulse), contacts


def look(s: PondState, held: Tensor) -> Camera:
    """The camera a frame later: it follows the person, and sees the board from near. `held` (B,
    3) in the order of `CAMERA_BUTTONS`."""
    return camera.advance(s.camera, held, (s.px, s.py + LOOK_UP), (s.bx, s.by, CLOSE_ZOOM))


def _activity(s: PondState) -> Tensor:
    """How much is going on: strokes, waves, falls; 0 to 1."""
    strokes = 0.5 * (s.stroke > 0)
    waves = 20 * s.surface.square().mean(1).sqrt()
    falls = (1 - s.splash_age / SPRAY_SECONDS) * s.splash_speed.clamp_max(1)
    return (strokes + waves + falls).clamp(0, 1)


def depth_of(s: PondState) -> Tensor:
    """How far the person's feet are under water, negative above it: (B,)."""
    return LEVEL + water.sample(s.surface, s.px[:, None])[:, 0] - s.py


def _jump_or_climb(s: PondState, now: Tensor, want: Tensor, contacts: Contacts) -> PondState:
    aboard = s.aboard > 0.5
    jumps = now & aboard & ((s.py - s.deck).abs() < 0.03)
    aside = want.abs() > 0
    near = (s.px - s.bx).abs() < BOARD_HALF + CLIMB_REACH
    climbs = now & ~aboard & near & (depth_of(s) > 0.3 * BODY)
    contacts.add("climb", climbs, torch.full_like(s.px, 0.6), 0.0)
    rise = torch.where(aside, DIVE_RISE, JUMP_SPEED)
    return replace(
        s,
        aboard=torch.where(jumps, 0.0, torch.where(climbs, 1.0, s.aboard)),
        pvx=torch.where(jumps, s.bvx + DIVE_SPEED * want, s.pvx),
        pvy=torch.where(jumps, s.bvy + rise, s.pvy),
        bvx=torch.where(jumps, s.bvx - 0.16 * want, s.bvx),
        bvy=torch.where(jumps, s.bvy - 0.25 * rise, torch.where(climbs, s.bvy - 0.06, s.bvy)),
        tilt_rate=s.tilt_rate + torch.where(climbs, -1.2 * (s.px - s.bx).sign(), 0.0),
        lean=torch.where(climbs, 0.4 * s.lean, s.lean),
        lean_rate=torch.where(jumps | climbs, 0.0, s.lean_rate),
        stroke=torch.where(jumps | climbs, 0.0, s.stroke),
    )


def _row(s: PondState, want: Tensor, contacts: Contacts, when: float) -> PondState:
    """Strokes follow each other while a direction is held; one that has begun is finished."""
    able = (s.aboard > 0.5) | (depth_of(s) > 0.3 * BODY)
    moving = want.abs() > 0
    begins = (s.stroke <= 0) & moving & able
    along = torch.where((s.stroke > 0) | begins, s.stroke + STROKES_PER_SECOND * DT, s.stroke)
    stroke = torch.where((along >= 1) | ~able, 0.0, along)
    facing = torch.where(moving, want, s.facing)
    contacts.add("stroke", begins, 0.45 + 0.5 * (s.bvx - s.pvx * (1 - s.aboard)).abs(), when)
    blade = s.px + 0.07 * facing
    wake = torch.where(begins, 0.25, 0.0)
    return replace(s, stroke=stroke, facing=facing, speed=water.strike(s.speed, blade, wake, 0.035))


def _pull(s: PondState, want: Tensor) -> Tensor:
    """The share of its peak that a stroke pulls with now, signed: (B,)."""
    return want * torch.sin(math.pi * s.stroke / 0.7).clamp_min(0) * (s.stroke < 0.7)


def _move_board(
    s: PondState, want: Tensor, contacts: Contacts, when: float
) -> tuple[PondState, Tensor]:
    """The moved board, and its acceleration along x: (B,)."""
    aboard = s.aboard
    along = torch.linspace(-BOARD_HALF, BOARD_HALF, 9, device=s.bx.device)[None]
    x = s.bx[:, None] + along
    bottom = s.by[:, None] - BOARD_THICK / 2 + s.tilt[:, None] * along
    depth = (LEVEL + water.sample(s.surface, x) - bottom).clamp(0, 2 * BOARD_THICK)
    spread = along.square().mean()
    rising = water.sample(s.speed, x)
    rise = rising.mean(1)
    twist = (rising * along).mean(1) / spread
    draft = s.draft
    wet = (depth > 0).float().mean(1)
    moment = (depth * along).mean(1) / spread
    load = aboard * (12 * s.lean + 50 * (s.px - s.bx))

    bvy = s.bvy + DT * (GRAVITY * (depth.mean(1) / draft - 1) - HEAVE_DRAG * wet * (s.bvy - rise))
    turn = 90 * moment - 7 * wet * (s.tilt_rate - twist) - load
    tilt_rate = s.tilt_rate + DT * turn
    push = PADDLE * _pull(s, want) * aboard + 0.07 * s.gust - 0.4 * GRAVITY * (moment + s.tilt)
    bvx = s.bvx + DT * (push - BOARD_DRAG * s.bvx)
    bx = s.bx + DT * bvx
    low, high = LEFT + BOARD_HALF, RIGHT - BOARD_HALF
    hit = ((bx < low) & (bvx < 0)) | ((bx > high) & (bvx > 0))
    contacts.add("bump", hit & (bvx.abs() > 0.06), bvx.abs().clamp(0, 1), when)
    bvx = torch.where(hit, -BOARD_RESTITUTION * bvx, bvx)
    moved = replace(
        s,
        bx=bx.clamp(low, high),
        by=s.by + DT * bvy,
        bvx=bvx,
        bvy=bvy,
        tilt=(s.tilt + DT * tilt_rate).clamp(-0.6, 0.6),
        tilt_rate=tilt_rate,
    )
    return moved, (bvx - s.bvx) / DT


def _balance(s: PondState, want: Tensor, pull: Tensor) -> PondState:
    """An inverted pendulum that is kept upright as far as strength allows; beyond FALL_ANGLE it
    falls off. In the water the body turns towards where it swims."""
    aboard = s.aboard > 0.5
    goal = 0.12 * want
    save = (60 * (s.lean - goal) + 12 * s.lean_rate).clamp(-BALANCE, BALANCE)
    tips = GRAVITY / 0.25 * s.lean - save - 4 * pull - 14 * s.tilt + 0.8 * s.gust
    swims = torch.where(depth_of(s) > 0, 1.0, 0.0)
    rights = swims * (30 * (0.6 * want - s.lean) - 9 * s.lean_rate)
    rate = s.lean_rate + DT * torch.where(aboard, tips, rights)
    lean = (s.lean + DT * rate).clamp(-1.2, 1.2)
    falls = aboard & (lean.abs() > FALL_ANGLE)
    return replace(
        s,
        lean=lean,
        lean_rate=rate,
        aboard=torch.where(falls, 0.0, s.aboard),
        pvx=torch.where(falls, s.bvx + 0.34 * lean.sign(), s.pvx),
        pvy=torch.where(falls, s.bvy + 0.22, s.pvy),
    )


def _move_person(s: PondState, want: Tensor, contacts: Contacts, when: float) -> PondState:
    aboard = s.aboard > 0.5
    before = depth_of(s)
    under = (before / (BODY * s.lean.cos())).clamp(0, 1)
    vx = s.pvx + DT * (SWIM * _pull(s, want) * (under > 0.3) - 3.2 * under * s.pvx)
    vy = s.pvy + DT * (GRAVITY * (under / AFLOAT - 1) - 3.2 * under * s.pvy)
    low, high = LEFT + 0.04, RIGHT - 0.04
    x, y = (s.px + DT * vx).clamp(low, high), (s.py + DT * vy).clamp_min(BED)
    stopped = ((x <= low) & (vx < 0)) | ((x >= high) & (vx > 0))
    vx = torch.where(stopped, 0.0, vx)

    # On the board: to its middle and up to its deck, at once when standing, in a moment when
    # climbing.
    x = torch.where(aboard, s.px + DT * (s.bvx + 7 * (s.bx - s.px)), x)
    climbing = s.deck - s.py > 0.015
    y = torch.where(aboard, torch.where(climbing, s.py + 12 * DT * (s.deck - s.py), s.deck), y)
    s = replace(s, px=x, py=y)

    falling = s.bvy - vy
    above = (before < ENTRY) & ~aboard & (falling > 0) & ((x - s.bx).abs() < 0.95 * BOARD_HALF)
    upright = s.lean.abs() < FALL_ANGLE
    lands = above & upright & (y <= s.deck) & (y > s.deck - 0.03)
    contacts.add("land", lands, falling.clamp(0, 1.5), when)
    # What carries the person still sinks, with a share of the speed they bring.
    bvy = torch.where(lands, s.bvy - 0.35 * falling, s.bvy)
    aboard = aboard | lands
    s = replace(s, aboard=aboard.float(), bvy=bvy)

    impact = (-vy).clamp(0, 1.5)
    enters = (before <= ENTRY) & (depth_of(s) > ENTRY) & (impact > 0.05)
    # A body falls into the hollow that it makes: that is the same splash still.
    hits = enters & ~aboard & (s.splash_age > SPLASH_SECONDS)
    contacts.add("splash", hits, impact, when)
    down = torch.where(hits, SPLASH_SHARE * impact, 0.0)
    return replace(
        s,
        pvx=torch.where(aboard, s.bvx, vx),
        pvy=torch.where(aboard, s.bvy, torch.where(hits, 0.6 * vy, vy)),
        speed=water.strike(s.speed, x, down, 0.05),
        splash_x=torch.where(hits, x, s.splash_x),
        splash_speed=torch.where(hits, impact, s.splash_speed),
        splash_age=torch.where(hits, 0.0, (s.splash_age + DT).clamp_max(SPRAY_SECONDS)),
    )


def _move_water(s: PondState, contacts: Contacts, when: float) -> PondState:
    """Waves, wind on them, and the board, whose lift and drag press back on the water."""
    far = basin.middles(s.bx.device) - s.bx[:, None]
    bottom = (s.by - BOARD_THICK / 2)[:, None] + s.tilt[:, None] * far
    depth = (LEVEL + s.surface - bottom).clamp(0, 2 * BOARD_THICK)
    lift = GRAVITY * (depth / s.draft[:, None] - 1)
    rise = s.bvy[:, None] + s.tilt_rate[:, None] * far
    drag = HEAVE_DRAG * (depth > 0) * (rise - s.speed)
    beneath = ((BOARD_HALF - far.abs()) / basin.SPACING).clamp(0, 1)
    press = MASS_RATIO * beneath * (drag - lift)
    # What is pressed away rises around the board.
    around = torch.exp(-(far / (1.5 * BOARD_HALF)).square())
    press = press - around * (press.sum(1) / around.sum(1))[:, None]
    push = water.ripple(s.gust, s.clock) + press
    surface, speed = water.step(s.surface, s.speed, push, DT)
    for bank in (0, -1):  # a wave slaps where it stands highest
        crest = (s.speed[:, bank] > 0) & (speed[:, bank] <= 0) & (surface[:, bank] > LAP_HEIGHT)
        contacts.add("lap", crest, (25 * surface[:, bank]).clamp(0, 1), when)
    return replace(s, surface=surface, speed=speed, clock=(s.clock + DT) % CLOCK_SECONDS)
