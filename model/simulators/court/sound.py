"""The court's sound: each contact excites the modes of what was hit, over a constant background."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import CONTACTS
from lightcone.model.families.staged.rates import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME
from lightcone.model.simulators import soundscape
from lightcone.model.simulators.court.physics import CLOCK_SECONDS
from lightcone.model.simulators.court.state import CourtState
from lightcone.model.simulators.ringing import (
    loop_places,
    ring_out,
    smooth_noise,
)

LOOKS = 4
RING = int(0.42 * SAMPLE_RATE)  # samples of one contact's sound
AMBIENCE_LEVEL = 0.002
CROWD_LEVEL = 0.010

# kind -> ((frequency Hz, decay s, level), ...), level of noise, its decay s, its smoothing
_VOICES: dict[str, tuple[tuple[tuple[float, float, float], ...], float, float, int]] = {
    "bounce": (((88, 0.075, 0.50), (176, 0.04, 0.18), (430, 0.012, 0.14)), 0.05, 0.004, 3),
    "rim": (
        ((620, 0.11, 0.22), (1130, 0.09, 0.16), (1740, 0.06, 0.10), (2650, 0.03, 0.05)),
        0,
        1,
        1,
    ),
    "board": (((215, 0.045, 0.40), (390, 0.035, 0.22), (720, 0.015, 0.12)), 0.04, 0.004, 3),
    "wall": (((150, 0.05, 0.35), (260, 0.03, 0.18)), 0.04, 0.005, 5),
    "swish": (((520, 0.05, 0.03),), 0.30, 0.07, 4),
    "step": (((120, 0.025, 0.16), (240, 0.012, 0.08)), 0.06, 0.008, 6),
    "land": (((75, 0.06, 0.45), (140, 0.03, 0.18)), 0.09, 0.012, 6),
    "pickup": (((340, 0.02, 0.18), (610, 0.010, 0.08)), 0.04, 0.004, 3),
    "throw": (((180, 0.03, 0.06),), 0.10, 0.03, 8),
}
_FLOOR_PITCH = (1.0, 0.88, 0.74, 0.94)  # by look: wood, asphalt, sand, rubber
_FLOOR_KINDS = ("bounce", "step", "land")


def render(states: CourtState, strength: Tensor, when: Tensor) -> Tensor:
    """Sound of whole clips.

    Fields of `states` are (B, T); `strength`, `when`: (B, T, len(CONTACTS)) as
    `physics.advance` gives them, stacked over frames. Returns (B, T * 1000) within [-1, 1].
    """
    total = strength.shape[1] * SAMPLES_PER_FRAME
    look = states.look[:, 0].long()
    begin = (states.clock[:, 0] - 1 / FPS) % CLOCK_SECONDS  # of the first frame
    phase = begin / CLOCK_SECONDS
    at = loop_places(phase, int(CLOCK_SECONDS * SAMPLE_RATE), total)
    sound = _ambience(strength.device)[look].gather(1, at)
    drive = states.pulse.drive.repeat_interleave(SAMPLES_PER_FRAME, 1)
    sound = sound + drive * _crowd(strength.device)[look].gather(1, at)
    sound = sound + soundscape.weather(states.weather[:, 0], phase, total)
    sound = sound + soundscape.music(states.pulse.beat, states.pulse.drive, states.music[:, 0])
    world, frame, kind = strength.nonzero(as_tuple=True)
    sounds = _contact_sounds(strength.device)
    rung = sounds[look[world], kind] * strength[world, frame, kind][:, None]
    onset = (frame + when[world, frame, kind]) * SAMPLES_PER_FRAME
    return torch.tanh(ring_out(sound, world, onset, rung))


@lru_cache
def _contact_sounds(device: torch.device) -> Tensor:
    """(LOOKS, len(CONTACTS), RING): what each contact of strength 1 sounds like."""
    t = torch.arange(RING) / SAMPLE_RATE
    attack = (t / 0.0012).clamp(max=1)
    release = ((RING / SAMPLE_RATE - t) / 0.05).clamp(max=1)
    out = torch.zeros(LOOKS, len(CONTACTS), RING)
    for k, name in enumerate(CONTACTS):
        modes, noise_level, noise_decay, smoothing = _VOICES[name]
        noise = smooth_noise(RING, smoothing, seed=k)
        if name == "swish":
            noise_envelope = (t / 0.03).clamp(max=1) * torch.exp(-t / noise_decay)
        else:
            noise_envelope = torch.exp(-t / noise_decay)
        for look in range(LOOKS):
            pitch = _FLOOR_PITCH[look] if name in _FLOOR_KINDS else 1.0
            ring = noise_level * noise * noise_envelope
            for frequency, decay, level in modes:
                tone = torch.sin(2 * math.pi * frequency * pitch * t)
                ring = ring + level * tone * torch.exp(-t / decay)
            out[look, k] = ring * attack * release
    return out.to(device)


@lru_cache
def _ambience(device: torch.device) -> Tensor:
    """(LOOKS, samples): a loop for each look: a hall's hum, a city's, surf, a breeze."""
    n = int(CLOCK_SECONDS * SAMPLE_RATE)
    t = torch.arange(n) / SAMPLE_RATE
    slow = 0.6 + 0.4 * torch.sin(2 * math.pi * t / CLOCK_SECONDS)
    hum = torch.sin(2 * math.pi * 100 * t) + 0.5 * torch.sin(2 * math.pi * 150 * t)
    city = torch.sin(2 * math.pi * 60 * t) + 0.3 * smooth_noise(n, 24, seed=101)
    surf = slow * smooth_noise(n, 12, seed=102)
    breeze = slow.flip(0) * smooth_noise(n, 32, seed=103)
    return AMBIENCE_LEVEL * torch.stack([hum, city, surf, breeze]).to(device)


@lru_cache
def _crowd(device: torch.device) -> Tensor:
    """(LOOKS, samples): the murmur of those who watch, at its loudest; nobody does at the beach
    and in the park."""
    n = int(CLOCK_SECONDS * SAMPLE_RATE)
    t = torch.arange(n) / SAMPLE_RATE
    voices = torch.zeros(n)
    for k, pitch in enumerate((210, 290, 370, 480)):
        swell = 0.6 + 0.4 * torch.sin(2 * math.pi * ((2 + k) * t / CLOCK_SECONDS + 0.3 * k))
        band = torch.cos(2 * math.pi * pitch * t) * smooth_noise(n, 200, seed=110 + k)
        voices = voices + swell * band
    voices = voices / voices.std()
    nobody = torch.zeros(n)
    return torch.stack([CROWD_LEVEL * voices, 0.5 * CROWD_LEVEL * voices, nobody, nobody]).to(
        device
    )
