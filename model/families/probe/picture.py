"""The probe's picture and sound, and how they are read back.

Picture, in rows of a sixth of its height: 16 cells hold the world frame in binary (white 1, black
0, most significant first, mod 65536); below them one cell for each button, white while it is held;
then the ground, bright while any button is held; and at the bottom a row as bright as the axis is
high. A second axis has the row above that. Sound: silence, or a 1 kHz tone during every frame in
which any button is held.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.probe.variants import COLOURS, PROBE, PROBE_NOISE
from lightcone.model.interface import Actions, Image, WorldInfo

CODE_BITS = 16
ROWS = 6  # of code, buttons, ground (3) and axis
BUTTON_CELLS = 4  # width of a button's cell in cells of the code
NOISE_CELL = 4  # pixels
TONE_HZ = 1000.0
TONE_LEVEL = 0.5

Colour = tuple[float, ...]
"""Red, green, blue, 0 to 255."""


def draw(
    info: WorldInfo, ground: Colour | Image, first_frame: int, actions: Actions
) -> NDArray[np.uint8]:
    """Frames from `first_frame` on, one for each row of `actions`: (F, H, W, 3)."""
    return np.stack(
        [_draw(info, ground, first_frame + i, inputs) for i, inputs in enumerate(actions)]
    )


def _draw(
    info: WorldInfo, ground: Colour | Image, frame: int, inputs: NDArray[np.float32]
) -> NDArray[np.uint8]:
    held, axes = np.split(inputs, [len(info.buttons)])
    picture = np.empty((info.height, info.width, 3), np.uint8)
    picture[:] = _noise(info, frame) if info.name == PROBE_NOISE.name else ground
    if held.any():
        picture[:] = 255 - (255 - picture) // 3
    cell, row = info.width // CODE_BITS, info.height // ROWS
    for bit in range(CODE_BITS):
        on = frame >> (CODE_BITS - 1 - bit) & 1
        picture[:row, bit * cell : (bit + 1) * cell] = 255 * on
    for button, on in enumerate(held):
        wide = slice(button * BUTTON_CELLS * cell, (button + 1) * BUTTON_CELLS * cell)
        picture[row : 2 * row, wide] = 255 if on else 0
    for i, (axis, value) in enumerate(zip(info.axes, axes, strict=True)):
        top = info.height - (i + 1) * row
        share = np.clip((value - axis.low) / (axis.high - axis.low), 0, 1)
        picture[top : top + row] = round(255 * float(share))
    return picture


def _noise(info: WorldInfo, frame: int) -> Image:
    """Another one for each frame: (H, W, 3)."""
    size = -(-info.height // NOISE_CELL), -(-info.width // NOISE_CELL), 3
    cells = np.random.default_rng(frame).integers(0, 256, size, np.uint8)
    whole: Image = cells.repeat(NOISE_CELL, 0).repeat(NOISE_CELL, 1)
    return whole[: info.height, : info.width]


def sound(info: WorldInfo, first_frame: int, actions: Actions) -> NDArray[np.float32] | None:
    """Sound of frames from `first_frame` on, (samples,); None for a world without sound."""
    if info.sample_rate is None:
        return None
    frames = range(first_frame, first_frame + len(actions))
    start = info.samples(0, first_frame)
    t = start + np.arange(info.samples(first_frame, len(actions)))
    tone = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * t / info.sample_rate)
    held = actions[:, : len(info.buttons)].any(axis=1)
    return (tone * np.repeat(held, [info.samples(f, 1) for f in frames])).astype(np.float32)


def read_frame_code(picture: NDArray[np.uint8]) -> tuple[int, tuple[bool, ...]]:
    """World frame (mod 65536) and held buttons of a probe picture of any size, (H, W, 3)."""
    height, width = picture.shape[:2]
    cell_w, row_h = width / CODE_BITS, height / ROWS
    luma = picture.mean(axis=2)
    code = 0
    for bit in range(CODE_BITS):
        code = code << 1 | int(luma[int(row_h * 0.5), int((bit + 0.5) * cell_w)] > 127)
    held = tuple(
        bool(luma[int(row_h * 1.5), int((b + 0.5) * BUTTON_CELLS * cell_w)] > 127)
        for b in range(len(PROBE.buttons))
    )
    return code, held


def read_axis(picture: NDArray[np.uint8], axis: int = 0) -> float:
    """The axis with this index in a probe picture of any size, (H, W, 3); exact to about 0.05."""
    height, width = picture.shape[:2]
    [scale] = PROBE.axes  # both axes have it
    row = int(height * (ROWS - 0.5 - axis) / ROWS)
    bright = float(picture[row, width // 4 : -width // 4].mean())
    return scale.low + bright / 255 * (scale.high - scale.low)


def read_colour(picture: NDArray[np.uint8]) -> Colour:
    """The mean colour of the ground of a probe picture of any size, (H, W, 3)."""
    height, width = picture.shape[:2]
    ground = picture[height * 5 // 12 : height * 7 // 12, width // 4 : -width // 4]
    return tuple(float(value) for value in ground.mean((0, 1)))


def read_ground(picture: NDArray[np.uint8]) -> str:
    """The word for the ground of a probe picture of any size, (H, W, 3); "" where it is grey."""
    mean = np.array(read_colour(picture))
    strongest = int(mean.argmax())
    return list(COLOURS)[strongest] if mean[strongest] > 1.3 * mean.mean() else ""
