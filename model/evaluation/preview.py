"""`lightcone data preview`: what training sees and hears, on one page.

With --recordings, some episodes of a folder. Else, for each seed of a simulator, a strip of frames
over its spectrogram on the same time axis, what is held as bars between them, and every contact as
a mark as long as it is strong.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from lightcone.model.evaluation.seeds import parse_seeds
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.families.staged.rates import FPS, SAMPLE_RATE
from lightcone.model.interface import ModelError, WorldInfo
from lightcone.model.recordings.preview import page as recorded_page
from lightcone.model.recordings.scan import scan
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.simulators.clips import Clip
from lightcone.model.training import loop

_COLOURS = colormaps["tab10"]


def page(world: str, seeds: list[int], seconds: float, columns: int, size: PictureSize) -> Figure:
    """The page: a row for each seed, `columns` frames in it."""
    simulator, info = open_simulator(world), definition(world).info
    clip = simulator.film(simulator.seeded_trajectories(seeds, round(seconds * FPS)), size)
    strip_height = 16 / columns * size.height / size.width
    heights = [strip_height, 0.06 * len(info.buttons), 1.1] * len(seeds)
    figure = Figure(figsize=(17, sum(heights) + 0.6 * len(seeds)), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    for row, seed in enumerate(seeds):
        strip, held, heard = axes[3 * row : 3 * row + 3]
        _strip(strip, clip.frames[row], columns, seconds)
        strip.set_title(f"{info.name}, seed {seed}: {clip.captions[row]}", loc="left", fontsize=10)
        _held(held, clip.truth.actions[row], info, seconds)
        _spectrogram(heard, clip.sound[row], seconds)
        _contacts(heard, clip, row, definition(world).contacts)
    return figure


def _strip(axes: Axes, frames: Tensor, columns: int, seconds: float) -> None:
    """`columns` of the frames (T, 3, H, W), each where its time is, near enough."""
    picked = frames[np.linspace(0, len(frames) - 1, columns).round().astype(int)]
    picked[..., -1] = 255  # a line between two frames
    picture = picked.permute(2, 0, 3, 1).flatten(1, 2)  # (H, columns * W, 3)
    axes.imshow(picture.numpy(), extent=(0, seconds, 0, 1), aspect="auto", interpolation="none")
    axes.set_axis_off()


def _held(axes: Axes, actions: Tensor, info: WorldInfo, seconds: float) -> None:
    """A line for each button of the actions (T, buttons)."""
    axes.imshow(
        1 - actions.T.numpy(), extent=(0, seconds, len(info.buttons), 0), aspect="auto", cmap="gray"
    )
    names = [button.name for button in info.buttons]
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=5)
    axes.set_xticks([])


def _spectrogram(axes: Axes, sound: Tensor, seconds: float) -> None:
    """Of the samples (N,), 80 dB deep."""
    floor = 1e-5 * np.random.default_rng(0).standard_normal(len(sound))  # silence has no log
    axes.specgram(
        sound.numpy() + floor, NFFT=512, noverlap=384, Fs=SAMPLE_RATE, vmin=-130, vmax=-50
    )
    axes.set(xlim=(0, seconds), ylim=(0, 8000), yticks=(0, 4000, 8000))
    axes.tick_params(labelsize=6)


def _contacts(axes: Axes, clip: Clip[Any], row: int, names: tuple[str, ...]) -> None:
    strength, when = clip.truth.strength[row], clip.truth.when[row]  # (T, contacts)
    strongest = float(strength.max().clamp_min(1e-6))
    for kind, name in enumerate(names):
        frames = strength[:, kind].nonzero()[:, 0]
        if not len(frames):
            continue
        times = (frames + when[frames, kind]) / FPS
        tops = 8000 * (1 - strength[frames, kind] / strongest)
        axes.vlines(times, tops, 8000, color=_COLOURS(kind % 10), lw=1.5, label=name)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", ncols=len(names), fontsize=6, framealpha=0.6)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lightcone data preview", description=__doc__)
    parser.add_argument("--recordings", type=Path, help="folder of recordings")
    parser.add_argument("--world", default="court", help="a simulated one")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("0:6"))
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--columns", type=int, default=12, help="frames of each clip")
    loop.picture_argument(parser)
    parser.add_argument("--out", type=Path, default=Path("preview.png"))
    args = parser.parse_args(argv)
    if args.seconds * FPS < 1 or args.columns < 1:
        parser.error("a clip needs a frame or more")
    try:
        if args.recordings is not None:
            shown = scan(args.recordings)
            figure = recorded_page(shown, args.seconds, args.columns)
            summary = shown.summary()
        else:
            size = PictureSize(args.height)
            figure = page(args.world, args.seeds, args.seconds, args.columns, size)
            summary = f"{len(args.seeds)} clips of {args.seconds:g} s"
        figure.savefig(args.out, dpi=100)
    except (ModelError, OSError, ValueError) as error:  # matplotlib refuses endings by ValueError
        parser.exit(1, f"lightcone data preview: {error}\n")
    print(f"{args.out}: {summary}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
