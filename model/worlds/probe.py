"""A world that is not learned: it writes its frame number and the held buttons into the
pixels and beeps when acted on, so that receipts can be checked against what arrives.

Picture: a row of 16 cells along the top holds the frame index in binary (white 1, black 0,
most significant first); a second row holds one cell for each button held in that frame; the
rest is mid grey, bright while anything is held. Sound: silence, or a 1 kHz tone during every
frame in which anything is held.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.interface import (
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    Actions,
    Button,
    Chunk,
    GamepadBinding,
    WorldInfo,
)

CODE_BITS = 16
TONE_HZ = 1000.0
TONE_LEVEL = 0.5

PROBE = WorldInfo(
    name="probe",
    title="Probe",
    description="Flashes a code and beeps when acted on; for measuring latency.",
    width=128,
    height=96,
    frames_per_chunk=2,
    buttons=(
        Button("left", "Left", ("ArrowLeft", "KeyA"), (GamepadBinding("button", 14),)),
        Button("right", "Right", ("ArrowRight", "KeyD"), (GamepadBinding("button", 15),)),
        Button("jump", "Jump", ("ArrowUp", "KeyW"), (GamepadBinding("button", 0),)),
        Button("shoot", "Shoot", ("Space",), (GamepadBinding("button", 2),)),
    ),
)


@dataclass(frozen=True)
class ProbeState:
    index: int = 0


class ProbeWorld:
    """Steps take `compute_ms` of wall time, as a learned model of that cost would."""

    def __init__(self, compute_ms: float = 20.0) -> None:
        self.info = PROBE
        self._compute_s = compute_ms / 1000

    def start(self, seed: int, prompt: str = "") -> ProbeState:
        return ProbeState()

    def step(
        self, states: Sequence[ProbeState], actions: Sequence[Actions]
    ) -> tuple[list[ProbeState], list[Chunk]]:
        time.sleep(self._compute_s)
        chunks = [_chunk(s.index, a) for s, a in zip(states, actions, strict=True)]
        return [ProbeState(s.index + 1) for s in states], chunks


def _chunk(index: int, actions: Actions) -> Chunk:
    n = PROBE.frames_per_chunk
    frames = np.stack([_draw(index * n + i, actions[i]) for i in range(n)])
    t = np.arange(index * PROBE.samples_per_chunk, (index + 1) * PROBE.samples_per_chunk)
    tone = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * t / SAMPLE_RATE)
    held = np.repeat(actions.any(axis=1), SAMPLES_PER_FRAME)
    return Chunk(index, frames, (tone * held).astype(np.float32))


def _draw(frame: int, held: NDArray[np.float32]) -> NDArray[np.uint8]:
    picture = np.full((PROBE.height, PROBE.width, 3), 200 if held.any() else 90, np.uint8)
    cell = PROBE.width // CODE_BITS
    for bit in range(CODE_BITS):
        on = frame >> (CODE_BITS - 1 - bit) & 1
        picture[: 2 * cell, bit * cell : (bit + 1) * cell] = 255 * on
    for button, on in enumerate(held):
        wide = slice(button * 4 * cell, (button + 1) * 4 * cell)
        picture[2 * cell : 4 * cell, wide] = 255 if on else 0
    return picture


def read_frame_code(picture: NDArray[np.uint8]) -> tuple[int, tuple[bool, ...]]:
    """Frame index (mod 65536) and held buttons read back from a probe picture of any size,
    (H, W, 3)."""
    height, width = picture.shape[:2]
    cell_w, row_h = width / CODE_BITS, height / 6
    luma = picture.mean(axis=2)
    code = 0
    for bit in range(CODE_BITS):
        code = code << 1 | int(luma[int(row_h * 0.5), int((bit + 0.5) * cell_w)] > 127)
    held = tuple(
        bool(luma[int(row_h * 1.5), int((b + 0.5) * 4 * cell_w)] > 127)
        for b in range(len(PROBE.buttons))
    )
    return code, held
