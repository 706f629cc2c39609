"""A world that is not learned: it writes its frame number and the held buttons into the
pixels and beeps when acted on, so that receipts can be checked against what arrives.

Picture: a row of 16 cells along the top holds the frame index in binary (white 1, black 0,
most significant first); a second row holds one cell for each button held in that frame; a row
along the bottom is as bright as the axis is high; between them is the ground, bright while any
button is held, in the colour that the prompt says (grey without one), or the picture that the
world was started from. Sound: silence, or a 1 kHz tone during every frame in which any button
is held.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lightcone.model.interface import (
    PROMPT_BREAK,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    Actions,
    Axis,
    Button,
    Chunk,
    GamepadBinding,
    How,
    PromptError,
    WorldInfo,
)

CODE_BITS = 16
ROWS = 6  # of code, buttons, ground (3) and axis
TONE_HZ = 1000.0
TONE_LEVEL = 0.5
COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
GREY = (90, 90, 90)

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
    words=tuple(COLOURS),
    changing_words=tuple(COLOURS),
    axes=(Axis("turn", "Turn", -3.0, 3.0, "x", GamepadBinding("axis", 2, 1)),),
)
PROBE_WIDE = replace(PROBE, name="probe-wide", title="Wide probe", width=160)
PROBES = {info.name: info for info in (PROBE, PROBE_WIDE)}

Colour = tuple[float, ...]
"""Red, green, blue, 0 to 255."""


@dataclass(frozen=True)
class Fade:
    """From chunk `start` to chunk `end` the ground goes from `old` to `new`."""

    old: Colour
    new: Colour
    start: int
    end: int

    def at(self, chunk: int) -> Colour:
        share = min((chunk - self.start + 1) / (self.end - self.start + 1), 1.0)
        return tuple(a + share * (b - a) for a, b in zip(self.old, self.new, strict=True))


@dataclass(frozen=True)
class ProbeState:
    fade: Fade
    index: int = 0
    image: NDArray[np.uint8] | None = None  # (H, W, 3)


class ProbeWorld:
    """Steps take `compute_ms` of wall time, as a learned model of that cost would."""

    def __init__(self, compute_ms: float = 20.0, info: WorldInfo = PROBE) -> None:
        self.info = info
        self._compute_s = compute_ms / 1000

    def start(
        self, seed: int, prompt: str = "", image: NDArray[np.uint8] | None = None
    ) -> ProbeState:
        colour = _colour(prompt) or GREY
        return ProbeState(Fade(colour, colour, 0, 0), image=image)

    def prompt(
        self, state: ProbeState, prompt: str, how: How, chunks: int
    ) -> tuple[ProbeState, int]:
        end = state.index + (chunks - 1 if how == "blend" else 0)
        colour = _colour(prompt)
        new = state.fade.new if colour is None else colour
        fade = Fade(state.fade.at(state.index - 1), new, state.index, end)
        return replace(state, fade=fade, image=state.image if colour is None else None), end

    def step(
        self, states: Sequence[ProbeState], actions: Sequence[Actions]
    ) -> tuple[list[ProbeState], list[Chunk]]:
        time.sleep(self._compute_s)
        chunks = [_chunk(self.info, s, a) for s, a in zip(states, actions, strict=True)]
        return [replace(s, index=s.index + 1) for s in states], chunks


def _colour(prompt: str) -> Colour | None:
    """That of the last word, if there is one. Raises PromptError."""
    words = prompt.replace(",", " ").replace(PROMPT_BREAK, " ").lower().split()
    if unknown := [word for word in words if word not in COLOURS]:
        raise PromptError(unknown, tuple(COLOURS))
    return COLOURS[words[-1]] if words else None


def _chunk(info: WorldInfo, state: ProbeState, actions: Actions) -> Chunk:
    n, index = info.frames_per_chunk, state.index
    frames = np.stack([_draw(info, state, index * n + i, actions[i]) for i in range(n)])
    t = np.arange(index * info.samples_per_chunk, (index + 1) * info.samples_per_chunk)
    tone = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * t / SAMPLE_RATE)
    held = np.repeat(actions[:, : len(info.buttons)].any(axis=1), SAMPLES_PER_FRAME)
    return Chunk(index, frames, (tone * held).astype(np.float32))


def _draw(
    info: WorldInfo, state: ProbeState, frame: int, actions: NDArray[np.float32]
) -> NDArray[np.uint8]:
    held, [turn] = np.split(actions, [len(info.buttons)])
    picture = np.empty((info.height, info.width, 3), np.uint8)
    picture[:] = state.fade.at(state.index) if state.image is None else state.image
    if held.any():
        picture[:] = 255 - (255 - picture) // 3
    cell, row = info.width // CODE_BITS, info.height // ROWS
    for bit in range(CODE_BITS):
        on = frame >> (CODE_BITS - 1 - bit) & 1
        picture[:row, bit * cell : (bit + 1) * cell] = 255 * on
    for button, on in enumerate(held):
        wide = slice(button * 4 * cell, (button + 1) * 4 * cell)
        picture[row : 2 * row, wide] = 255 if on else 0
    [axis] = info.axes
    picture[-row:] = round(255 * (turn - axis.low) / (axis.high - axis.low))
    return picture


def read_frame_code(picture: NDArray[np.uint8]) -> tuple[int, tuple[bool, ...]]:
    """Frame index (mod 65536) and held buttons read back from a probe picture of any size,
    (H, W, 3)."""
    height, width = picture.shape[:2]
    cell_w, row_h = width / CODE_BITS, height / ROWS
    luma = picture.mean(axis=2)
    code = 0
    for bit in range(CODE_BITS):
        code = code << 1 | int(luma[int(row_h * 0.5), int((bit + 0.5) * cell_w)] > 127)
    held = tuple(
        bool(luma[int(row_h * 1.5), int((b + 0.5) * 4 * cell_w)] > 127)
        for b in range(len(PROBE.buttons))
    )
    return code, held


def read_axis(picture: NDArray[np.uint8]) -> float:
    """The axis read back from a probe picture of any size, (H, W, 3); exact to about 0.05."""
    height, width = picture.shape[:2]
    [axis] = PROBE.axes
    bright = float(picture[int(height * (ROWS - 0.5) / ROWS), width // 4 : -width // 4].mean())
    return axis.low + bright / 255 * (axis.high - axis.low)


def read_ground(picture: NDArray[np.uint8]) -> str:
    """The word for the ground of a probe picture of any size, (H, W, 3); "" where it is grey."""
    height, width = picture.shape[:2]
    mean = picture[height * 5 // 12 : height * 9 // 12, width // 4 : -width // 4].mean((0, 1))
    strongest = int(mean.argmax())
    return list(COLOURS)[strongest] if mean[strongest] > 1.3 * mean.mean() else ""
