"""Recordings on one page: for some episodes a strip of frames, what was held, and the sound."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lightcone.model.interface import Actions, WorldInfo
from lightcone.model.recordings.reader import Episode
from lightcone.model.recordings.scan import Recordings

EPISODES = 6  # on a page, spread over the recordings
_FLOOR = 1e-5  # of the sound, for silence has no logarithm


def page(recordings: Recordings, seconds: float, columns: int) -> Figure:
    """The first seconds after a tenth of each episode, `columns` frames in a strip. Raises
    NoRecordings, MixedRecordings and BrokenEpisode."""
    info = recordings.world()
    picked = np.linspace(0, len(recordings.episodes) - 1, EPISODES).round().astype(int)
    episodes = [recordings.episodes[i] for i in dict.fromkeys(picked.tolist())]
    strip = 17 / columns * info.height / info.width
    heights = [strip, 0.2 + 0.11 * info.controls, 0.5, 0.9] * len(episodes)
    figure = Figure(figsize=(17, sum(heights) + 0.6 * len(episodes)), layout="constrained")
    figure.suptitle(recordings.summary(), fontsize=9)
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, episode in enumerate(episodes):
        _episode(axes[4 * row : 4 * row + 4], episode, seconds, columns)
    return figure


def _episode(axes: NDArray[np.object_], episode: Episode, seconds: float, columns: int) -> None:
    info, strip, held, wave, heard = episode.meta.info, *axes
    frames = min(len(episode), round(seconds * info.fps))
    start = min(len(episode) // 10, len(episode) - frames)
    stop, span = start + frames, (start / info.fps, (start + frames) / info.fps)
    wanted = np.linspace(start, stop - 1, columns).round().astype(int)
    shown = episode.frames(start, stop)[wanted - start]
    shown[:, :, -1] = 255  # a line between two frames
    strip.imshow(
        np.concatenate(list(shown), 1), extent=(*span, 0, 1), aspect="auto", interpolation="none"
    )
    strip.set_axis_off()
    title = f"{info.name}: {episode.path.name}, {len(episode)} frames{_state(episode, start, stop)}"
    strip.set_title(title, loc="left", fontsize=9)
    _held(held, np.asarray(episode.actions[start:stop]), info, span)
    sound = episode.sound(start, stop)
    for axis in (wave, heard):
        axis.set(xlim=span, yticks=())
        axis.tick_params(labelsize=6)
    if sound is None or info.sample_rate is None:
        wave.text(0.5, 0.5, "no sound", ha="center", va="center", transform=wave.transAxes)
        heard.set_axis_off()
        return
    times = span[0] + np.arange(len(sound)) / info.sample_rate
    wave.plot(times, sound, lw=0.3, color="black")
    noise = _FLOOR * np.random.default_rng(0).standard_normal(len(sound))
    heard.specgram(
        sound + noise, NFFT=512, noverlap=384, Fs=info.sample_rate, vmin=-130, vmax=-50,
        xextent=span,
    )  # fmt: skip


def _held(axes: Axes, actions: Actions, info: WorldInfo, span: tuple[float, float]) -> None:
    """A line for each control: dark where it is held, or as far as an axis is moved."""
    names = [control.name for control in info.buttons] + [axis.name for axis in info.axes]
    reach = [1.0] * len(info.buttons) + [max(abs(a.low), abs(a.high), 1e-6) for a in info.axes]
    shares = (actions / np.array(reach, np.float32)).T
    axes.imshow(
        shares, extent=(*span, len(names), 0), aspect="auto", cmap="RdGy", vmin=-1, vmax=1,
        interpolation="none",
    )  # fmt: skip
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=6)
    axes.set_xticks([])


def _state(episode: Episode, start: int, stop: int) -> str:
    """The numbers that change while it is shown."""
    if episode.state is None:
        return ""
    first, last = episode.state[start], episode.state[stop - 1]
    changed = [
        f"{name} {before:g} to {after:g}"
        for name, before, after in zip(episode.meta.state, first, last, strict=True)
        if before != after
    ]
    return "; " + ", ".join(changed) if changed else ""
