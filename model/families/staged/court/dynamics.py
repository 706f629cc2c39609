"""The court's state stream: a small network that predicts the facts one frame later.

It is Markov: the facts of the last frame and what is held now are its whole input. Learned from the
simulator's states (model/training/dynamics.py), it serves without the simulator.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.court import facts
from lightcone.model.families.staged.court.constants import (
    BALL_RADIUS,
    BOARD_GAP,
    BUTTONS,
    CLOSE_ZOOM,
    CONTACTS,
    GUARD,
    LOOK_UP,
    PLAYER_MARGIN,
    RIM_HALF,
    RUN_SPEED,
    STRIDES_PER_LENGTH,
)
from lightcone.model.families.staged.court.facts import (
    AT,
    place,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.families.staged.shared.affine import Affine
from lightcone.model.families.staged.shared.music import BEATS, tempo
from lightcone.model.families.staged.striking import Striking

_WIDTH, _LAYERS = 320, 3
_TOUCHING = 3  # pairs
_RUNNING = 2  # bodies
_WEIGHTS = {"ball": 2.0, "player": 1.5}  # of facts that are looked at most
_CONTACT_WEIGHT, _WHEN_WEIGHT = 3.0, 0.1
_TURNS = 3  # how gaits and ball turn is learned; beat, bar and clocks do so by definition

_STRIDE = 2 * RUN_SPEED * STRIDES_PER_LENGTH / FPS  # steps in a frame at full speed
_GAIT_SINES = [AT["player_gait_sin"], AT["rival_gait_sin"]]
_GAIT_COSINES = [AT["player_gait_cos"], AT["rival_gait_cos"]]

_RESTING = 0.05  # of full speed: what is slower stays where it is
_MOVED = [AT["player_x"], AT["rival_x"], AT["ball_x"]]
_SPEEDS = [AT["player_vx"], AT["rival_vx"], AT["ball_vx"]]
_HELD = [k - facts.FLAGS.start for k in (AT["player_holds"], AT["rival_holds"])]

_CAMERA = slice(AT["camera_x"], AT["camera_view"] + 1)
_CAMERA_FLAGS = slice(AT["camera_pressed"], AT["camera_close"] + 1)


class Dynamics(nn.Module):
    """Contacts are outputs only: what sounded does not change what comes."""

    turn: Tensor
    faster: Tensor
    low: Tensor
    high: Tensor
    theirs: Tensor
    most: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.relations = Relations()
        inputs = facts.STATIC.stop + self.relations.count + len(BUTTONS)
        self.enter = nn.Linear(inputs, _WIDTH)
        self.layers = nn.ModuleList(nn.Linear(_WIDTH, _WIDTH) for _ in range(_LAYERS))
        flags = facts.FLAGS.stop - facts.FLAGS.start
        self._parts = [facts.ANGLES.start, _TURNS, flags]
        self.strikes = Striking(facts.STATIC.stop, 2 * self.relations.count, len(CONTACTS))
        self.leave = nn.Linear(_WIDTH, sum(self._parts))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        # How far beat, bar and clocks turn in a frame, and how much further at full drive.
        slow, fast = (float(tempo(torch.tensor(drive))) for drive in (0.0, 1.0))
        rates = [slow, slow / BEATS, *(1 / period for period in facts.PERIODS)]
        more = [fast - slow, (fast - slow) / BEATS, *(0.0 for _ in facts.PERIODS)]
        for name, hertz in (("turn", rates), ("faster", more)):
            angles = torch.tensor(hertz) * (2 * math.pi / FPS)
            self.register_buffer(name, angles, persistent=False)
        low, high = _ends()
        theirs = torch.zeros(flags)
        theirs[_HELD[1]] = 1.0
        self.register_buffer("theirs", theirs, persistent=False)
        self.register_buffer("most", 2 - 2 * theirs, persistent=False)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)

    def forward(self, state: Tensor, actions: Tensor) -> Tensor:
        """Facts (B, COUNT) and actions (B, frames, buttons) of the frames that follow -> facts
        (B, frames, COUNT)."""
        out = []
        for held in actions.unbind(1):
            state = self._frame(state, held)
            out.append(state)
        return torch.stack(out, 1)

    def _frame(self, state: Tensor, held: Tensor) -> Tensor:
        before, near = state[:, : facts.STATIC.stop], self.relations(state)
        x = self.enter(torch.cat([before, near, held], 1))
        for layer in self.layers:
            x = x + layer(F.silu(x))
        change, turns, switch = self.leave(F.silu(x)).split(self._parts, 1)
        flags = torch.tanh(torch.add(switch, state[:, facts.FLAGS], alpha=2))
        there = state[:, AT["rivals"], None]  # who is not there holds nothing
        flags = torch.minimum(flags, torch.addcmul(self.most, self.theirs, there))
        plain = _at_rest(state[:, : facts.ANGLES.start], change, flags)
        plain = torch.minimum(torch.maximum(plain, self.low), self.high)
        drive = plain[:, -1:]
        known = torch.addcmul(self.turn, self.faster, drive)
        camera, switches = _looked(state, plain, held)
        after = torch.cat(
            [
                plain[:, : _CAMERA.start],
                camera,
                drive,
                _turned(state[:, facts.ANGLES], torch.cat([turns, known], 1)),
                flags[:, : -switches.shape[1]],
                switches,
                state[:, facts.STATIC],
            ],
            1,
        )
        pairs = torch.cat([near, self.relations(after)], 1)
        return torch.cat([after, self.strikes(before, after, pairs)], 1)


def _at_rest(before: Tensor, change: Tensor, flags: Tensor) -> Tensor:
    """Facts up to the angles, a frame later: but what neither moved nor moves stays exactly where
    it is. Errors of a thousandth add up to a walk in minutes."""
    now = before + change
    speed = torch.maximum(before[:, _SPEEDS].abs(), now[:, _SPEEDS].abs())
    moves = 1 - torch.exp(-(speed / _RESTING).square().clamp(max=20))
    carried = (flags[:, _HELD].amax(1, keepdim=True) > 0).float()
    bodies, ball = moves.split([2, 1], 1)
    moves = torch.cat([bodies, torch.maximum(ball, carried)], 1)
    still = torch.zeros_like(now).index_copy(
        1, torch.tensor(_MOVED, device=now.device), (1 - moves) * change[:, _MOVED]
    )
    return now - still


def _ends() -> tuple[Tensor, Tensor]:
    """Least and most of the facts up to the angles: walls and floor are where they are."""
    low, high = torch.full((2, facts.ANGLES.start), 3.0)
    low = -low
    for name, margin in (
        ("player", PLAYER_MARGIN),
        ("rival", PLAYER_MARGIN),
        ("ball", BALL_RADIUS),
    ):
        high[AT[f"{name}_x"]] = 1 - margin / facts.ALONG
        low[AT[f"{name}_x"]] = margin / facts.ALONG - 1
    low[[AT["player_y"], AT["rival_y"]]] = 0.0
    low[AT["ball_y"]] = BALL_RADIUS / facts.HEIGHT - 1
    return low, high


def _looked(state: Tensor, now: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Where the camera looks a frame later, when things are as in `now`. It is no part of the
    world that is learned but a tool to look at it, and moves as it is defined."""
    camera = cameras.from_facts(state[:, _CAMERA], state[:, _CAMERA_FLAGS])
    player, hoop = place(now, "player"), place(state, "hoop")
    follow = player[0], player[1] + LOOK_UP
    later = cameras.advance(camera, held[:, -3:], follow, (*hoop, CLOSE_ZOOM))
    return cameras.to_facts(later)


