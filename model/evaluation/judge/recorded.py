"""`lightcone evaluate --recordings DIR --weights W`: a world against recorded play that it was not
trained on. For worlds whose game is not at hand; where it is, `--world` asks the game itself.

Clips are drawn by seed. After two seconds of truth the model goes on under the recorded actions,
free-running unless a figure says teacher_forced, in 1, 2 and 4 denoising steps. Repeating the last
frame and the codec alone stand beside. `best_of_n` is the best of n runs with other noise: where
the future is open, a model that samples it comes nearer with every try, and one that averages does
not.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR, ModelSettings, learned_worlds, open_model
from lightcone.model.evaluation.judge import report
from lightcone.model.evaluation.judge.clips import Clip, context_frames
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Frames, Judged, NotJudged, Reseeded
from lightcone.model.evaluation.judge.senses.pictures import gradient_energy, psnr
from lightcone.model.evaluation.judge.sheet import frames_beside_truth
from lightcone.model.evaluation.judge.truth import Played, fitted
from lightcone.model.interface import ModelError, WorldInfo
from lightcone.model.recordings.scan import Recordings, scan

LENGTHS = (16, 64)  # frames of rollouts
SHOWN = (1, 4, 16, 32, 64)  # on the sheet


@dataclass(frozen=True)
class Plan:
    """`tries`: runs for `best_of_n`."""

    clips: int = 8
    context_s: float = 2.0
    tries: int = 4
    seed: int = 0


def wanted(argv: Sequence[str]) -> bool:
    """Whether these flags of `lightcone evaluate` name recordings."""
    return any(flag.split("=")[0] == "--recordings" for flag in argv)


def clips(recordings: Recordings, info: WorldInfo, plan: Plan) -> Iterator[Clip]:
    """Raises NotJudged where no episode is long enough."""
    context = context_frames(info, plan.context_s)
    chunk = info.chunk_frames[-1]
    length = context + math.ceil(max(LENGTHS) / chunk) * chunk
    long_enough = [i for i, e in enumerate(recordings.episodes) if len(e) >= length]
    if not long_enough:
        raise NotJudged(f"no recorded episode has {length} frames")
    rng = np.random.default_rng(plan.seed)
    names = recordings.state()
    for number in range(plan.clips):
        episode = recordings.episodes[long_enough[int(rng.integers(len(long_enough)))]]
        start = int(rng.integers(len(episode) - length + 1))
        stop = start + length
        numbers = np.zeros((length, 0), np.float32)
        if episode.state is not None:
            columns = [episode.meta.state.index(name) for name in names]
            numbers = np.asarray(episode.state[start:stop, columns])
        played = Played(
            recordings.world(),
            names,
            episode.frames(start, stop),
            episode.sound(start, stop),
            np.asarray(episode.actions[start:stop]),
            numbers,
            ((),) * length,
        )
        yield Clip(number, start, context, played)


class Sums:
    """Means of figures over clips."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, ...], list[float]] = defaultdict(list)

    def add(self, value: float, *key: str) -> None:
        self._values[key].append(value)

    def figures(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, values in self._values.items():
            at = out
            for name in key[:-1]:
                at = at.setdefault(name, {})
            at[key[-1]] = float(np.mean(values))
        return out


def judge(model: Judged, world: str, found: Sequence[Clip], plan: Plan) -> dict[str, Any]:
    """Means over the clips, by denoising steps, with `trivial` and `ceiling` beside. Shows a
    progress bar."""
    sums = Sums()
    for one in tqdm(found, unit="clip", disable=None):
        true = one.truth
        last = np.repeat(one.played.frames[one.context - 1][None], len(true), 0)
        _against(sums, last, true.frames, "trivial")
        _against(sums, Candidate(model, world).codec(one).frames, true.frames, "ceiling")
        for steps in sorted(model.steps):
            candidate = Candidate(model, world, steps)
            begun = candidate.after_context(one)
            forced, _ = candidate.forced(begun, true, LENGTHS[0])
            name = f"{steps}"
            mean = float(psnr(forced, true.frames).mean())
            sums.add(mean, "steps", name, "teacher_forced_psnr_db")
            made = candidate.free(begun, true.actions).frames
            _against(sums, made, true.frames, "steps", name)
            if isinstance(model, Reseeded):
                best = float(psnr(made, true.frames)[: LENGTHS[0]].mean())
                for other in range(1, plan.tries):
                    again = model.reseeded(begun, other)
                    tried = candidate.free(again, true.actions[: LENGTHS[0]]).frames
                    best = max(best, float(psnr(tried, true.frames).mean()))
                sums.add(best, "steps", name, "best_of_n_psnr_db")
            candidate.let_go(begun)
    return sums.figures()


def _against(sums: Sums, made: Frames, true: Frames, *who: str) -> None:
    each = psnr(made, true)
    for length in LENGTHS:
        sums.add(float(each[:length].mean()), *who, "rollout_psnr_db", f"{length}")
    sums.add(gradient_energy(made) / max(gradient_energy(true), 1e-9), *who, "sharpness")


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        data = _judged(args)
    except ModelError as error:
        parser.exit(1, f"lightcone evaluate: {error}\n")
    print(json.dumps(report.plain(data), indent=1) if args.json else _table(data))
    if args.sheet is not None:
        print(args.sheet, file=sys.stderr)
    return 0


def _judged(args: argparse.Namespace) -> dict[str, Any]:
    recordings = scan(args.recordings)
    name = args.world or recordings.world().name
    if name not in learned_worlds(args.weights):
        raise NotJudged(f"the weights in {args.weights} know no world '{name}' (--world)")
    model = open_model((name,), ModelSettings(args.weights, steps=4, device=args.device))
    if not isinstance(model, Judged):
        raise NotJudged(f"'{name}' cannot begin from a real moment, so it cannot be judged")
    info = model.worlds[name]
    fitted(recordings.world(), info)
    plan = Plan(args.clips, args.context, args.tries, args.seed)
    found = list(clips(recordings, info, plan))
    try:
        figures = judge(model, name, found, plan)
        if args.sheet is not None:
            _draw(args.sheet, model, name, found[: args.rows])
    finally:
        model.close()
    return {
        "world": name,
        "recordings": str(args.recordings),
        "clips": len(found),
        "n": plan.tries,
        "fingerprint": model.fingerprint,
        **figures,
    }


def _draw(out: Path, model: Judged, world: str, found: Sequence[Clip]) -> None:
    """The truth, the model in 1 and 4 steps, and the codec, of some clips."""
    rows: list[tuple[str, Frames]] = []
    shown = [frame - 1 for frame in SHOWN]
    for one in found:
        rows.append((f"clip {one.seed}: truth", one.truth.frames[shown]))
        for steps in sorted({min(model.steps), max(model.steps)}):
            candidate = Candidate(model, world, steps)
            begun = candidate.after_context(one)
            made = candidate.free(begun, one.truth.actions).frames
            candidate.let_go(begun)
            rows.append((f"clip {one.seed}: {steps} steps", made[shown]))
        codec = Candidate(model, world).codec(one).frames
        rows.append((f"clip {one.seed}: codec", codec[shown]))
    frames_beside_truth(out, rows, [f"frame {n}" for n in SHOWN])


def _table(data: dict[str, Any]) -> str:
    columns = {
        "teacher_forced_psnr_db": "teacher-forced, dB",
        "16": "16 frames, dB",
        "64": "64 frames, dB",
        "best_of_n_psnr_db": "best of n, dB",
        "sharpness": "sharpness",
    }
    named = [
        ("last frame", data["trivial"]),
        *((f"{steps} steps", figures) for steps, figures in data["steps"].items()),
        ("codec", data["ceiling"]),
    ]
    lines = ["  ".join(f"{head:>18}" for head in ("", *columns.values()))]
    for name, figures in named:
        flat = {**figures, **figures["rollout_psnr_db"]}
        numbers = [f"{flat[key]:.2f}" if key in flat else "–" for key in columns]
        lines.append("  ".join(f"{cell:>18}" for cell in (name, *numbers)))
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightcone evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recordings", type=Path, required=True, help="not those of its training")
    parser.add_argument("--world", help="by default the recordings' own")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--clips", type=int, default=Plan.clips)
    parser.add_argument("--tries", type=int, default=Plan.tries, help="runs for the best of n")
    parser.add_argument("--context", type=float, default=Plan.context_s, help="true seconds before")
    parser.add_argument("--seed", type=int, default=Plan.seed, help="of the clips")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    parser.add_argument("--sheet", type=Path, help="a picture of generated frames and the truth")
    parser.add_argument("--rows", type=int, default=4, help="clips on the sheet")
    return parser
