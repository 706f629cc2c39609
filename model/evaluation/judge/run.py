"""Judges the seeds of a world one after the other. What is done is kept: a run that was stopped
goes on where it was, and more seeds cost only themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from PIL import Image as Pictures

from lightcone.model.evaluation.judge import sheet
from lightcone.model.evaluation.judge.clips import ROLLOUT, WRONG, context_frames
from lightcone.model.evaluation.judge.instruments import Instruments, set_instruments
from lightcone.model.evaluation.judge.long_run import judge_long_run
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.pressing import REACTION
from lightcone.model.evaluation.judge.protocol import Frames, Judged, NotJudged, spans
from lightcone.model.evaluation.judge.rollouts import (
    FORCED,
    PRESSES,
    judge_clip,
    judge_presses,
)
from lightcone.model.evaluation.judge.tally import Tally, added
from lightcone.model.evaluation.judge.truth import Truth, fitted
from lightcone.model.families.staged.entry import WEIGHTS_FILE
from lightcone.model.interface import WorldInfo

VERSION = 2  # of the measures: what was kept by another is not used

Progress = Callable[[int], object]
"""Is given chunks that were done since the last time."""


@dataclass(frozen=True)
class Plan:
    """What is measured. `long_seeds` of the seeds, the first ones, also run for `minutes`. `truth`
    is the name of what the world is held against, where it has another."""

    world: str
    seeds: tuple[int, ...]
    long_seeds: int = 2
    minutes: float = 10.0
    context_s: float = 2.0
    steps: int | None = None
    truth: str | None = None

    def long_run(self, seed: int) -> bool:
        return seed in self.seeds[: self.long_seeds] and self.minutes > 0

    def chunks(self, info: WorldInfo) -> int:
        """All chunks that will be generated or followed."""
        return sum(cost(self, part, info) for _, part in self.parts())

    def parts(self) -> list[tuple[int, str]]:
        """Seed and part, in the order in which they are done: long runs last."""
        short = [(seed, part) for seed in self.seeds for part in ("clip", "presses")]
        return short + [(seed, "long") for seed in self.seeds if self.long_run(seed)]


def cost(plan: Plan, part: str, info: WorldInfo) -> int:
    """Chunks of a part of one seed, at most."""
    context = len(spans(info, 0, context_frames(info, plan.context_s)))

    def after(frames: int) -> int:
        return len(spans(info, context, frames))

    if part == "clip":
        return context + 2 * after(FORCED) + after(ROLLOUT) + after(WRONG)
    if part == "presses":
        return PRESSES * (context + after(REACTION))
    return len(spans(info, 0, round(plan.minutes * 60 * info.fps)))


class Judge:
    """`detector` is what `set_instruments` takes, `kept` the folder of results. `tools` are
    instruments that are set already. Raises NotJudged where the model is none of the truth's
    world."""

    def __init__(
        self,
        model: Judged,
        truth: Truth,
        plan: Plan,
        kept: Path,
        detector: Path | None = None,
        tools: Instruments | None = None,
    ) -> None:
        fitted(truth.info, model.worlds[plan.world])
        self._model, self._truth, self._plan, self._detector = model, truth, plan, detector
        self._tools = tools
        settings: dict[str, Any] = {
            "version": VERSION,
            "fingerprint": model.fingerprint,
            "world": plan.world,
            "steps": plan.steps,
            "context_s": plan.context_s,
            "detector": _digest(detector) if detector is not None else None,
        }
        if plan.truth not in (None, plan.world):
            settings["truth"] = plan.truth
        self._folder = kept / f"{plan.world}-{_name(settings)}"
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "settings.json").write_text(json.dumps(settings, indent=1))

    @cached_property
    def _instruments(self) -> Instruments:
        return self._tools or set_instruments(self._truth, self._detector)

    def judge(self, progress: Progress = lambda chunks: None) -> list[Tally]:
        """Of each seed."""
        plan, info = self._plan, self._model.worlds[self._plan.world]
        for seed, part in plan.parts():
            whole = cost(plan, part, info)
            if self._kept(seed, part).exists():
                progress(whole)
                continue
            done = 0

            def tick(whole: int = whole) -> None:
                nonlocal done
                if done < whole:
                    progress(1)
                done += 1

            candidate = Candidate(self._model, plan.world, plan.steps, tick)
            tally, rows = self._measure(part)(candidate, seed)
            for who, frames in rows.items():
                self._save(seed, f"{part}-{who}", frames)
            _write(self._kept(seed, part), json.dumps(tally.as_data()))
            progress(max(0, whole - done))
        return [
            added(self._read(seed, part) for other, part in plan.parts() if other == seed)
            for seed in plan.seeds
        ]

    def sheet(self, out: Path, seeds: int = 4) -> None:
        """Generated frames beside the truth, of the first seeds, as one picture."""
        clips = {seed: self._rows(seed, "clip") for seed in self._plan.seeds[:seeds]}
        runs = [seed for seed in self._plan.seeds if self._plan.long_run(seed)]
        long = {seed: self._rows(seed, "long") for seed in runs[:seeds]}
        info = self._model.worlds[self._plan.world]
        sheet.draw(out, clips, long, (info.width, info.height))

    def _measure(self, part: str) -> Callable[[Candidate, int], tuple[Tally, Mapping[str, Frames]]]:
        plan, truth, tools = self._plan, self._truth, self._instruments
        if part == "clip":
            return lambda candidate, seed: judge_clip(candidate, truth, tools, seed, plan.context_s)
        if part == "presses":
            return lambda candidate, seed: (
                judge_presses(candidate, truth, tools, seed, plan.context_s),
                {},
            )
        return lambda candidate, seed: judge_long_run(
            candidate, truth, tools, seed, plan.minutes, plan.context_s
        )

    def _kept(self, seed: int, part: str) -> Path:
        minutes = f"-{self._plan.minutes:g}" if part == "long" else ""
        return self._folder / f"{seed}-{part}{minutes}.json"

    def _read(self, seed: int, part: str) -> Tally:
        path = self._kept(seed, part)
        try:
            return Tally.of_data(json.loads(path.read_text()))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise NotJudged(f"{path} is damaged (delete it): {error}") from error

    def _save(self, seed: int, name: str, frames: Frames) -> None:
        strip = frames.reshape(-1, *frames.shape[2:])  # one below the other
        Pictures.fromarray(strip).save(self._folder / f"{seed}-{name}.png")

    def _rows(self, seed: int, part: str) -> dict[str, Pictures.Image]:
        paths = {who: self._folder / f"{seed}-{part}-{who}.png" for who in sheet.ROWS}
        return {who: Pictures.open(path) for who, path in paths.items() if path.exists()}


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text)
    os.replace(part, path)


def _name(settings: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


def _digest(path: Path) -> str:
    file = path / WEIGHTS_FILE if path.is_dir() else path
    try:
        return blake2b(file.read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise NotJudged(f"{path} cannot be read: {error.strerror}") from error
