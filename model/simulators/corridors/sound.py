"""The corridors' sound: steps, bumps and doors, each with the echo of the room it happens in,
over a faint room tone.

The echo is noise that fades exponentially. It is longer and stronger the larger the room;
contacts in rooms between two of ROOMS sound like a mixture of both.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import CONTACTS
from lightcone.model.families.staged.rates import SAMPLE_RATE, SAMPLES_PER_FRAME
from lightcone.model.simulators.ringing import (
    loop_places,
    ring_out,
    smooth_noise,
)

RING = int(1.1 * SAMPLE_RATE)  # samples of one contact's sound, with its echo
ROOMS = (0.6, 1.0, 1.5, 2.2)  # mean free distances, in cells, that have an echo of their own
AMBIENCE_SECONDS = 2
AMBIENCE_LEVEL = 0.002

_ECHO_DELAY = 0.008  # seconds
_RELEASE = 0.05

# kind -> ((frequency Hz, decay s, level), ...), level of noise, its decay s, its smoothing
_VOICES: dict[str, tuple[tuple[tuple[float, float, float], ...], float, float, int]] = {
    "step_wood": (((165, 0.035, 0.40), (310, 0.022, 0.22), (540, 0.010, 0.10)), 0.05, 0.005, 5),
    "step_stone": (((950, 0.010, 0.20), (1900, 0.007, 0.14), (3300, 0.004, 0.10)), 0.10, 0.003, 2),
    "step_carpet": (((85, 0.030, 0.30), (130, 0.020, 0.14)), 0.06, 0.014, 14),
    "bump": (((62, 0.070, 0.50), (115, 0.045, 0.28), (240, 0.015, 0.12)), 0.06, 0.008, 8),
    "door": (((210, 0.050, 0.22), (475, 0.060, 0.12), (760, 0.030, 0.08)), 0.10, 0.120, 4),
}


def echo_seconds(size: float) -> float:
    """Time in which the echo of a room of this mean free distance, in cells, falls to 1/1000."""
    return 0.10 + 0.42 * size


def render(strength: Tensor, when: Tensor, size: Tensor, light: Tensor, phase: Tensor) -> Tensor:
    """Sound of whole clips.

    `strength`, `when`: (B, T, len(CONTACTS)) as `physics.Contacts` gives them, stacked over
    frames; `size`: (B, T) mean free distance where the player is; `light`: (B,); `phase`: (B,)
    start within the ambience loop, 0 to 1. Returns (B, T * 1000) within [-1, 1].
    """
    device = strength.device
    frames = strength.shape[1]
    total = frames * SAMPLES_PER_FRAME
    at = loop_places(phase, AMBIENCE_SECONDS * SAMPLE_RATE, total)
    sound = _ambience(device)[light.long()].gather(1, at)
    world, frame, kind = strength.nonzero(as_tuple=True)
    rooms = torch.tensor(ROOMS, device=device)
    room = size[world, frame].clamp(ROOMS[0], ROOMS[-1])
    larger = torch.searchsorted(rooms, room).clamp_min(1)
    smaller = larger - 1
    share = (room - rooms[smaller]) / (rooms[larger] - rooms[smaller])
    sounds = _contact_sounds(device)
    rung = torch.lerp(sounds[smaller, kind], sounds[larger, kind], share[:, None])
    rung = rung * strength[world, frame, kind][:, None]
    onset = (frame + when[world, frame, kind]) * SAMPLES_PER_FRAME
    return torch.tanh(ring_out(sound, world, onset, rung))


@lru_cache
def _contact_sounds(device: torch.device) -> Tensor:
    """(len(ROOMS), len(CONTACTS), RING): what each contact of strength 1 sounds like."""
    dry = torch.stack([_voice(name, seed=k) for k, name in enumerate(CONTACTS)])
    spectrum = torch.fft.rfft(dry, 2 * RING)
    out = []
    for size in ROOMS:
        echo = torch.fft.irfft(spectrum * torch.fft.rfft(_echo(size), 2 * RING), 2 * RING)
        out.append(dry + echo[:, :RING])
    t = torch.arange(RING) / SAMPLE_RATE
    release = ((RING / SAMPLE_RATE - t) / _RELEASE).clamp(max=1)
    return (torch.stack(out) * release).to(device)


def _voice(name: str, seed: int) -> Tensor:
    """A contact without a room: (RING,)."""
    t = torch.arange(RING) / SAMPLE_RATE
    modes, noise_level, noise_decay, smoothing = _VOICES[name]
    ring = noise_level * smooth_noise(RING, smoothing, seed) * torch.exp(-t / noise_decay)
    for frequency, decay, level in modes:
        ring = ring + level * torch.sin(2 * math.pi * frequency * t) * torch.exp(-t / decay)
    return ring * (t / 0.0012).clamp(max=1)


def _echo(size: float) -> Tensor:
    """Impulse response of a room after the direct sound: (RING,)."""
    t = torch.arange(RING) / SAMPLE_RATE
    fade = 1000 ** (-t / echo_seconds(size))
    noise = smooth_noise(RING, 3, seed=200) * (t > _ECHO_DELAY)
    return (0.010 + 0.006 * size) * noise * fade


@lru_cache
def _ambience(device: torch.device) -> Tensor:
    """(lights, samples): a loop for each light: air, distant wind, a torch, hush."""
    n = AMBIENCE_SECONDS * SAMPLE_RATE
    t = torch.arange(n) / SAMPLE_RATE
    slow = 0.6 + 0.4 * torch.sin(2 * math.pi * t / AMBIENCE_SECONDS)
    air = smooth_noise(n, 40, seed=101)
    wind = slow * smooth_noise(n, 28, seed=102)
    flame = smooth_noise(n, 60, seed=103) * (0.6 + 0.4 * smooth_noise(n, 900, seed=104))
    hush = 0.7 * smooth_noise(n, 90, seed=105)
    return AMBIENCE_LEVEL * torch.stack([air, wind, flame, hush]).to(device)