def _turned(angles: Tensor, by: Tensor) -> Tensor:
    """Sines and cosines in turn (B, 2 n), turned by (B, n) and brought back to the circle."""
    numbers = torch.view_as_complex(angles.unflatten(1, (-1, 2)))  # sine + i cosine
    turned = torch.sgn(numbers * torch.polar(torch.ones_like(by), -by))
    return torch.view_as_real(turned).flatten(1)


class Relations(nn.Module):
    """What collisions, hands, footfalls and the rival's choices depend on: offsets between things,
    each at a scale at which it matters, speeds, for pairs that touch a bell of their distance and
    waves of it, and how far beyond its next footfall a runner will be."""

    def __init__(self) -> None:
        super().__init__()
        self.offsets = Affine(_offsets, facts.STATIC.stop)
        self.count = len(self.offsets.bias) + 2 * _RUNNING + _TOUCHING + 4 * _TOUCHING

    def forward(self, f: Tensor) -> Tensor:
        """Facts (B, COUNT), with contacts or without -> (B, count)."""
        offsets = self.offsets(f[:, : facts.STATIC.stop])
        waves = offsets[:, : 2 * _TOUCHING]
        near = torch.exp(-waves.square().unflatten(1, (-1, 2)).sum(2))
        speeds = offsets[:, -_RUNNING:].abs()
        stride = torch.atan2(f[:, _GAIT_SINES], f[:, _GAIT_COSINES]) / math.pi  # 1 is a step
        beyond = stride - stride.floor() + speeds * _STRIDE - 1
        parts = [offsets.tanh(), speeds, near, waves.sin(), waves.cos(), (8 * beyond).tanh()]
        return torch.cat(parts, 1)


def _offsets(f: Tensor) -> Tensor:
    """Those of pairs that touch first, as x and y, and how fast bodies run last."""
    (px, py), (rx, ry), (bx, by) = place(f, "player"), place(f, "rival"), place(f, "ball")
    hx, hy = place(f, "hoop")
    side = f[..., AT["hoop_side"]]
    board = hx + side * (RIM_HALF + BOARD_GAP)
    spot = (f[..., AT["spot"]] + 1) * facts.ALONG
    ahead = bx + 0.155 * f[..., AT["ball_vx"]]
    return torch.stack(
        [
            (bx - px) * 6, (by - py) * 6, (bx - rx) * 6, (by - ry) * 6,
            (bx - hx) * 8, (by - hy) * 8,
            (bx - board) * 12, (rx - px) * 8, (rx - spot) * 8, (rx - spot) * 30,
            (ahead - rx) * 8, (px + GUARD - rx) * 8, (px - GUARD - rx) * 8, (hx - px) * 4,
            f[..., AT["player_vx"]], f[..., AT["rival_vx"]],
        ],
        -1,
    )  # fmt: skip


def loss_weights() -> Tensor:
    """How much an error in each fact matters: (COUNT,)."""
    weights = torch.ones(facts.COUNT)
    for name, at in AT.items():
        weights[at] = _WEIGHTS.get(name.split("_")[0], 1.0)
    middle = facts.CONTACTS_AT.start + len(CONTACTS)
    weights[facts.CONTACTS_AT.start : middle] = _CONTACT_WEIGHT
    weights[middle : facts.CONTACTS_AT.stop] = _WHEN_WEIGHT
    weights[AT["beat_sin"] : facts.CONTINUOUS.stop] = 0.05  # they follow from the drive
    weights[facts.STATIC] = 0
    return weights
