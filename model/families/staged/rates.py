"""How fast the staged worlds run. Everybody else reads these from a world's `WorldInfo`."""

from __future__ import annotations

FPS = 24
SAMPLE_RATE = 24_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
FRAMES = 2  # of a chunk
