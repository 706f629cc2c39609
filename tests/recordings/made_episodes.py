"""Small episodes for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lightcone.model.families.env.player import Box
from lightcone.model.interface import Actions, Axis, Button, WorldInfo
from lightcone.model.recordings.format import EpisodeMeta
from lightcone.model.recordings.reader import Episode, read_episode
from lightcone.model.recordings.writer import EpisodeWriter

INFO = WorldInfo(
    name="meadow",
    title="Meadow",
    description="",
    width=64,
    height=48,
    buttons=(Button("left", "Left", ("ArrowLeft", "KeyA")), Button("jump", "Jump", ("Space",))),
    axes=(Axis("turn", "Turn", -2.0, 2.0, "x"),),
    fps=24,
    sample_rate=22_050,  # 918.75 samples a frame
)
STATE = ("health", "ammo")


def pictures(frames: int, info: WorldInfo = INFO, seed: int = 0) -> NDArray[np.uint8]:
    """(frames, H, W, 3): waves that wander, and a square."""
    y, x = np.mgrid[: info.height, : info.width] / 16
    out = np.empty((frames, info.height, info.width, 3), np.uint8)
    for i in range(frames):
        waves = [np.sin(x + 0.1 * i + seed), np.cos(y - 0.07 * i), np.sin(x + y + 0.3 * seed)]
        out[i] = (127 + 100 * np.stack(waves, -1)).astype(np.uint8)
        out[i, 4:12, i % (info.width - 8) :][:, :8] = (250, 20, 20)
    return out


def sound(frames: int, info: WorldInfo = INFO, seed: int = 0) -> NDArray[np.float32] | None:
    """Noise of 16 bits."""
    if info.sample_rate is None:
        return None
    noise = np.random.default_rng(seed).integers(-9000, 9000, info.samples(0, frames))
    return (noise / 32768).astype(np.float32)


def actions(frames: int, info: WorldInfo = INFO, seed: int = 0) -> Actions:
    rng = np.random.default_rng(seed)
    buttons = (rng.random((frames, len(info.buttons))) < 0.4).astype(np.float32)
    axes = [rng.uniform(axis.low, axis.high, frames) for axis in info.axes]
    return np.concatenate([buttons, *(np.array(a, np.float32)[:, None] for a in axes)], 1)


def state(frames: int, names: tuple[str, ...] = STATE) -> NDArray[np.float32]:
    return np.arange(frames * len(names), dtype=np.float32).reshape(frames, -1)


def write(
    folder: Path,
    name: str = "one",
    frames: int = 20,
    info: WorldInfo = INFO,
    seed: int = 0,
    names: tuple[str, ...] = (),
    boxes: tuple[Box, ...] = (),
    quiet: bool = False,
    ended: bool = True,
) -> Episode:
    """An episode of `frames` frames, with `boxes` in each."""
    heard = sound(frames, info, seed)
    if quiet and heard is not None:
        heard[:] = 0
    meta = EpisodeMeta(info, 0, "a test", seed=seed, state=names)
    with EpisodeWriter(folder, name, meta) as writer:
        writer.write(
            pictures(frames, info, seed), heard, actions(frames, info, seed),
            state(frames, names) if names else None, [boxes] * frames,
        )  # fmt: skip
        return read_episode(writer.close(ended=ended))


def decibels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / error))
