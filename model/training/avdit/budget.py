"""How long a stage of training goes on: by wall time or by steps, and what it shows meanwhile."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lightcone.model.training.avdit.source import TrainingError

SAVE_SECONDS = 45
_SMOOTHING = 0.97
_DECAY = 0.25  # of a stage, at its end: the learning rate falls to nothing
_WARM_STEPS = 100
_LOGGED_SECONDS = 10


@dataclass(frozen=True)
class Budget:
    """Wall time or steps of a stage, whichever is given; all runs of it together."""

    seconds: float | None = None
    steps: int | None = None

    def progress(self, step: int, seconds: float) -> float:
        """0 at the beginning, 1 at the end."""
        shares = [0.0]
        if self.seconds is not None:
            shares.append(seconds / max(self.seconds, 1e-9))
        if self.steps is not None:
            shares.append(step / max(self.steps, 1))
        return min(1.0, max(shares))


@dataclass(frozen=True)
class Point:
    """Where a stage stands before a step."""

    step: int
    progress: float

    @property
    def rate(self) -> float:
        """Factor of the learning rate: warm-up, constant, linear decay (Hu et al. 2024)."""
        warm = min(1.0, (self.step + 1) / _WARM_STEPS)
        return warm * min(1.0, (1 - self.progress) / _DECAY + 0.01)


class Loss:
    """The figures of a run in a file of JSON lines, from which the loss page is drawn."""

    def __init__(self, path: Path | None, stage: str) -> None:
        self._path, self._stage = path, stage
        self._at = 0.0

    def write(self, step: int, seconds: float, figures: dict[str, float]) -> None:
        """At most once in ten seconds."""
        now = time.monotonic()
        if self._path is None or now - self._at < _LOGGED_SECONDS:
            return
        self._at = now
        rounded = {name: float(f"{value:.5g}") for name, value in figures.items()}
        line = {"stage": self._stage, "step": step, "seconds": round(seconds, 1), **rounded}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")


def run(
    stage: str,
    advance: Callable[[Point], dict[str, float]],
    save: Callable[[int, float], None],
    budget: Budget,
    *,
    step: int = 0,
    seconds: float = 0.0,
    log: Path | None = None,
    quiet: bool = False,
    agree: Callable[[float], float] = float,
    save_at_stop: bool = True,
) -> bool:
    """Take steps until the budget is used; returns False where Ctrl-C came first.

    `advance` takes one step and returns figures; `save` is given the steps and seconds so far
    every SAVE_SECONDS and at the end, and after Ctrl-C with `save_at_stop`. `agree` makes the
    progress of several processes that of the one that leads. Raises TrainingError at a loss that
    is not finite: what was saved last stands.
    """
    smooth: dict[str, float] = {}
    began, before = time.monotonic(), seconds
    saved_at = began
    losses = Loss(log, stage)
    bar = tqdm(
        total=1000,
        initial=int(1000 * budget.progress(step, seconds)),
        desc=stage,
        disable=quiet,
        bar_format="{desc}: {percentage:3.0f}%|{bar:12}| {elapsed}<{remaining} {postfix}",
    )
    try:
        while (progress := agree(budget.progress(step, seconds))) < 1:
            figures = advance(Point(step, progress))
            if not math.isfinite(figures["loss"]):
                raise TrainingError(
                    f"{stage}: the loss is not finite at step {step}; the checkpoint of a step "
                    "before it is kept"
                )
            step += 1
            seconds = before + time.monotonic() - began
            for name, value in figures.items():
                smooth[name] = value + _SMOOTHING * (smooth.get(name, value) - value)
            losses.write(step, seconds, smooth)
            shown = {"step": step, **{k: f"{v:.4g}" for k, v in smooth.items()}}
            bar.set_postfix(shown, refresh=False)
            bar.update(int(1000 * budget.progress(step, seconds)) - bar.n)
            if agree(time.monotonic() - saved_at) > SAVE_SECONDS:
                save(step, seconds)
                saved_at = time.monotonic()
    except KeyboardInterrupt:
        bar.write(f"{stage}: stopped at step {step}; the same command goes on from here")
        if save_at_stop:
            save(step, seconds)
        return False
    finally:
        bar.close()
    save(step, seconds)
    return True
