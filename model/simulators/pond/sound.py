"""The pond's sound: each contact excites the modes of its kind, over wind, weather, music and, at
night, crickets. The clock sets where in their loops these are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.families.staged.pond.constants import CONTACTS
from lightcone.model.families.staged.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.clips import Trajectory
from lightcone.model.simulators.pond.physics import PondState
from lightcone.model.simulators.pond.scenery import NIGHT
from lightcone.model.simulators.ringing import (
    loop_places,
    ring_out,
    smooth_noise,
)

RING = int(0.5 * SAMPLE_RATE)  # samples of one contact's sound
AMBIENCE_SECONDS = 4
WEATHER_SECONDS = 2  # of the loop in soundscape
WIND_LEVEL = 0.020
CRICKET_LEVEL = 0.004


@dataclass(frozen=True)
class Voice:
    """What a contact of strength 1 sounds like: modes that fall in pitch, and noise."""

    modes: tuple[tuple[float, float, float, float], ...]  # Hz at first, Hz at last, decay s, level
    noise: float
    decay: float  # seconds
    attack: float  # seconds
    smoothing: int  # samples


_VOICES = {
    "splash": Voice(((760, 280, 0.09, 0.20), (430, 170, 0.12, 0.22)), 0.42, 0.10, 0.002, 3),
    "stroke": Voice(((340, 240, 0.05, 0.04),), 0.16, 0.05, 0.010, 8),
    "climb": Voice(((120, 95, 0.06, 0.40), (210, 190, 0.03, 0.16)), 0.12, 0.04, 0.002, 8),
    "land": Voice(((95, 75, 0.07, 0.60), (180, 150, 0.04, 0.25)), 0.10, 0.02, 0.002, 6),
    "lap": Voice(((210, 130, 0.06, 0.10),), 0.10, 0.06, 0.012, 24),
    "bump": Voice(((260, 240, 0.04, 0.55), (480, 470, 0.02, 0.30)), 0.10, 0.006, 0.001, 4),
}


def render(truth: Trajectory[PondState]) -> Tensor:
    """Sound of whole clips, (B, T * 1000) within [-1, 1]."""
    s, strength = truth.states, truth.strength
    total = strength.shape[1] * SAMPLES_PER_FRAME
    began = s.clock[:, 0] - 1 / FPS
    at = loop_places(began / AMBIENCE_SECONDS % 1, AMBIENCE_SECONDS * SAMPLE_RATE, total)
    low, high, crickets = _ambience(strength.device)
    blows = F.interpolate(s.gust.abs()[:, None], size=total, mode="linear")[:, 0]
    night = (s.look[:, :1] == NIGHT).float()
    sound = WIND_LEVEL * blows * (low[at] + blows * high[at])
    sound = sound + CRICKET_LEVEL * night * crickets[at]
    sound = sound + soundscape.weather(s.weather[:, 0], began / WEATHER_SECONDS % 1, total)
    sound = sound + soundscape.music(s.pulse.beat, s.pulse.drive, s.music[:, 0])
    world, frame, kind = strength.nonzero(as_tuple=True)
    rung = _contact_sounds(strength.device)[kind] * strength[world, frame, kind][:, None]
    onset = (frame + truth.when[world, frame, kind]) * SAMPLES_PER_FRAME
    return torch.tanh(ring_out(sound, world, onset, rung))


@lru_cache
def _contact_sounds(device: torch.device) -> Tensor:
    """(len(CONTACTS), RING): what each contact of strength 1 sounds like."""
    t = torch.arange(RING) / SAMPLE_RATE
    release = ((RING / SAMPLE_RATE - t) / 0.05).clamp(max=1)
    out = torch.zeros(len(CONTACTS), RING)
    for k, name in enumerate(CONTACTS):
        voice = _VOICES[name]
        ring = voice.noise * smooth_noise(RING, voice.smoothing, k) * torch.exp(-t / voice.decay)
        for first, last, decay, level in voice.modes:
            cycles = last * t + (first - last) * decay * (1 - torch.exp(-t / decay))
            ring = ring + level * torch.sin(2 * math.pi * cycles) * torch.exp(-t / decay)
        out[k] = ring * (t / voice.attack).clamp(max=1) * release
    return out.to(device)


@lru_cache
def _ambience(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Loops of low wind, its hiss, and crickets: each (samples,)."""
    n = AMBIENCE_SECONDS * SAMPLE_RATE
    t = torch.arange(n) / SAMPLE_RATE
    chirp = torch.sin(2 * math.pi * 28 * t).clamp_min(0) * (t % 1 < 0.25)
    crickets = chirp * torch.sin(2 * math.pi * 4200 * t)
    low, high = smooth_noise(n, 48, seed=101), smooth_noise(n, 10, seed=102)
    return low.to(device), high.to(device), crickets.to(device)
