"""`lightcone evaluate --world NAME --seeds A:B`: a generated world against its truth, a game or a
simulator, stepped with the same seeds and actions. Free-running unless a figure says
teacher_forced; the best trivial answer and the ceiling of the codec stand beside each. What is done
is kept, so a run that was stopped goes on.

Other flags: `lightcone evaluate --recordings DIR --help` for recorded play, `lightcone evaluate
--own-measures --help` for memory, prompts and laws of the simulated worlds."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR, ModelSettings, open_model, world_info
from lightcone.model.evaluation.judge import report
from lightcone.model.evaluation.judge.protocol import Judged, NotJudged
from lightcone.model.evaluation.judge.run import Judge, Plan
from lightcone.model.evaluation.judge.senses.monsters import DETECTORS
from lightcone.model.evaluation.judge.senses.training import train
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.worlds import TRUTHS
from lightcone.model.evaluation.seeds import parse_seeds
from lightcone.model.interface import ModelError
from lightcone.model.recordings.flags import picture_size
from lightcone.model.simulators.catalogue import SIMULATED

_MOST_SEED = 2**31 - 1
_TRAINING_SIZE = (256, 192)


def main(argv: Sequence[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    if args.minutes < 0 or args.context <= 0 or args.long_seeds < 0:
        parser.error("--minutes and --long-seeds have to be 0 or more, --context above 0")
    if max(args.seeds) > _MOST_SEED:
        parser.error(f"seeds are at most {_MOST_SEED}")
    args.truth = args.truth or args.world
    if args.truth not in TRUTHS:
        known = ", ".join(TRUTHS)
        parser.error(f"'{args.world}' has no truth here (known: {known}): --truth, or --recordings")
    torch.set_num_threads(args.threads)
    try:
        if args.train_detector is not None:
            if args.truth in SIMULATED:
                parser.error("only games have monsters to detect")
            return _train(args)
        return _judge(args)
    except ModelError as error:
        parser.exit(1, f"lightcone evaluate: {error}\n")


def _judge(args: argparse.Namespace) -> int:
    info = world_info(args.world, args.weights)
    settings = ModelSettings(args.weights, device=args.device, action_guidance=args.action_guidance)
    if args.steps is not None:
        settings = replace(settings, steps=args.steps)
    model = open_model((args.world,), settings)
    if not isinstance(model, Judged):
        raise NotJudged(f"'{args.world}' cannot begin from a real moment, so it cannot be judged")
    steps = model.steps[0]
    plan = Plan(
        args.world,
        tuple(args.seeds),
        args.long_seeds,
        args.minutes,
        args.context,
        steps,
        args.truth,
    )
    truth = TRUTHS[args.truth]((info.width, info.height))
    detector = args.detector
    if detector is None:
        simulated = isinstance(truth, SimulatorTruth)
        detector = WEIGHTS_DIR if simulated else DETECTORS / f"{args.truth}.safetensors"
    try:
        judge = Judge(model, truth, plan, args.kept, detector if detector.exists() else None)
        with tqdm(total=plan.chunks(info), unit="chunk", disable=None, smoothing=0.05) as bar:
            tallies = judge.judge(bar.update)
        figures = report.report(tallies, f"{math.ceil(args.minutes)}" if args.minutes else "10")
        if args.sheet is not None:
            judge.sheet(args.sheet)
    finally:
        truth.close()
        model.close()
    data: dict[str, Any] = {
        "world": args.world,
        "seeds": [args.seeds[0], args.seeds[-1] + 1],
        "steps": steps,
        "minutes": args.minutes,
        "context_s": args.context,
        "fingerprint": model.fingerprint,
        **figures,
    }
    if args.json:
        print(json.dumps(report.plain(data), indent=1))
    else:
        print(report.lines(figures))
    if args.sheet is not None:
        print(args.sheet, file=sys.stderr)
    return 0


def _train(args: argparse.Namespace) -> int:
    episodes, steps = args.detector_episodes, args.detector_steps
    truth = TRUTHS[args.truth](_TRAINING_SIZE if args.size is None else args.size)
    try:
        with tqdm(total=episodes + steps, unit="step", disable=None, smoothing=0.05) as bar:
            detector, found = train(truth, episodes, steps, bar.update)
    finally:
        truth.close()
    detector.save(args.train_detector)
    print(f"{args.train_detector}: F1 {found.f1:.3f} on episodes it did not learn from")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lightcone evaluate", description=__doc__)
    parser.add_argument("--world", required=True)
    parser.add_argument("--truth", choices=tuple(TRUTHS), help="by default that of its name")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("0:16"), help="A:B or A,B")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, help="of denoising; by default the model's")
    parser.add_argument("--action-guidance", type=float, default=1.0, help="1: as learned")
    parser.add_argument("--context", type=float, default=2.0, help="true seconds before a clip")
    parser.add_argument("--minutes", type=float, default=10.0, help="of long runs; 0 for none")
    parser.add_argument("--long-seeds", type=int, default=2, help="seeds that run so long")
    parser.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    parser.add_argument("--sheet", type=Path, help="a picture of generated frames and the truth")
    parser.add_argument("--kept", type=Path, default=_cache(), help="folder of finished seeds")
    parser.add_argument(
        "--detector",
        type=Path,
        help="file of a detector of monsters, or folder of weights with a reader of the "
        "simulator's pictures; by default what ships",
    )
    parser.add_argument("--train-detector", type=Path, metavar="FILE", help="make one, then end")
    parser.add_argument("--detector-episodes", type=int, default=90)
    parser.add_argument("--detector-steps", type=int, default=1100)
    parser.add_argument("--size", type=picture_size, help="WIDTHxHEIGHT that a detector learns at")
    return parser


def _cache() -> Path:
    """As the XDG base directory specification has it."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "lightcone" / "judge"
