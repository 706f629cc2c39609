"""Drawing the court: soft-edged shapes from signed distances, batched over frames.

What never moves (sky, stands, floor, board) is drawn once for each clip; player, ball and net
are drawn into small windows that follow them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from model.worlds.court.physics import (
    BALL_RADIUS,
    BOARD_GAP,
    BOARD_HIGH,
    BOARD_LOW,
    FLOOR,
    RIM_HALF,
    WIDTH,
    CourtState,
)

PAD = 32  # pixels around the canvas, so that windows may leave it

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    name: str
    words: tuple[str, ...]
    top: Rgb
    horizon: Rgb
    floor_far: Rgb
    floor_near: Rgb
    line: Rgb
    board: Rgb
    post: Rgb


LOOKS = (
    Look(
        name="gym",
        words=("gym", "indoor", "wood"),
        top=(0.80, 0.76, 0.68),
        horizon=(0.92, 0.88, 0.80),
        floor_far=(0.72, 0.50, 0.30),
        floor_near=(0.82, 0.60, 0.38),
        line=(0.95, 0.92, 0.85),
        board=(0.97, 0.97, 0.97),
        post=(0.45, 0.45, 0.48),
    ),
    Look(
        name="night",
        words=("night", "street", "city"),
        top=(0.03, 0.05, 0.14),
        horizon=(0.15, 0.15, 0.32),
        floor_far=(0.14, 0.17, 0.22),
        floor_near=(0.20, 0.24, 0.30),
        line=(0.45, 0.62, 0.75),
        board=(0.55, 0.60, 0.72),
        post=(0.30, 0.32, 0.40),
    ),
    Look(
        name="beach",
        words=("beach", "sunset", "sand"),
        top=(0.45, 0.36, 0.62),
        horizon=(0.99, 0.66, 0.42),
        floor_far=(0.80, 0.62, 0.44),
        floor_near=(0.90, 0.74, 0.54),
        line=(0.98, 0.90, 0.74),
        board=(0.98, 0.94, 0.88),
        post=(0.50, 0.36, 0.34),
    ),
    Look(
        name="park",
        words=("park", "day", "grass"),
        top=(0.42, 0.66, 0.92),
        horizon=(0.80, 0.91, 0.98),
        floor_far=(0.32, 0.52, 0.47),
        floor_near=(0.40, 0.62, 0.55),
        line=(0.92, 0.97, 0.94),
        board=(0.98, 0.98, 0.98),
        post=(0.42, 0.44, 0.48),
    ),
)

SHIRTS: tuple[tuple[str, Rgb], ...] = (
    ("red", (0.86, 0.10, 0.16)),
    ("blue", (0.08, 0.28, 0.92)),
    ("white", (0.96, 0.97, 1.00)),
)
_SKIN: Rgb = (0.62, 0.40, 0.29)
_DARK: Rgb = (0.13, 0.12, 0.16)
_RIM: Rgb = (0.95, 0.36, 0.10)
BALL: Rgb = (0.93, 0.50, 0.13)
_SEAM: Rgb = (0.36, 0.17, 0.07)


class Canvas:
    """Frames under the brush: (N, 3, height + 2 PAD, width + 2 PAD), RGB 0 to 1."""

    def __init__(self, background: Tensor, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.pixels = torch.nn.functional.pad(background, (PAD, PAD, PAD, PAD), mode="replicate")

    def result(self) -> Tensor:
        return self.pixels[:, :, PAD:-PAD, PAD:-PAD]


class Window:
    """A box of pixels in each frame, around a centre of its own. `x` and `y` are world
    coordinates of its pixels relative to that centre: (N, h * w)."""

    def __init__(
        self, canvas: Canvas, cx: Tensor, cy: Tensor, half_w: float, half_h: float
    ) -> None:
        scale = canvas.height
        w, h = 2 * math.ceil(half_w * scale) + 2, 2 * math.ceil(half_h * scale) + 2
        stride = canvas.width + 2 * PAD
        column = (cx * scale).floor().long() - w // 2 + PAD
        row = ((1 - cy) * scale).floor().long() - h // 2 + PAD
        column = column.clamp(0, stride - w)
        row = row.clamp(0, canvas.height + 2 * PAD - h)
        dy, dx = torch.meshgrid(
            torch.arange(h, device=cx.device), torch.arange(w, device=cx.device), indexing="ij"
        )
        columns = column[:, None] + dx.reshape(-1)
        rows = row[:, None] + dy.reshape(-1)
        self._at = (rows * stride + columns)[:, None].expand(-1, 3, -1)
        self._canvas = canvas
        self._pixel = 1 / scale
        self.x = (columns - PAD + 0.5) / scale - cx[:, None]
        self.y = 1 - (rows - PAD + 0.5) / scale - cy[:, None]
        self.colour = canvas.pixels.flatten(2).gather(2, self._at)  # (N, 3, h * w)

    def paint(self, distance: Tensor, colour: Tensor | Rgb, opacity: Tensor | float = 1.0) -> None:
        """Cover where `distance` (N, h * w), signed, is inside. `colour`: (N, 3) or one."""
        alpha = (0.5 - distance / (1.3 * self._pixel)).clamp(0, 1) * opacity
        if not isinstance(colour, Tensor):
            colour = torch.tensor(colour, device=distance.device).expand(len(distance), 3)
        self.colour = torch.lerp(self.colour, colour[:, :, None], alpha[:, None])

    def close(self) -> None:
        self._canvas.pixels.flatten(2).scatter_(2, self._at, self.colour)


def capsule(
    x: Tensor, y: Tensor, ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor, r: float
) -> Tensor:
    """Signed distance to a thick segment; the ends are (N,)."""
    ax, ay, bx, by = ax[:, None], ay[:, None], bx[:, None], by[:, None]
    ux, uy = bx - ax, by - ay
    along = ((x - ax) * ux + (y - ay) * uy) / (ux.square() + uy.square()).clamp_min(1e-8)
    along = along.clamp(0, 1)
    return ((x - ax - along * ux).square() + (y - ay - along * uy).square()).sqrt() - r


def circle(x: Tensor, y: Tensor, r: float | Tensor) -> Tensor:
    return (x.square() + y.square()).sqrt() - r


def background(state: CourtState, height: int, width: int) -> Tensor:
    """All that does not move in each world: (B, 3, height, width)."""
    device = state.look.device
    base = torch.stack([_scenery(i, height, width) for i in range(len(LOOKS))]).to(device)
    picture = base[state.look.long()]
    y = 1 - (torch.arange(height, device=device) + 0.5)[:, None] / height
    x = (torch.arange(width, device=device) + 0.5)[None, :] / height
    x, y = x.expand(height, width)[None], y.expand(height, width)[None]
    side = state.hoop_side[:, None, None]
    hx, hy = state.hoop_x[:, None, None], state.hoop_y[:, None, None]
    board_x = hx + side * (RIM_HALF + BOARD_GAP)
    wall = torch.where(side > 0, WIDTH, 0.0)
    post = _box(x, y, (board_x + wall) / 2, hy + 0.05, (board_x - wall).abs() / 2, 0.012)
    board = _box(
        x, y, board_x, hy + (BOARD_LOW + BOARD_HIGH) / 2, 0.012, (BOARD_HIGH - BOARD_LOW) / 2
    )
    arm = _box(x, y, hx + side * (RIM_HALF + 0.01), hy, 0.014, 0.006)
    for distance, colours in (
        (post, [look.post for look in LOOKS]),
        (board, [look.board for look in LOOKS]),
        (arm, [_RIM] * len(LOOKS)),
    ):
        alpha = (0.5 - distance * height / 1.3).clamp(0, 1)[:, None]
        colour = torch.tensor(colours, device=device)[state.look.long()][:, :, None, None]
        picture = torch.lerp(picture, colour, alpha)
    return picture


def draw(state: CourtState, backgrounds: Tensor) -> Tensor:
    """Frames of states. Fields of `state` are (N,); `backgrounds` (N, 3, H, W), one for each.
    Returns (N, 3, H, W), RGB 0 to 1."""
    canvas = Canvas(backgrounds, *backgrounds.shape[-2:])
    _shadow(canvas, state.px, (state.py - FLOOR), 0.075)
    _shadow(canvas, state.bx, (state.by - FLOOR - BALL_RADIUS), 0.045)
    _net(canvas, state)
    _player(canvas, state)
    _ball(canvas, state)
    _rim(canvas, state)
    return canvas.result()


def _shadow(canvas: Canvas, x: Tensor, above: Tensor, half: float) -> None:
    floor = torch.full_like(x, FLOOR - 0.008)
    window = Window(canvas, x, floor, half + 0.02, 0.03)
    strength = 0.38 * torch.exp(-2.5 * above.clamp_min(0))[:, None]
    squashed = ((window.x / half).square() + (window.y / 0.016).square()).sqrt()
    window.paint((squashed - 0.75) * 0.03, (0.05, 0.04, 0.06), strength)
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


def _ball(canvas: Canvas, s: CourtState) -> None:
    window = Window(canvas, s.bx, s.by, BALL_RADIUS + 0.012, BALL_RADIUS + 0.012)
    inside = circle(window.x, window.y, BALL_RADIUS)
    window.paint(inside, BALL)
    c, n = torch.cos(s.spin)[:, None], torch.sin(s.spin)[:, None]
    across = (window.x * c + window.y * n).abs() - 0.004
    window.paint(torch.maximum(across, inside + 0.006), _SEAM, 0.55)
    window.close()


def _player(canvas: Canvas, s: CourtState) -> None:
    window = Window(canvas, s.px, s.py + 0.17, 0.125, 0.205)
    x, y = window.x, window.y + 0.17  # from the feet
    zero = torch.zeros_like(s.px)
    running = (s.pvx.abs() / 0.62).clamp(0, 1) * s.on_floor.float()
    airborne = 1 - s.on_floor.float()
    phase = 2 * math.pi * s.gait
    swing = torch.sin(phase)
    shirts = torch.tensor([rgb for _, rgb in SHIRTS], device=s.px.device)[s.shirt.long()]
    held = (s.held > 0.5).float()

    for leg in (-1, 1):
        stride = leg * swing * running
        foot_x = s.facing * (0.068 * stride) + leg * 0.020 + leg * 0.016 * airborne
        lift = (leg * torch.cos(phase)).clamp_min(0) * 0.040 * running + 0.030 * airborne
        hip_x = zero + leg * 0.012
        knee_x = (foot_x + hip_x) / 2 + s.facing * (0.016 * running + 0.018 * airborne)
        knee_y = 0.062 + lift * 0.6
        shade = _SKIN if leg > 0 else tuple(0.82 * c for c in _SKIN)
        window.paint(capsule(x, y, foot_x, 0.016 + lift, knee_x, knee_y, 0.014), shade)  # type: ignore[arg-type]
        window.paint(capsule(x, y, knee_x, knee_y, hip_x, zero + 0.118, 0.019), _DARK)
        window.paint(
            capsule(x, y, foot_x, 0.012 + lift, foot_x + s.facing * 0.016, 0.012 + lift, 0.012),
            (0.93, 0.93, 0.95),
        )

    lean = s.facing * 0.012 * running
    window.paint(capsule(x, y, zero, zero + 0.128, lean, zero + 0.198, 0.031), shirts)
    head_x, head_y = lean + s.facing * 0.006, zero + 0.265
    window.paint(circle(x - head_x[:, None], y - head_y[:, None], 0.030), _SKIN)
    window.paint(
        capsule(
            x,
            y,
            head_x - s.facing * 0.022,
            head_y + 0.006,
            head_x + s.facing * 0.010,
            head_y + 0.022,
            0.014,
        ),
        _DARK,
    )

    raised = s.arms
    for arm in (-1, 1):
        free_x = -arm * s.facing * 0.055 * swing * running + arm * 0.036 * (1 - running)
        free_y = zero + 0.120 + 0.02 * running + 0.05 * airborne
        hand_x = free_x + (s.facing * 0.045 - free_x) * held
        hand_y = free_y + (0.150 - free_y) * held
        hand_x = hand_x + (s.facing * 0.050 - hand_x) * raised
        hand_y = hand_y + (0.285 - hand_y) * raised
        window.paint(capsule(x, y, lean, zero + 0.200, hand_x, hand_y, 0.0125), _SKIN)
    window.close()


def _box(
    x: Tensor, y: Tensor, cx: Tensor, cy: Tensor, half_w: Tensor | float, half_h: float
) -> Tensor:
    dx, dy = (x - cx).abs() - half_w, (y - cy).abs() - half_h
    return torch.maximum(dx, dy)


@lru_cache
def _scenery(look_index: int, height: int, width: int) -> Tensor:
    """The empty place, without a hoop: (3, height, width)."""
    look = LOOKS[look_index]
    y = (1 - (torch.arange(height) + 0.5) / height)[:, None].expand(height, width)
    x = ((torch.arange(width) + 0.5) / height)[None, :].expand(height, width)
    far = FLOOR + 0.10
    up = ((y - far) / (1 - far)).clamp(0, 1)
    picture = _mix(look.horizon, look.top, up)

    def cover(picture: Tensor, distance: Tensor, colour: Rgb, opacity: float = 1.0) -> Tensor:
        alpha = (0.5 - distance * height / 1.5).clamp(0, 1) * opacity
        return torch.lerp(picture, torch.tensor(colour)[:, None, None], alpha)

    def disc(cx: float, cy: float, r: float) -> Tensor:
        return circle(x - cx, y - cy, r)

    def box(cx: float, cy: float, half_w: float, half_h: float) -> Tensor:
        return torch.maximum((x - cx).abs() - half_w, (y - cy).abs() - half_h)

    if look.name == "gym":
        for k in range(3):
            picture = cover(picture, box(0.28 + 0.39 * k, 0.78, 0.13, 0.09), (0.84, 0.91, 0.95))
            picture = cover(picture, box(0.28 + 0.39 * k, 0.78, 0.006, 0.09), (0.66, 0.62, 0.56))
        picture = cover(picture, box(0.66, 0.33, 0.70, 0.025), (0.30, 0.42, 0.55))
    elif look.name == "night":
        picture = cover(picture, disc(0.95, 0.83, 0.062), (0.93, 0.93, 0.84))
        skyline = (0.10, 0.52), (0.34, 0.66), (0.56, 0.46), (0.80, 0.58), (1.06, 0.50), (1.26, 0.64)
        for k, (cx, top) in enumerate(skyline):
            picture = cover(picture, box(cx, top / 2, 0.10, top / 2), (0.07, 0.08, 0.17))
            for j in range(3):
                lit = box(cx - 0.04 + 0.05 * ((k + j) % 3), top - 0.07 - 0.09 * j, 0.014, 0.018)
                picture = cover(picture, lit, (0.95, 0.80, 0.42), 0.75)
    elif look.name == "beach":
        picture = cover(picture, disc(0.62, 0.34, 0.13), (1.0, 0.86, 0.50))
        picture = cover(picture, box(0.66, 0.27, 0.70, 0.045), (0.36, 0.45, 0.66))
        picture = cover(picture, box(0.62, 0.285, 0.10, 0.006), (1.0, 0.84, 0.60), 0.7)
    else:
        picture = cover(picture, disc(0.28, 0.80, 0.07), (1.0, 0.96, 0.76))
        for cx, cy in ((0.72, 0.80), (0.80, 0.82), (1.10, 0.70)):
            picture = cover(picture, circle((x - cx) / 1.8, y - cy, 0.05), (0.98, 0.99, 1.0), 0.8)
        hills = y - 0.36 - 0.05 * torch.sin(4.2 * x + 0.6) - 0.02 * torch.sin(9 * x)
        picture = cover(picture, hills, (0.42, 0.68, 0.40))
        picture = cover(picture, hills + 0.10 + 0.02 * torch.sin(6 * x), (0.34, 0.58, 0.34))

    depth = ((far - y) / far).clamp(0, 1)
    floor = _mix(look.floor_far, look.floor_near, depth)
    alpha = (0.5 - (y - far) * height / 1.5).clamp(0, 1)
    picture = torch.lerp(picture, floor, alpha)
    picture = cover(picture, box(WIDTH / 2, FLOOR - 0.075, WIDTH, 0.008), look.line, 0.8)
    return cover(picture, box(WIDTH / 2, far, WIDTH, 0.005), look.line, 0.55)


def _mix(a: Rgb, b: Rgb, t: Tensor) -> Tensor:
    return torch.lerp(torch.tensor(a)[:, None, None], torch.tensor(b)[:, None, None], t)
