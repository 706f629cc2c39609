"""Are the laws those of the simulator? Speeds and falls, read from pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lightcone.model.evaluation import experiments
from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
)
from lightcone.model.evaluation.parse import (
    shirts_of,
    tracks,
)
from lightcone.model.evaluation.play import (
    Actor,
    Moments,
    Simulated,
    Still,
    watch,
)
from lightcone.model.evaluation.scenes import actions_of
from lightcone.model.families.staged.court.constants import BALL_RADIUS, FLOOR, RUN_SPEED
from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.simulators.court.physics import GRAVITY, RESTITUTION
from lightcone.model.simulators.pond import water

_DROP_FRAMES, _RUN_FRAMES, _WAVE_FRAMES, _WALK_FRAMES, _PADDLE_FRAMES = 72, 36, 22, 36, 60
_LEAST = 7  # frames of a flight
_RESTS = FLOOR + BALL_RADIUS


def physics(name: str, actor: Actor, reader: Reader, seeds: Sequence[int]) -> Findings:
    measure = {"court": _court, "pond": _pond, "corridors": _corridors}[name]
    found, curves = measure(actor, reader, seeds)
    best, _ = measure(Simulated(name, actor.size), reader, seeds)
    still, _ = measure(Still(name, actor.size), reader, seeds)
    wanted = {"restitution": 10.0}
    figures = tuple(
        Figure(
            f"{law} error", _off(value, true), "%", wanted=wanted.get(law, 5.0), less=True,
            trivial={"last frame": _off(still[law][0], true)}, ceiling=_off(best[law][0], true),
            note=f"{value:.3f} for {true:.3f}",
        )
        for law, (value, true) in found.items()
    )  # fmt: skip
    return Findings(figures, curves)


Laws = dict[str, tuple[float, float]]
"""Of each law, its number as measured, and as it should be."""


def _off(value: float, true: float) -> float:
    """Percent."""
    return 100 * abs(value / true - 1) if math.isfinite(value) else 100.0


def _court(actor: Actor, reader: Reader, seeds: Sequence[int]) -> tuple[Laws, tuple[Curve, ...]]:
    begun = experiments.dropped_balls(seeds)
    run = actor.begin(begun, seeds)
    frames = watch(run, actions_of("court", len(seeds), _DROP_FRAMES))
    y = tracks(reader, "court", frames)["ball"][1]
    gravity, restitution = falls(y)

    begun = experiments.runners(seeds)
    run = actor.begin(begun, seeds)
    frames = watch(run, actions_of("court", len(seeds), _RUN_FRAMES, right=1.0))
    x = tracks(reader, "court", frames, shirts_of(begun.states))["player"][0]
    speed = slope(x[:, 12:]) * FPS
    laws = {
        "gravity": (gravity, GRAVITY),
        "restitution": (restitution, RESTITUTION["floor"]),
        "running speed": (speed, RUN_SPEED),
    }
    seconds = tuple((torch.arange(_DROP_FRAMES) / FPS).tolist())
    lines = {f"seed {s}": tuple(row.tolist()) for s, row in zip(seeds, y[:4], strict=False)}
    return laws, (Curve("a dropped ball", "seconds", "height", seconds, lines),)


def falls(y: Tensor) -> tuple[float, float]:
    """Gravity and restitution from heights (B, T) of balls that fall and bounce on the floor, NaN
    where unknown: a parabola through each flight, and what of the speed at the floor is left in
    the next one. Medians over all flights."""
    gravities, ratios = [], []
    for heights in y:
        speeds: list[float] = []
        for flight in _flights(heights):
            t = flight / FPS
            column = torch.stack([torch.ones_like(t), t, t.square()], 1).double()
            fit = torch.linalg.lstsq(column, heights[flight][:, None].double()).solution[:, 0]
            a, b, c = fit.tolist()
            if c >= 0:
                continue
            gravities.append(-2 * c)
            speeds.append(math.sqrt(max(b * b - 4 * c * (a - _RESTS), 0.0)))
        ratios += [later / before for before, later in pairwise(speeds) if before > 0]
    return _median(gravities), _median(ratios)


def _flights(heights: Tensor) -> list[Tensor]:
    """Frames between bounces, the next ones to each left out."""
    known = heights.nan_to_num(9.0)
    low = [
        t
        for t in range(1, len(heights) - 1)
        if known[t] <= known[t - 1] and known[t] < known[t + 1] and known[t] < _RESTS + 0.12
    ]
    marks = [-1, *low, len(heights)]
    out = []
    for first, last in pairwise(marks):
        between = range(first + 2 if first >= 0 else 0, last - 1)
        inner = torch.tensor(between, dtype=torch.long)
        inner = inner[heights[inner].isfinite()]
        if len(inner) >= _LEAST:
            out.append(inner)
    return out


def slope(values: Tensor) -> float:
    """Of lines through the rows (B, T), per frame; the median over rows, frames that are not
    known left out."""
    found = []
    for row in values:
        at = row.isfinite().nonzero()[:, 0]
        if len(at) >= _LEAST:
            t, v = at.double(), row[at].double()
            t = t - t.mean()
            found.append(float((t * (v - v.mean())).sum() / t.square().sum()))
    return _median(found)


def _median(values: Sequence[float]) -> float:
    return float(torch.tensor(values).median()) if values else math.nan


def _pond(actor: Actor, reader: Reader, seeds: Sequence[int]) -> tuple[Laws, tuple[Curve, ...]]:
    high, flat = experiments.waves(seeds)
    rest = actions_of("pond", len(seeds), _WAVE_FRAMES)
    with_wave, without = (watch(actor.begin(m, seeds), rest) for m in (high, flat))
    where = crests(with_wave, without)
    speed = slope(where[:, 2:]) * FPS

    begun = experiments.paddlers(seeds)
    held = actions_of("pond", len(seeds), _PADDLE_FRAMES, right=1.0)

    def distance(who: Actor, moments: Moments) -> float:
        x = tracks(reader, "pond", watch(who.begin(moments, seeds), held))["board"][0]
        gone = x[:, -4:].nanmean(1) - x[:, :4].nanmean(1)
        return float(gone.nanmedian())

    true = distance(Simulated("pond", actor.size), begun)
    laws = {
        "wave speed": (speed, water.WAVE_SPEED),
        "paddled distance": (distance(actor, begun), true),
    }
    seconds = tuple((torch.arange(_WAVE_FRAMES) / FPS).tolist())
    lines = {f"seed {s}": tuple(row.tolist()) for s, row in zip(seeds, where[:4], strict=False)}
    return laws, (Curve("a wave's crest", "seconds", "place", seconds, lines),)


def crests(with_wave: Tensor, without: Tensor) -> Tensor:
    """Where along x pictures with a wave and the same without differ, near the waterline: (B, T)
    in picture heights, NaN where they do not."""
    height, width = with_wave.shape[-2:]
    rows = slice(round((1 - basin.LEVEL - 0.06) * height), round((1 - basin.LEVEL + 0.06) * height))
    apart = (with_wave.float() - without.float()).abs().mean(2)[:, :, rows]
    mass = (apart - 4).clamp_min(0).sum(2)  # (B, T, W)
    x = (torch.arange(width) + 0.5) / height
    open_water = (x > basin.LEFT) & (x < basin.RIGHT - 0.32)
    mass = torch.nn.functional.avg_pool1d(mass * open_water, 9, stride=1, padding=4)
    top = x[mass.argmax(-1)][..., None]
    near = mass * ((x - top).abs() < 0.12)
    total = near.sum(-1)
    return torch.where(total > 5, (near * x).sum(-1) / total, math.nan)


def _corridors(
    actor: Actor, reader: Reader, seeds: Sequence[int]
) -> tuple[Laws, tuple[Curve, ...]]:
    begun = experiments.open_ways(seeds)
    laws: Laws = {}
    lines = {}
    for law, button in (("walking speed", "forward"), ("turning speed", "turn_right")):
        held = actions_of("corridors", len(seeds), _WALK_FRAMES, **{button: 1.0})
        true = watch(Simulated("corridors", actor.size).begin(begun, seeds), held)
        made = watch(actor.begin(begun, seeds), held[:, : _WALK_FRAMES * 2 // 3])
        at = matched(made, true)
        laws[law] = slope(at[:, 4:]), 1.0
        lines[law] = tuple(at.nanmedian(0).values.tolist())
    frames = tuple(float(t) for t in range(_WALK_FRAMES * 2 // 3))
    name = "the simulator's frame that is nearest"
    return laws, (Curve(name, "frame", "frame", frames, lines),)


def matched(made: Tensor, true: Tensor) -> Tensor:
    """For each frame (B, T, 3, H, W) the time (B, T), in frames, at which the true motion
    (B, M, 3, H, W) looks most like it."""
    out = torch.full(made.shape[:2], math.nan)
    for i, (frames, others) in enumerate(zip(made, true, strict=True)):
        flat = others.float().flatten(1)
        for t, frame in enumerate(frames):
            error = (flat - frame.float().flatten()).square().mean(1)
            best = int(error.argmin())
            place = float(best)
            if 0 < best < len(error) - 1:
                before, here, after = error[best - 1 : best + 2].tolist()
                bend = before - 2 * here + after
                place += 0.5 * (before - after) / bend if bend > 0 else 0.0
            out[i, t] = place
    return out
