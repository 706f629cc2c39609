"""Drawing the court through its camera.

What never moves (sky, stands, floor, board) is drawn once for each clip, at two resolutions, and
looked at from there; players, ball and net are drawn into small windows that follow them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.families.staged.court.constants import (
    BALL_RADIUS,
    BOARD_GAP,
    FLOOR,
    RIM_HALF,
    RUN_SPEED,
    WIDTH,
)
from lightcone.model.families.staged.shared.camera import Camera
from lightcone.model.simulators import atmosphere
from lightcone.model.simulators.court import places
from lightcone.model.simulators.court.brush import (
    Canvas,
    Rgb,
    Window,
    box,
    capsule,
    circle,
)
from lightcone.model.simulators.court.physics import BOARD_HIGH, BOARD_LOW
from lightcone.model.simulators.court.places import LOOKS as LOOKS
from lightcone.model.simulators.court.state import PLAYER, RIVAL, Ball, Body, CourtState

SHIRTS: tuple[tuple[str, Rgb], ...] = (
    ("red", (0.86, 0.10, 0.16)),
    ("blue", (0.08, 0.28, 0.92)),
    ("white", (0.96, 0.97, 1.00)),
    ("green", (0.10, 0.62, 0.26)),
    ("yellow", (0.98, 0.82, 0.12)),
    ("black", (0.08, 0.08, 0.10)),
)
BALL: Rgb = (0.93, 0.50, 0.13)
_SKIN: Rgb = (0.62, 0.40, 0.29)
_FAR_SKIN: Rgb = (0.51, 0.33, 0.24)
_DARK: Rgb = (0.13, 0.12, 0.16)
_SHOE: Rgb = (0.93, 0.93, 0.95)
_RIM: Rgb = (0.95, 0.36, 0.10)
_SEAM: Rgb = (0.36, 0.17, 0.07)


@dataclass(frozen=True)
class Scenery:
    """All that does not move in each of B worlds, as a pyramid for the camera."""

    plain: Tensor  # (B, 3, H, W): what zoom 1 shows
    fine: Tensor  # (B, 3, 2 H, 2 W)

    def __getitem__(self, worlds: Tensor) -> Scenery:
        return Scenery(self.plain[worlds], self.fine[worlds])


def scenery(state: CourtState, height: int, width: int) -> Scenery:
    """Of states with fields (B,)."""
    return Scenery(background(state, height, width), background(state, 2 * height, 2 * width))


def background(state: CourtState, height: int, width: int) -> Tensor:
    """All that does not move in each world at zoom 1: (B, 3, height, width)."""
    device = state.look.device
    base = torch.stack([places.paint(i, height, width) for i in range(len(LOOKS))]).to(device)
    picture = base[state.look.long()]
    y = 1 - (torch.arange(height, device=device) + 0.5)[:, None] / height
    x = (torch.arange(width, device=device) + 0.5)[None, :] / height
    x, y = x.expand(height, width)[None], y.expand(height, width)[None]
    side = state.hoop_side[:, None, None]
    hx, hy = state.hoop_x[:, None, None], state.hoop_y[:, None, None]
    board_x = hx + side * (RIM_HALF + BOARD_GAP)
    wall = torch.where(side > 0, WIDTH, 0.0)
    post = box(x, y, (board_x + wall) / 2, hy + 0.05, (board_x - wall).abs() / 2, 0.012)
    board = box(
        x, y, board_x, hy + (BOARD_LOW + BOARD_HIGH) / 2, 0.012, (BOARD_HIGH - BOARD_LOW) / 2
    )
    arm = box(x, y, hx + side * (RIM_HALF + 0.01), hy, 0.014, 0.006)
    for distance, colours in (
        (post, [look.post for look in LOOKS]),
        (board, [look.board for look in LOOKS]),
        (arm, [_RIM] * len(LOOKS)),
    ):
        alpha = (0.5 - distance * height / 1.3).clamp(0, 1)[:, None]
        colour = torch.tensor(colours, device=device)[state.look.long()][:, :, None, None]
        picture = torch.lerp(picture, colour, alpha)
    return picture


def look_at(scenery: Scenery, camera: Camera) -> Tensor:
    """What N cameras see of their sceneries: (N, 3, H, W), a new tensor."""
    out = scenery.plain.clone()
    near = (camera.zoom > 1 + 1e-4).nonzero()[:, 0]
    if len(near):
        x, y, zoom = camera.x[near], camera.y[near], camera.zoom[near]
        theta = torch.zeros(len(near), 2, 3, device=out.device)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / zoom
        theta[:, 0, 2], theta[:, 1, 2] = 2 * x / WIDTH - 1, 1 - 2 * y
        grid = F.affine_grid(theta, [len(near), *out.shape[1:]], align_corners=False)
        plain, fine = (
            F.grid_sample(level[near], grid, padding_mode="border", align_corners=False)
            for level in (scenery.plain, scenery.fine)
        )
        out[near] = torch.lerp(plain, fine, torch.log2(zoom)[:, None, None, None])
    return out


def draw(state: CourtState, scenery: Scenery) -> Tensor:
    """Frames of states. Fields of `state` are (N,), `scenery` has N, one for each. Returns
    (N, 3, H, W), RGB 0 to 1."""
    canvas = Canvas(look_at(scenery, state.camera), state.camera)
    _shadow(canvas, state.player.x, state.player.y - FLOOR, 0.075, 0.38)
    _shadow(canvas, state.rival.x, state.rival.y - FLOOR, 0.075, 0.38 * state.rivals)
    _shadow(canvas, state.ball.x, state.ball.y - FLOOR - BALL_RADIUS, 0.045, 0.38)
    _net(canvas, state)
    shown = (state.rivals > 0.5).nonzero()[:, 0]
    if len(shown):
        _body(canvas, state.rival, state.holder == RIVAL, state.rival_shirt, state.rivals)
    _body(canvas, state.player, state.holder == PLAYER, state.shirt, 1.0)
    _ball(canvas, state.ball)
    _rim(canvas, state)
    return atmosphere.shade(canvas.result(), state.time, state.weather, state.style, state.clock)


def _shadow(
    canvas: Canvas, x: Tensor, above: Tensor, half: float, strength: Tensor | float
) -> None:
    floor = torch.full_like(x, FLOOR - 0.008)
    window = Window(canvas, x, floor, half + 0.02, 0.03)
    opacity = (strength * torch.exp(-2.5 * above.clamp_min(0)))[:, None]
    squashed = ((window.x / half).square() + (window.y / 0.016).square()).sqrt()
    window.paint((squashed - 0.75) * 0.03, (0.05, 0.04, 0.06), opacity)
    window.close()


def _net(canvas: Canvas, s: CourtState) -> None:
    window = Window(canvas, s.hoop_x, s.hoop_y - 0.05, RIM_HALF + 0.02, 0.085)
    drop = 0.095 + s.net.clamp(-0.03, 0.05)
    top = torch.full_like(drop, 0.05)
    for k in range(5):
        across = (k - 2) / 2
        ax = torch.full_like(drop, across * RIM_HALF)
        bx = torch.full_like(drop, across * RIM_HALF * 0.55)
        strand = capsule(window.x, window.y, ax, top, bx, top - drop, 0.003)
        window.paint(strand, (0.95, 0.95, 0.95), 0.75)
    for part, narrow in ((0.45, 0.8), (0.95, 0.57)):
        w = torch.full_like(drop, RIM_HALF * narrow)
        level = top - drop * part
        window.paint(capsule(window.x, window.y, -w, level, w, level, 0.003), (0.95,) * 3, 0.6)
    window.close()


def _rim(canvas: Canvas, s: CourtState) -> None:
    window = Window(canvas, s.hoop_x, s.hoop_y, RIM_HALF + 0.02, 0.02)
    end, zero = torch.full_like(s.hoop_x, RIM_HALF), torch.zeros_like(s.hoop_x)
    window.paint(capsule(window.x, window.y, -end, zero, end, zero, 0.0085), _RIM)
    window.close()


def _ball(canvas: Canvas, ball: Ball) -> None:
    window = Window(canvas, ball.x, ball.y, BALL_RADIUS + 0.012, BALL_RADIUS + 0.012)
    inside = circle(window.x, window.y, BALL_RADIUS)
    window.paint(inside, BALL)
    c, n = torch.cos(ball.spin)[:, None], torch.sin(ball.spin)[:, None]
    across = (window.x * c + window.y * n).abs() - 0.004
    window.paint(torch.maximum(across, inside + 0.006), _SEAM, 0.55)
    window.close()


def _body(canvas: Canvas, b: Body, holds: Tensor, shirt: Tensor, opacity: Tensor | float) -> None:
    """`holds` (N,) whether he has the ball, `shirt` (N,) an index into SHIRTS, `opacity` (N,) 0
    where there is nobody."""
    window = Window(canvas, b.x, b.y + 0.17, 0.125, 0.205)
    empty = window.colour
    x, y = window.x, window.y + 0.17  # from the feet
    zero = torch.zeros_like(b.x)
    running = (b.vx.abs() / RUN_SPEED).clamp(0, 1) * b.on_floor.float()
    airborne = 1 - b.on_floor.float()
    phase = 2 * math.pi * b.gait
    swing = torch.sin(phase)
    shirts = torch.tensor([rgb for _, rgb in SHIRTS], device=b.x.device)[shirt.long()]
    held = holds.float()

    for leg in (-1, 1):
        stride = leg * swing * running
        foot_x = b.facing * (0.068 * stride) + leg * 0.020 + leg * 0.016 * airborne
        lift = (leg * torch.cos(phase)).clamp_min(0) * 0.040 * running + 0.030 * airborne
        hip_x = zero + leg * 0.012
        knee_x = (foot_x + hip_x) / 2 + b.facing * (0.016 * running + 0.018 * airborne)
        knee_y = 0.062 + lift * 0.6
        shin = capsule(x, y, foot_x, 0.016 + lift, knee_x, knee_y, 0.014)
        window.paint(shin, _SKIN if leg > 0 else _FAR_SKIN)
        window.paint(capsule(x, y, knee_x, knee_y, hip_x, zero + 0.118, 0.019), _DARK)
        sole = 0.012 + lift
        window.paint(capsule(x, y, foot_x, sole, foot_x + b.facing * 0.016, sole, 0.012), _SHOE)

    lean = b.facing * 0.012 * running
    window.paint(capsule(x, y, zero, zero + 0.128, lean, zero + 0.198, 0.031), shirts)
    head_x, head_y = lean + b.facing * 0.006, zero + 0.265
    window.paint(circle(x - head_x[:, None], y - head_y[:, None], 0.030), _SKIN)
    back, front = head_x - b.facing * 0.022, head_x + b.facing * 0.010
    window.paint(capsule(x, y, back, head_y + 0.006, front, head_y + 0.022, 0.014), _DARK)

    for arm in (-1, 1):
        free_x = -arm * b.facing * 0.055 * swing * running + arm * 0.036 * (1 - running)
        free_y = zero + 0.120 + 0.02 * running + 0.05 * airborne
        hand_x = free_x + (b.facing * 0.045 - free_x) * held
        hand_y = free_y + (0.150 - free_y) * held
        hand_x = hand_x + (b.facing * 0.050 - hand_x) * b.arms
        hand_y = hand_y + (0.285 - hand_y) * b.arms
        window.paint(capsule(x, y, lean, zero + 0.200, hand_x, hand_y, 0.0125), _SKIN)
    if isinstance(opacity, Tensor):
        window.colour = torch.lerp(empty, window.colour, opacity[:, None, None])
    window.close()
