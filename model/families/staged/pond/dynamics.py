"""The state stream of the pond: a small network that predicts the facts one frame later.

A perceptron moves what has a place of its own, and reads the water where it is. A convolution
along the water moves its surface, given where the banks are and, by the perceptron, how things
press on it. How they act on each other is learned; clocks turn as they are defined.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.pond import facts
from lightcone.model.families.staged.pond.basin import COLUMNS, LEVEL, RIPPLES
from lightcone.model.families.staged.pond.constants import BUTTONS, CLOSE_ZOOM, CONTACTS, LOOK_UP
from lightcone.model.families.staged.pond.facts import (
    AT,
    CONTACTS_AT,
    CONTINUOUS,
    COUNT,
    FIELD,
    FLAGS,
    STATIC,
)
from lightcone.model.families.staged.pond.relations import (
    BELLS,
    DISTANCES,
    READS,
    Related,
    Relations,
    ripple_basis,
)
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.families.staged.shared.music import BEATS, FASTEST, SLOWEST
from lightcone.model.families.staged.striking import Striking

WIDTH, LAYERS = 256, 3
REACH = 4  # columns that a wave may come from, to either side
PRESSES, CHANNELS = 12, 64  # of the water's convolution
_FAR = 16.0  # no fact is beyond

_LEARNED = AT["drive"] + 1  # facts before those that clocks turn
_STROKE = slice(AT["stroke_sin"], AT["splash_x"])
_SPLASH = slice(AT["splash_x"], AT["camera_x"])
_CAMERA = slice(AT["camera_x"], AT["drive"])
_CAMERA_FLAGS = slice(AT["camera_pressed"], AT["camera_close"] + 1)
_DRIVE = slice(AT["drive"], _LEARNED)
_BEAT = slice(_LEARNED, AT["bar_cos"] + 1)
_TURNED = slice(_BEAT.start, AT["gust"])
_CLOCKS = 2 * len(facts.PERIODS)
_RIPPLES = slice(AT["clock4_sin"], AT["clock4_sin"] + 2 * len(RIPPLES))
_BODIES = STATIC.stop  # facts before contacts and field
_KINDS = len(CONTACTS)
# What the perceptron predicts: changes, flags, whether there is a new splash, that splash, how each
# window presses on the water.
_OUTPUTS = (_LEARNED, FLAGS.stop - FLAGS.start, 1, 3, 2 * BELLS * PRESSES)


# Where facts of bodies can be: a state that cannot be leads on to others, ever further away.
_RANGES = {
    "bx": (-0.7, 0.7), "by": (-1.2, 3.0), "bvx": (-2.2, 2.2), "bvy": (-4.5, 3.5),
    "tilt": (-7.0, 7.0), "tilt_rate": (-6.0, 6.0), "px": (-0.85, 0.85), "py": (-1.6, 2.8),
    "pvx": (-3.0, 3.0), "pvy": (-3.0, 2.0), "lean": (-3.5, 3.5), "lean_rate": (-6.0, 6.0),
}  # fmt: skip


class Dynamics(nn.Module):
    low: Tensor
    high: Tensor
    turn: Tensor
    swell: Tensor
    slowest: Tensor
    quicker: Tensor
    inside: Tensor
    waves: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.relations = Relations()
        ends = 4  # height and speed of the water at the banks
        inputs = _BODIES + 2 * READS + DISTANCES + ends + len(BUTTONS)
        self.enter = nn.Linear(inputs, WIDTH)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.leave = nn.Linear(WIDTH, sum(_OUTPUTS))
        self.strikes = Striking(_BODIES, 2 * READS + DISTANCES + ends, _KINDS)
        seen = 3 * (2 * REACH + 1) + PRESSES + len(RIPPLES)
        self.near = nn.Linear(seen, CHANNELS)
        self.here = nn.Linear(CHANNELS, CHANNELS)
        self.flow = nn.Linear(CHANNELS, 2)
        self.travel = nn.Linear(seen, 2)  # small waves on free water are linear
        with torch.no_grad():
            for end in (self.leave, self.flow, self.travel):
                end.weight.mul_(0.05)
                end.bias.zero_()
            self.leave.bias[sum(_OUTPUTS[:2])] = -1  # new splashes are rare
        low, high = torch.full((2, _LEARNED), _FAR)
        low = -low
        for name, (least, most) in _RANGES.items():
            low[AT[name]], high[AT[name]] = least, most
        low[_DRIVE], high[_DRIVE] = 0.0, 1.0
        turn, swell = _turn()
        tempo = (2 * math.pi / FPS) * torch.tensor([1, 1, 1 / BEATS, 1 / BEATS])
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("high", high, persistent=False)
        self.register_buffer("turn", turn, persistent=False)
        self.register_buffer("swell", swell, persistent=False)
        self.register_buffer("slowest", SLOWEST * tempo, persistent=False)
        self.register_buffer("quicker", (FASTEST - SLOWEST) * tempo, persistent=False)
        self.register_buffer("inside", torch.ones(1, 1, COLUMNS), persistent=False)
        self.register_buffer("waves", _waves(), persistent=False)

    def forward(self, state: Tensor, actions: Tensor) -> Tensor:
        """Facts (B, COUNT) and actions (B, frames, buttons) of the frames that follow -> facts
        (B, frames, COUNT)."""
        out = []
        for held in (2 * actions - 1).unbind(1):
            state = self._frame(state, held)
            out.append(state)
        return torch.stack(out, 1)

    def _frame(self, f: Tensor, held: Tensor) -> Tensor:
        field = f[:, FIELD].view(-1, 2, COLUMNS)
        related = self.relations(f)
        ends = field[:, :, :: COLUMNS - 1]
        before = f[:, :_BODIES]
        near = torch.cat([related.read.flatten(1), related.distances, ends.flatten(1)], 1)
        x = self.enter(torch.cat([before, near, held], 1))
        for layer in self.layers:
            x = x + layer(F.silu(x))
        change, flags, fresh, splash, presses = self.leave(F.silu(x)).split(_OUTPUTS, 1)
        now = torch.clamp(f[:, :_LEARNED] + change, self.low, self.high)
        turned = F.linear(f[:, _TURNED], self.turn, self.swell)
        across, clock, swell = turned.split([4, _CLOCKS, 1], 1)
        camera, switches = _looked(f, now, held)
        after = torch.cat(
            [
                now[:, : _STROKE.start],
                F.normalize(now[:, _STROKE], dim=1),
                torch.lerp(now[:, _SPLASH], splash, fresh.sigmoid()),
                camera,
                now[:, _DRIVE],
                _round(self._beat(f[:, _BEAT], across, now[:, _DRIVE])),
                _round(clock),
                f[:, STATIC] * swell,
                torch.add(flags, f[:, FLAGS], alpha=2).tanh()[:, : -switches.shape[1]],
                switches,
                f[:, STATIC],
            ],
            1,
        )
        struck = self.strikes(before, after, near)
        return torch.cat([after, struck, self._flow(f, field, related, presses)], 1)

    def _beat(self, now: Tensor, across: Tensor, drive: Tensor) -> Tensor:
        """Beat and bar, turned as fast as the drive sets; `across` is a quarter turn ahead."""
        angle = torch.addcmul(self.slowest, drive, self.quicker)
        return torch.addcmul(now * angle.cos(), across, angle.sin())

    def _flow(self, f: Tensor, field: Tensor, related: Related, presses: Tensor) -> Tensor:
        """The water a frame later: (B, 2 * COLUMNS)."""
        even, odd = presses.view(-1, 2 * BELLS, PRESSES).split(BELLS, 1)
        pressed = torch.baddbmm(torch.bmm(related.bells, even), related.ramps, odd)
        gust = f[:, AT["gust"], None]
        blown = f[:, _RIPPLES] * torch.cat([gust, gust.abs()] * len(RIPPLES), 1)
        rippled = F.linear(blown, self.waves).view(-1, COLUMNS, len(RIPPLES))
        inside = self.inside.expand(len(f), -1, -1)
        beside = F.pad(torch.cat([field, inside], 1), (REACH, REACH)).unfold(2, 2 * REACH + 1, 1)
        beside = beside.transpose(1, 2).flatten(2)  # (B, COLUMNS, 3 * (2 * REACH + 1))
        seen = torch.cat([beside, pressed, rippled], 2)
        x = F.silu(self.near(seen))
        x = self.travel(seen) + self.flow(F.silu(self.here(x)))
        later = torch.clamp(field + x.transpose(1, 2), -_FAR, _FAR)
        # Water neither comes nor goes: what rises here has sunk elsewhere. Without this an error
        # of the level lifts the board, and that the level.
        return (later - later.mean(2, keepdim=True)).flatten(1)


def _round(angles: Tensor) -> Tensor:
    """Sines and cosines in turn, brought back to the circle, which rounding leaves in hours."""
    return F.normalize(angles.unflatten(1, (-1, 2)), dim=2).flatten(1)


def _looked(f: Tensor, now: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """Where the camera looks a frame later, when things are as in `now`; `held` -1 or 1. It is no
    part of the world that is learned but a tool to look at it, and moves as it is defined."""
    camera = cameras.from_facts(f[:, _CAMERA], f[:, _CAMERA_FLAGS])

    def where(name: str, unit: float) -> tuple[Tensor, Tensor]:
        x, y = now[:, AT[f"{name}x"]], now[:, AT[f"{name}y"]]
        return (x + 1) * facts.ALONG, LEVEL + unit * y

    person, board = where("p", facts.PERSON_Y), where("b", facts.BOARD_Y)
    follow = person[0], person[1] + LOOK_UP
    later = cameras.advance(camera, held[:, -3:], follow, (*board, CLOSE_ZOOM))
    return cameras.to_facts(later)


def loss_weights() -> Tensor:
    """How much an error of each fact counts: (COUNT,)."""
    weights = torch.ones(COUNT)
    weights[_BEAT.start : CONTINUOUS.stop] = 0
    weights[FLAGS] = 0.5
    weights[STATIC] = 0
    weights[CONTACTS_AT] = 0.5
    weights[CONTACTS_AT.start + _KINDS : CONTACTS_AT.stop] = 0.1  # 0 where there is no contact
    weights[FIELD] = 0.5
    return weights


def _turn() -> tuple[Tensor, Tensor]:
    """Beat and bar a quarter turn ahead, the clocks a frame later, and how much of its mean the
    wind has then, as an affine function of beat, bar and clocks: weight and bias."""
    ahead = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    steps = [2 * math.pi / FPS / period for period in facts.PERIODS]
    turns = [torch.tensor([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) for a in steps]
    weight = torch.block_diag(ahead, ahead, *turns)
    sines = weight[[4, 6]]  # of the two clocks of the gusts
    weight = torch.cat([weight, 0.3 * sines.sum(0, keepdim=True)])
    bias = torch.zeros(len(weight))
    bias[-1] = 0.7
    return weight, bias


def _waves() -> Tensor:
    """From sines and cosines of the ripples' clocks to their waves along the water: (COLUMNS *
    waves, 2 * waves)."""
    basis = ripple_basis()  # (COLUMNS, waves, 2)
    waves = basis.shape[1]
    out = torch.zeros(COLUMNS, waves, waves, 2)
    for wave in range(waves):
        out[:, wave, wave] = basis[:, wave]
    return out.view(COLUMNS * waves, 2 * waves)
