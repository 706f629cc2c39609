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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR, ModelSettings, learned_worlds, open_model
from lightcone.model.evaluation.judge import curve, report
from lightcone.model.evaluation.judge.clips import Clip, context_frames
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Frames, Judged, NotJudged, Reseeded
from lightcone.model.evaluation.judge.rollouts import LENGTHS, last_seen
from lightcone.model.evaluation.judge.senses.pictures import gradient_energy, psnr
from lightcone.model.evaluation.judge.sheet import frames_beside_truth
from lightcone.model.evaluation.judge.tally import Tally
from lightcone.model.evaluation.judge.truth import Played, fitted
from lightcone.model.interface import ModelError, WorldInfo
from lightcone.model.recordings.scan import Recordings, scan
from lightcone.model.training.avdit.export import hours_of

FORCED, BEST, SHARPNESS = "teacher_forced_psnr_db", "best_of_n_psnr_db", "sharpness"
SHORT = min(LENGTHS)  # frames that are teacher-forced, and of the runs for the best of n
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


def judge(model: Judged, world: str, found: Sequence[Clip], plan: Plan) -> dict[str, Any]:
    """Means over the clips, by denoising steps, with `trivial` and `ceiling` beside. Shows a
    progress bar."""
    tally = Tally()
    for one in tqdm(found, unit="clip", disable=None):
        _judge_clip(tally, model, world, one, plan)
    out = {who: _figures(tally, who) for who in ("trivial", "ceiling")}
    return {"steps": {f"{n}": _figures(tally, f"{n}") for n in sorted(model.steps)}, **out}


def _judge_clip(tally: Tally, model: Judged, world: str, one: Clip, plan: Plan) -> None:
    true = one.truth
    codec = Candidate(model, world).codec(one).frames
    last = np.repeat(one.played.frames[one.context - 1][None], len(true), 0)
    _judge_rollout(tally, "trivial", last, true.frames)
    _judge_rollout(tally, "ceiling", codec, true.frames)
    for steps in sorted(model.steps):
        candidate, who = Candidate(model, world, steps), f"{steps}"
        begun = candidate.after_context(one)
        forced, lengths = candidate.forced(begun, true, SHORT)
        _judge_forced(tally, who, forced, true.frames)
        if steps == min(model.steps):
            _judge_forced(tally, "trivial", last_seen(one, lengths), true.frames)
            _judge_forced(tally, "ceiling", codec[: len(forced)], true.frames)
        made = candidate.free(begun, true.actions).frames
        _judge_rollout(tally, who, made, true.frames)
        if isinstance(model, Reseeded):
            best = _psnr(made[:SHORT], true.frames)
            for other in range(1, plan.tries):
                again = model.reseeded(begun, other)
                tried = candidate.free(again, true.actions[:SHORT]).frames
                best = max(best, _psnr(tried, true.frames))
            tally.add(who, BEST, best)
        candidate.let_go(begun)


def _judge_forced(tally: Tally, who: str, made: Frames, true: Frames) -> None:
    tally.add(who, FORCED, _psnr(made, true))


def _judge_rollout(tally: Tally, who: str, made: Frames, true: Frames) -> None:
    for length in LENGTHS:
        tally.add(who, f"{length}", _psnr(made[:length], true))
    tally.add(who, SHARPNESS, gradient_energy(made) / max(gradient_energy(true), 1e-9))


def _psnr(made: Frames, true: Frames) -> float:
    return float(psnr(made, true).mean())


def _figures(tally: Tally, who: str) -> dict[str, Any]:
    return {
        FORCED: tally.mean(who, FORCED),
        "rollout_psnr_db": {f"{n}": tally.mean(who, f"{n}") for n in LENGTHS},
        BEST: tally.mean(who, BEST),
        SHARPNESS: tally.mean(who, SHARPNESS),
    }


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    try:
        data = _curve(args) if args.run is not None else _judged(args)
    except ModelError as error:
        parser.exit(1, f"lightcone evaluate: {error}\n")
    if args.json:
        print(json.dumps(report.plain(data), indent=1))
    else:
        print(curve.lines(data) if args.run is not None else _table(data))
    if args.sheet is not None:
        print(args.sheet, file=sys.stderr)
    return 0


def _curve(args: argparse.Namespace) -> dict[str, Any]:
    """Of all weights that a run has kept, each judged on the same clips."""
    points = []
    for folder in curve.weights_of(args.run):
        one = argparse.Namespace(**vars(args) | {"weights": folder, "sheet": None})
        points.append({"hours": hours_of(folder), **_judged(one)})
    if args.sheet is not None:
        curve.draw(args.sheet, points)
    return {"run": str(args.run), "curve": points}


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
        FORCED: "teacher-forced, dB",
        "16": "16 frames, dB",
        "64": "64 frames, dB",
        BEST: "best of n, dB",
        SHARPNESS: "sharpness",
    }
    named = [
        ("last frame", data["trivial"]),
        *((f"{steps} steps", figures) for steps, figures in data["steps"].items()),
        ("codec", data["ceiling"]),
    ]
    lines = ["  ".join(f"{head:>18}" for head in ("", *columns.values()))]
    for name, figures in named:
        flat = {**figures, **figures["rollout_psnr_db"]}
        numbers = [report.number(flat[key]) for key in columns]
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
    parser.add_argument(
        "--run",
        type=Path,
        help="a folder of lightcone train avdit: figures against its hours, of the weights that "
        "it kept on the way; --sheet draws them",
    )
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
