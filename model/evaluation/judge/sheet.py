"""Generated frames beside the truth, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from lightcone.model.evaluation.judge.protocol import Frames
from lightcone.model.evaluation.judge.rollouts import SHOWN

ROWS = ("truth", "model", "codec")
_CAPTION = 14  # pixels of a line of text
_GAP = 2

Strips = Mapping[int, Mapping[str, Image.Image]]
"""By seed and by who answered: pictures one below the other."""


def draw(out: Path, clips: Strips, long: Strips, size: tuple[int, int]) -> None:
    """A row of pictures of `size` (width, height) for the truth, the model and the codec of each
    clip, and for each long run one picture a minute."""
    rows: list[tuple[str, list[str], Image.Image]] = []
    for seed, by in clips.items():
        frames = [f"frame {n}" for n in SHOWN]
        rows += [(f"seed {seed}: {who}", frames, by[who]) for who in ROWS if who in by]
    for seed, by in long.items():
        if "model" in by:
            count = by["model"].height // size[1]
            minutes = [f"minute {n + 1}" for n in range(count)]
            rows.append((f"seed {seed}: model, free-running", minutes, by["model"]))
    _page(out, rows, size)


def frames_beside_truth(
    out: Path, rows: Sequence[tuple[str, Frames]], names: Sequence[str]
) -> None:
    """Rows of frames, each with a title and below the same names."""
    strips = [
        (title, list(names), Image.fromarray(np.concatenate(list(frames))))
        for title, frames in rows
    ]
    height, width = rows[0][1].shape[1:3]
    _page(out, strips, (width, height))


def _page(
    out: Path, rows: Sequence[tuple[str, list[str], Image.Image]], size: tuple[int, int]
) -> None:
    width, height = size
    across = max((strip.height // height for _, _, strip in rows), default=1)
    page = Image.new(
        "RGB",
        (across * (width + _GAP), max(1, len(rows)) * (height + _CAPTION + _GAP)),
        (24, 26, 32),
    )
    pen = ImageDraw.Draw(page)
    for i, (title, names, strip) in enumerate(rows):
        top = i * (height + _CAPTION + _GAP)
        for k in range(strip.height // height):
            left = k * (width + _GAP)
            name = names[k] if k < len(names) else ""
            pen.text((left + 3, top + 1), f"{title}, {name}" if k == 0 else name, (230, 230, 230))
            page.paste(strip.crop((0, k * height, width, (k + 1) * height)), (left, top + _CAPTION))
    out.parent.mkdir(parents=True, exist_ok=True)
    page.save(out)
