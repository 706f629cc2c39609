"""Sound beside contacts: weather, and a simple music that quickens with the play."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from lightcone.model.families.staged.shared.fields import Fields
from lightcone.model.families.staged.shared.music import BEATS, tempo
from lightcone.model.simulators.ringing import (
    loop_places,
    smooth_noise,
)

DRIVE_SECONDS = 2.0  # to close 63 % of the gap to what is going on

_MELODY = (110.0, 110.0, 130.81, 110.0, 146.83, 130.81, 98.0, 82.41)  # Hz, one for each beat
_OCTAVES = ((1.0, 0.030), (2.0, 0.012), (3.0, 0.005))  # of the melody: factor, level
_KICK_HZ, _KICK_LEVEL = 58.0, 0.05
_LOOP_SECONDS = 2
_REPEATS = 4  # of the noise within the loop, as the rain's picture: it can be learned
_RAIN_LEVEL, _FOG_LEVEL = 0.008, 0.003


@dataclass(frozen=True)
class Pulse(Fields):
    """Where the music is; fields (B,)."""

    beat: Tensor  # beats since it began, modulo BEATS
    drive: Tensor  # how lively it goes, 0 to 1


def start(numbers: Tensor) -> Pulse:
    """From uniform random numbers (B, 2)."""
    return Pulse(BEATS * numbers[:, 0], 0.6 * numbers[:, 1])


def advance(pulse: Pulse, activity: Tensor, dt: float = 1 / FPS) -> Pulse:
    """`dt` seconds further, while `activity` (B,), 0 to 1, goes on."""
    drive = pulse.drive + (activity.clamp(0, 1) - pulse.drive) * (dt / DRIVE_SECONDS)
    return Pulse((pulse.beat + tempo(drive) * dt) % BEATS, drive)


def music(beat: Tensor, drive: Tensor, on: Tensor) -> Tensor:
    """`beat` and `drive` (B, T) at the end of each frame; `on` (B,), 1 where there is music.
    Returns (B, T * 1000)."""
    share = torch.arange(1 - SAMPLES_PER_FRAME, 1, device=beat.device) / SAMPLES_PER_FRAME
    speed = tempo(drive)[..., None]
    now = (beat[..., None] + share * speed / FPS) % BEATS  # (B, T, samples of a frame)
    since = now % 1 / speed  # seconds since the beat
    pitch = torch.tensor(_MELODY, device=beat.device)[now.long().clamp_max(BEATS - 1)]
    attack = (since / 0.004).clamp_max(1) * ((1 - now % 1) / 0.03).clamp_max(1)
    out = _KICK_LEVEL * torch.sin(2 * math.pi * _KICK_HZ * since) * torch.exp(-since / 0.05)
    for factor, level in _OCTAVES:
        tone = torch.sin(2 * math.pi * factor * pitch * since)
        out = out + level * tone * torch.exp(-since * (3.0 + 2.0 * factor))
    out = out * attack * (0.6 + 0.6 * drive[..., None])
    return on[:, None].float() * out.flatten(1)


def weather(weather: Tensor, phase: Tensor, samples: int) -> Tensor:
    """Rain, or the hush of fog: `weather` (B,), an index into words.WEATHERS, `phase` (B,)
    from 0 to 1 the place in the loop. Returns (B, samples)."""
    loops = _loops(weather.device)
    at = loop_places(phase, loops.shape[1], samples)
    return loops[weather.long()].gather(1, at)


@lru_cache
def _loops(device: torch.device) -> Tensor:
    """(weathers, samples)."""
    n = _LOOP_SECONDS * SAMPLE_RATE // _REPEATS
    patter = smooth_noise(n, 3, seed=301) * (0.8 + 0.2 * smooth_noise(n, 700, seed=302))
    hush = smooth_noise(n, 50, seed=303)
    rows = [torch.zeros(n), _RAIN_LEVEL * patter, _FOG_LEVEL * hush]
    return torch.stack(rows).repeat(1, _REPEATS).to(device)
