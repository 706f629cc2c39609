"""What a picture shows and a sound tells, read without the model: the measures of evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from model.interface import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from model.worlds.court import drawing, simulator
from model.worlds.court.physics import CONTACTS, FLOOR, PLAYER_MARGIN, WIDTH, CourtState

ONSET_WINDOW = 0.050  # seconds either side
_HOP = 120  # samples: 5 ms
_AUDIBLE = 0.10  # contacts weaker than this make no onset worth finding


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of uint8 pictures in dB, over the last three axes; at most 60."""
    mse = (a.float() - b.float()).square().mean((-1, -2, -3))
    return 10 * torch.log10(255**2 / mse.clamp_min(255**2 / 1e6))


def player_x(frames: Tensor, start: CourtState) -> Tensor:
    """Where the player is in each frame, in picture heights; NaN where nobody is.

    `frames`: (B, T, 3, H, W) uint8; `start` (fields (B,)) tells look and hoop. Whatever differs
    from the empty scenery and is not ball, net or rim is player.
    """
    scenery = drawing.background(start, simulator.HEIGHT_PX, simulator.WIDTH_PX)[:, None]
    picture = frames.float() / 255
    differs = (picture - scenery).abs().amax(2) > 0.12
    ball = torch.tensor(drawing.BALL)[:, None, None]
    orange = (picture - ball).square().sum(2) < 0.05
    height, width = frames.shape[-2:]
    y = 1 - (torch.arange(height) + 0.5)[:, None] / height
    x = (torch.arange(width) + 0.5)[None, :] / height
    near_hoop = ((x - start.hoop_x[:, None, None]).abs() < 0.09) & (
        (y - start.hoop_y[:, None, None] + 0.04).abs() < 0.10
    )
    shadow = (y < FLOOR + 0.004).expand(height, width)
    mass = (differs & ~orange & ~near_hoop[:, None] & ~shadow).float().sum(-2)  # (B, T, W)
    total = mass.sum(-1)
    middle = (mass.cumsum(-1) < total[..., None] / 2).sum(-1)
    return torch.where(total > 40, (middle + 0.5) / height, math.nan)


@dataclass(frozen=True)
class ControlScript:
    """Directions held for a while each, and when to look whether they were obeyed."""

    actions: Tensor  # (B, T, 4)
    checks: list[tuple[int, int]]  # frames between which the player should have moved
    wanted: Tensor  # (B, len(checks)) -1 left, 0 stay, 1 right


def control_script(worlds: int, frames: int, generator: torch.Generator) -> ControlScript:
    """A new direction every second; judged over its second half. Jumps and shots happen too."""
    segments = frames // FPS
    wanted = torch.randint(-1, 2, (worlds, segments), generator=generator)
    held = wanted.repeat_interleave(FPS, 1)
    actions = torch.zeros(worlds, segments * FPS, 4)
    actions[..., 0], actions[..., 1] = (held < 0).float(), (held > 0).float()
    presses = torch.rand(worlds, segments, 2, generator=generator) < 0.25
    for button in (0, 1):
        pressed = presses[..., button].repeat_interleave(FPS, 1)
        pressed &= (torch.arange(segments * FPS) % FPS < 3)[None]
        actions[..., 2 + button] = pressed.float()
    return ControlScript(
        actions, [(s * FPS + FPS // 2, s * FPS + FPS - 1) for s in range(segments)], wanted
    )


def obeyed(before: Tensor, after: Tensor, wanted: Tensor) -> Tensor:
    """Did a player at x `before` and `after` 11 frames of holding do what was wanted? All (B, N),
    picture heights. At a wall, staying there obeys."""
    moved = after - before
    left_end, right_end = PLAYER_MARGIN + 0.05, WIDTH - PLAYER_MARGIN - 0.05
    right = (moved > 0.12) | (after > right_end)
    left = (moved < -0.12) | (after < left_end)
    stay = moved.abs() < 0.06
    done = torch.where(wanted > 0, right, torch.where(wanted < 0, left, stay))
    return done & before.isfinite() & after.isfinite()


def onsets(sound: Tensor) -> list[float]:
    """Times (seconds) at which something is struck in (samples,) at 24 kHz: peaks of the rise
    of the log-energy in 5 ms hops."""
    hops = len(sound) // _HOP
    energy = sound[: hops * _HOP].float().view(hops, _HOP).square().mean(1)
    level = 10 * torch.log10(energy + 1e-5)
    past = torch.nn.functional.pad(level, (4, 0), value=float(level[0]))
    rise = level - past.unfold(0, 4, 1)[:hops].amax(1)
    times: list[float] = []
    last = -1.0
    for hop in (rise > 4.0).nonzero()[:, 0].tolist():
        time = hop * _HOP / SAMPLE_RATE
        if time - last > 0.06:
            times.append(time)
        last = time
    return times


def contact_times(strength: Tensor, when: Tensor) -> list[float]:
    """Audible contacts of one world, (T, kinds), in seconds; those within 50 ms are one."""
    audible = strength * torch.tensor([_LOUDNESS[kind] for kind in CONTACTS])
    frame, kind = (audible > _AUDIBLE).nonzero(as_tuple=True)
    times = ((frame + when[frame, kind]) * SAMPLES_PER_FRAME / SAMPLE_RATE).sort().values.tolist()
    merged: list[float] = []
    for time in times:
        if not merged or time - merged[-1] > ONSET_WINDOW:
            merged.append(time)
    return merged


_LOUDNESS = {
    "bounce": 0.8, "rim": 0.5, "board": 0.7, "wall": 0.5, "swish": 0.3, "step": 0.3, "land": 0.6,
    "pickup": 0.25, "throw": 0.2,
}  # fmt: skip


@dataclass(frozen=True)
class OnsetScore:
    matched: int
    found: int
    true: int
    error_s: float  # summed over the matched

    @property
    def f1(self) -> float:
        return 2 * self.matched / max(1, self.found + self.true)


def score_onsets(found: list[float], true: list[float]) -> OnsetScore:
    """Match each true onset to the nearest unused found one within the window."""
    left = list(found)
    matched, error = 0, 0.0
    for time in true:
        nearest = min(left, key=lambda t: abs(t - time), default=None)
        if nearest is not None and abs(nearest - time) <= ONSET_WINDOW:
            left.remove(nearest)
            matched += 1
            error += abs(nearest - time)
    return OnsetScore(matched, len(found), len(true), error)


def sharpness(frames: Tensor) -> float:
    """Mean absolute gradient of uint8 pictures (..., H, W)."""
    f = frames.float()
    return float(f.diff(dim=-1).abs().mean() + f.diff(dim=-2).abs().mean())
