"""The state stream of the corridors: small networks that predict the facts one frame later.

It is Markov: the facts of the last frame and what is held now are its whole input. One network
moves the body, from the obstacles near it; another, the same for each door, moves the doors. How
one turns is a linear law, fitted by least squares: of errors, this one adds up while one looks
around.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.corridors import relations
from lightcone.model.families.staged.corridors.constants import (
    ACTIONS,
    CONTACTS,
    FLICKER_SECONDS,
    TURN_MOST,
    WALK_SPEED,
)
from lightcone.model.families.staged.corridors.facts import (
    AT,
    BODY_AT,
    CONTACTS_AT,
    CONTINUOUS,
    COUNT,
    DERIVED,
    DOORS_AT,
    FLAGS,
    HALF,
    STATIC,
    TURNS,
    TURNS_AT,
    ZOOM_UNIT,
    plan_of,
)
from lightcone.model.families.staged.corridors.relations import Near
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera, music
from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS
from lightcone.model.families.staged.striking import (
    Striking,
    footfall,
)

WIDTH, LAYERS = 256, 3
DOOR_WIDTH = 64

_BODY, _CONTACTS = BODY_AT.stop, len(CONTACTS)
_TURN, _USE = ACTIONS.index("turn"), ACTIONS.index("use")
_ZOOM_IN, _ZOOM_OUT = (ACTIONS.index(name) for name in CAMERA_BUTTONS[:2])
_PRESSED = [_USE, ACTIONS.index("camera")]
_STRIDE = WALK_SPEED / FPS  # what a velocity of 1 moves x by, in cells
_STEP = _STRIDE / HALF  # the same, as facts
_SCALES = (_STEP, _STEP, 1.0, 1.0, 0.0, 0.0, 0.1)  # of the learned changes of the body's facts
_MOST = (0.999, 0.999, 2.0, 2.0, 2.0, 1.0, 1.0)  # that they can be
_STIRS = 20.0  # from a speed of one part of this on, of that of walking, all is as learned
_ROUND = 2 * math.pi / FPS
_NEAR = 2 * relations.OBSTACLES * relations.OBSTACLE_FEATURES  # here and a frame ahead
_BODY_IN = FLAGS.stop + 12 + _NEAR + len(ACTIONS)
_BODY_OUT = _BODY + 1  # changes, gait
_DOOR_OUT = 2  # slides, is wanted
_GIVEN = _NEAR + 1 + len(ACTIONS)  # inputs of a possible contact


@dataclass(frozen=True)
class _Now:
    """The facts of one frame in parts: those that change."""

    body: Tensor  # (B, _BODY)
    turns: Tensor  # (B, TURNS) complex: sine + i cosine
    doors: Tensor  # (B, DOORS)
    room: Tensor  # (B, derived facts)
    flags: Tensor
    quarter: Tensor  # (B,) the row of the tables where one is

    def facts(self) -> list[Tensor]:
        """All but the static ones and the contacts, in their order."""
        turns = torch.view_as_real(self.turns).flatten(1)
        return [self.body, turns, self.doors, self.room, self.flags]


class Dynamics(nn.Module):
    scales: Tensor
    most: Tensor
    inertia: Tensor
    spin: Tensor
    spin_always: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.near = Near()
        # By `fit`, not by descent; without a bias, so that at rest the gaze does not drift.
        self.turn = nn.Linear(4, 2, bias=False).requires_grad_(False)
        self.enter = nn.Linear(_BODY_IN, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.leave = nn.Linear(WIDTH, _BODY_OUT)
        self.strikes = Striking(FLAGS.stop, _GIVEN, _CONTACTS)
        self.door_enter = nn.Linear(relations.DOOR_FEATURES + 4, DOOR_WIDTH)
        self.door_layer = nn.Linear(DOOR_WIDTH, DOOR_WIDTH)
        self.door_leave = nn.Linear(DOOR_WIDTH, _DOOR_OUT)
        for layer in (self.leave, self.door_leave):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.turn.weight)
        inertia = torch.eye(_BODY)
        inertia[2, 0] = inertia[3, 1] = _STEP
        for name, value in (
            ("scales", torch.tensor(_SCALES)),
            ("most", torch.tensor(_MOST)),
            ("inertia", inertia),
            *zip(("spin", "spin_always"), _clocks(), strict=True),
        ):
            self.register_buffer(name, value, persistent=False)

    def forward(self, state: Tensor, actions: Tensor) -> Tensor:
        """Facts (B, COUNT) and actions (B, frames, ACTIONS) of the frames that follow -> facts
        (B, frames, COUNT)."""
        plan = plan_of(state[:, STATIC])
        doors, first = self.near.at[plan], relations.first_quarter(plan)
        quarter = self.near.quarter(state[:, :2], first)
        now = _Now(
            body=state[:, BODY_AT],
            turns=_turns(state),
            doors=state[:, DOORS_AT],
            room=state[:, DERIVED],
            flags=state[:, FLAGS],
            quarter=quarter,
        )
        frames = []
        for now_held in _held(actions).unbind(1):
            now, contacts = self._frame(now, now_held, doors, first)
            frames.append(torch.cat([*now.facts(), state[:, STATIC], contacts], 1))
        return torch.stack(frames, 1)

    def _frame(self, now: _Now, held: Tensor, doors: Tensor, first: Tensor) -> tuple[_Now, Tensor]:
        """The next frame and its contacts; `doors` (B, DOORS, 2) is where they are, `first` (B,)
        the row of the tables where the plan begins."""
        body, known = now.body, now.facts()
        where, aim = body[:, :2] * HALF + HALF, known[1][:, :2]
        turned, angle = self.turn(_turning(body, held)).split(1, 1)
        asked = held[:, 0:4:3] - held[:, 1:3]  # ahead and aside
        walks = (asked[:, :, None] * aim[:, None]).flatten(1)  # the same, as directions
        steps = torch.view_as_real(now.turns[:, 1].square())  # twice the gait's angle
        speed = torch.linalg.vector_norm(body[:, 2:4], dim=1, keepdim=True)
        touched = self.near.obstacles(where, now.doors, now.quarter)
        # Where one would be if nothing stood there: whether it does is then plain to see.
        free = torch.add(where, body[:, 2:4], alpha=_STRIDE)
        coming = self.near.obstacles(free, now.doors, now.quarter)
        x = torch.cat([*known, walks, walks * angle, angle, steps, speed, touched, held, coming], 1)
        x = self.enter(x)
        for layer in self.layers:
            x = x + layer(F.silu(x))
        # At rest and without input the position is kept exactly: an error would add up.
        stir = speed + torch.linalg.vector_norm(asked, dim=1, keepdim=True)
        stirs = (_STIRS * stir).clamp(max=1)
        learned = self.leave(F.silu(x))
        change = torch.cat([learned[:, :4] * stirs, learned[:, 4:_BODY]], 1)
        gait = learned[:, _BODY:] * stirs

        seen = self.near.seen_doors(where, aim.flip(1)[:, :, None], doors)
        state = [now.doors, now.flags[:, 3:], now.flags[:, :1].expand_as(now.doors)]
        use = held[:, _USE, None].expand_as(now.doors)
        d = self.door_enter(torch.cat([seen, torch.stack([*state, use], 2)], 2))
        d = F.silu(d)
        d = d + self.door_layer(d)
        slid, wanted = self.door_leave(F.silu(d)).unbind(2)

        moved = torch.addmm(change * self.scales, body, self.inertia)
        zoom, rear = _looked(now, held)
        moved = torch.cat([moved[:, :4], body[:, 4:5] + turned, zoom, moved[:, 6:]], 1)
        moved = torch.minimum(torch.maximum(moved, -self.most), self.most)
        spun = torch.addmm(
            self.spin_always, torch.cat([angle, gait, moved[:, 6:]], 1), self.spin
        )  # (B, TURNS)
        switches = torch.tanh(now.flags[:, 3:] * (2.5 - 5 * wanted))
        quarter = self.near.quarter(moved[:, :2], first)
        later = _Now(
            body=moved,
            turns=now.turns * torch.polar(torch.ones_like(spun), -spun),
            doors=(now.doors + slid).clamp(-1, 1),
            room=self.near.room[quarter],
            flags=torch.cat([2 * held[:, _PRESSED] - 1, rear, switches], 1),
            quarter=quarter,
        )
        beyond = footfall(_angle(now.turns[:, 1]), _angle(later.turns[:, 1]))
        near = torch.cat([touched, (8 * beyond[:, None]).tanh(), held, coming], 1)
        struck = self.strikes(torch.cat(known, 1), torch.cat(later.facts(), 1), near)
        return later, struck


def fit(model: nn.Module, states: Tensor, actions: Tensor) -> None:
    """Fit the law of turning of a `Dynamics` to facts (B, 2, COUNT) of two frames and the actions
    (B, 1, ACTIONS) between them."""
    assert isinstance(model, Dynamics)
    before, after = states[:, :, BODY_AT].double().unbind(1)
    angle = _angle(_turns(states.double())[:, :, 0])
    turned = torch.remainder(angle[:, 1] - angle[:, 0] + math.pi, 2 * math.pi) - math.pi
    inputs = _turning(before, _held(actions)[:, 0].double())
    change = torch.stack([after[:, 4] - before[:, 4], turned], 1)
    with torch.no_grad():
        model.turn.weight.copy_(torch.linalg.lstsq(inputs, change).solution.T)


def _held(actions: Tensor) -> Tensor:
    """Actions (..., ACTIONS) with the axis in the unit of the buttons."""
    buttons, axis = actions.split([_TURN, 1], -1)
    return torch.cat([buttons, axis / TURN_MOST], -1)


def _turns(facts: Tensor) -> Tensor:
    """(..., COUNT) -> (..., TURNS) complex: sine + i cosine."""
    turns = F.normalize(facts[..., TURNS_AT].unflatten(-1, (len(TURNS), 2)), dim=-1)
    return torch.view_as_complex(turns)


def _turning(body: Tensor, held: Tensor) -> Tensor:
    """What decides how one turns: (B, 4)."""
    return torch.cat([body[:, 4:5], held[:, 4:6], held[:, _TURN:]], 1)


def _angle(turn: Tensor) -> Tensor:
    """Of sine + i cosine."""
    return torch.atan2(turn.real, turn.imag)


def _looked(now: _Now, held: Tensor) -> tuple[Tensor, Tensor]:
    """Zoom and whether one looks back, (B, 1) each, a frame later. The camera is no part of the
    world that is learned but a tool to look at it, and moves as it is defined."""
    closer = held[:, _ZOOM_IN, None] - held[:, _ZOOM_OUT, None]
    zoom = (now.body[:, 5:6] + closer * (camera.ZOOM_SPEED / FPS * ZOOM_UNIT)).clamp(-1, 1)
    pressed, rear = now.flags[:, 1:2], now.flags[:, 2:3]
    switch = (held[:, _PRESSED[1], None] > 0.5) & (pressed < 0)
    return zoom, torch.where(switch, -rear, rear).sign()


def _clocks() -> tuple[Tensor, Tensor]:
    """(3, TURNS) and (TURNS,): how far heading, gait, beat, bar and flicker turn in a frame, from
    the heading's angle, the gait's, and the drive."""
    slow, rise = music.SLOWEST, music.FASTEST - music.SLOWEST
    bars = music.BEATS
    spin = torch.zeros(3, len(TURNS))
    spin[0, 0] = spin[1, 1] = 1
    spin[2, 2], spin[2, 3] = rise * _ROUND, rise * _ROUND / bars
    always = torch.tensor([0, 0, slow * _ROUND, slow * _ROUND / bars, _ROUND / FLICKER_SECONDS])
    return spin, always


def loss_weights() -> Tensor:
    """How much the error of each fact counts in training: (COUNT,)."""
    weights = torch.zeros(COUNT)
    weights[CONTINUOUS] = 1.0
    weights[FLAGS] = 1.0
    weights[CONTACTS_AT] = 3.0
    weights[-_CONTACTS:] = 0.1
    weights[DERIVED] = 0.0
    weights[DOORS_AT] = 2.0
    for name, weight in (("x", 20.0), ("y", 20.0), ("vx", 2.0), ("vy", 2.0)):
        weights[AT[name]] = weight
    return weights
