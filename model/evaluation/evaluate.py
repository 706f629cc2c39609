"""`lightcone evaluate`: how good is a world? Three judges, by their flags.

`--world NAME` holds it against its truth, a game or a simulator (model/evaluation/judge);
`--recordings DIR` against recorded play. `--own-measures` measures what neither of them does, of
the simulated worlds of the staged family alone: memory after turning away, prompts obeyed, laws. It
knows the model from inside: it begins from given facts, is partly teacher-forced, and in the pond
and the corridors holds the model to its own facts; `--only` chooses others of the same kind.
Beside each figure stands what a trivial answer gets (repeat the last frame, the average frame,
silence) and the ceiling: what the simulator's own pictures and sound get from the same measure.
What each is, its module in model/evaluation/measures says. Seeds are such as training never saw
(training draws its worlds from other streams of random numbers altogether).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.evaluation import report
from lightcone.model.evaluation.findings import Findings
from lightcone.model.evaluation.judge import command as generated
from lightcone.model.evaluation.judge import recorded
from lightcone.model.evaluation.measures.endurance import endurance
from lightcone.model.evaluation.measures.fidelity import fidelity
from lightcone.model.evaluation.measures.hearing import hearing
from lightcone.model.evaluation.measures.memory import memory
from lightcone.model.evaluation.measures.physics import physics
from lightcone.model.evaluation.measures.prompting import prompting
from lightcone.model.evaluation.measures.response import response
from lightcone.model.evaluation.play import Learned
from lightcone.model.evaluation.seeds import parse_seeds
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import ModelError
from lightcone.model.simulators.catalogue import SIMULATED

MEASURES = ("fidelity", "response", "physics", "memory", "hearing", "prompts", "endurance")
UNJUDGED = ("physics", "memory", "prompts")  # what the judge by the truth does not measure
OWN = "--own-measures"
FEW = 8  # worlds of measures that take many steps


def judge(
    learned: Learned,
    reader: Reader,
    seeds: list[int],
    only: list[str],
    minutes: float,
    runs: int,
) -> tuple[Findings, dict[str, float]]:
    """All figures of a world, and the seconds that each measure took."""
    name, few = learned.name, seeds[:FEW]
    measures: dict[str, Callable[[], Findings]] = {
        "fidelity": lambda: fidelity(learned, seeds),
        "response": lambda: response(name, learned, few),
        "hearing": lambda: hearing(learned, seeds),
        "physics": lambda: physics(name, learned, reader, few),
        "prompts": lambda: prompting(learned, reader, seeds),
        "endurance": lambda: endurance(name, learned, reader, seeds, minutes, runs),
    }
    if name == "corridors":
        measures["memory"] = lambda: memory(learned, few)
    found, took = Findings(), {}
    for measure in MEASURES:
        if measure in only and measure in measures:
            began = time.monotonic()
            found += measures[measure]()
            took[measure] = round(time.monotonic() - began, 1)
    return found, took


def _among(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        wrong = [name for name in names if name not in known]
        if wrong:
            message = f"'{', '.join(wrong)}' is not known (known: {', '.join(known)})"
            raise argparse.ArgumentTypeError(message)
        return names

    return parse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lightcone evaluate", description=__doc__)
    every = list(SIMULATED)
    parser.add_argument(OWN, action="store_true", help="these measures, not the judge's")
    parser.add_argument("--worlds", "--world", type=_among(SIMULATED), default=every)
    parser.add_argument("--only", type=_among(MEASURES), default=list(UNJUDGED))
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("1000:1016"))
    parser.add_argument("--steps", type=int, choices=(1, 2, 4), default=1)
    parser.add_argument("--minutes", type=float, default=10, help="of long runs")
    parser.add_argument("--runs", type=int, default=1, help="long runs of each world, at once")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    parser.add_argument("--report", type=Path, help="folder of a page with plots and pictures")
    return parser


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if recorded.wanted(argv):
        return recorded.main(argv)
    if OWN not in argv:
        return generated.main(argv)
    parser = _parser()
    args = parser.parse_args(argv)
    if args.minutes <= 0 or not 0 < args.runs <= len(args.seeds):
        parser.error("--minutes has to be positive, and --runs between 1 and the number of seeds")
    found: dict[str, Findings] = {}
    took: dict[str, dict[str, float]] = {}
    try:
        weights = Weights.load(args.weights)
        model = StagedModel(weights, args.worlds, steps=args.steps, device=args.device)
        for name in args.worlds:
            print(f"{name}:", file=sys.stderr)
            found[name], took[name] = judge(
                Learned(model, name), weights.reader, args.seeds, args.only, args.minutes, args.runs
            )
            if not args.json:
                print(f"\n{name}\n{report.lines(found[name].figures)}")
                print("  seconds: " + ", ".join(f"{k} {v}" for k, v in took[name].items()))
    except ModelError as error:
        parser.exit(1, f"lightcone evaluate: {error}\n")
    settings: dict[str, Any] = {
        "seeds": f"{args.seeds[0]}..{args.seeds[-1]}",
        "steps": args.steps,
        "minutes": args.minutes,
        "runs": args.runs,
    }
    data = {
        **settings,
        "worlds": {
            name: {"seconds": took[name], "figures": report.as_data(findings.figures)}
            for name, findings in found.items()
        },
    }
    if args.json:
        print(json.dumps(data, indent=1))
    if args.report:
        page = report.write(args.report, found, settings)
        (args.report / "figures.json").write_text(json.dumps(data, indent=1) + "\n")
        print(f"{page}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
