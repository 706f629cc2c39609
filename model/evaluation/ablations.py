"""`python -m lightcone.model.evaluation.ablations`: what each part of the avdit family is good for.

Small trainings that differ in one thing, on the codecs and the encoded play of a run that exists,
each with every seed, judged on recordings that none of them saw. What is done is kept, so the same
command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.evaluation.judge import recorded, report
from lightcone.model.families.avdit.entry import read_config
from lightcone.model.families.avdit.model import AvditModel
from lightcone.model.families.avdit.network.config import SIZES, AvditConfig
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.interface import ModelError
from lightcone.model.recordings.scan import scan
from lightcone.model.training.avdit.beginning import numbers_of, vocabulary
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.export import export
from lightcone.model.training.avdit.kept import load_codecs, load_scenery, used
from lightcone.model.training.avdit.latents import EncodedPlay, encode
from lightcone.model.training.avdit.shapes import WIDEST_REACH, shapes
from lightcone.model.training.avdit.source import Source, open_source
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.parallel import Group

RESULT = "result.json"


@dataclass(frozen=True)
class Variant:
    """What differs from the family as it is. All are trained on as many chunks a step."""

    numbers: bool = True
    scenery: bool = True
    action_tokens: bool = True
    rollout: float = Recipe.rollout
    window_seconds: float | None = None
    width: float = 1.0  # over the size's own
    operators: int | None = None
    turning: bool = True
    chance: bool = False

    def config(self, c: AvditConfig, fps: int) -> AvditConfig:
        changed: dict[str, Any] = {"action_tokens": self.action_tokens}
        if not self.numbers:
            changed |= {"numbers": 0, "angles": (), "positions": ()}
        if not (self.numbers and self.scenery):
            changed["scenery"] = 0
        if not (self.numbers and self.scenery and self.turning):
            changed |= {"turning": 0, "reach": WIDEST_REACH}
        if self.chance:
            changed["chance"] = True
        if self.window_seconds is not None:
            changed["window"] = max(2, round(self.window_seconds * fps / c.frames))
        if self.width != 1.0:
            heads = max(1, round(c.heads * self.width))
            changed |= {"width": c.width // c.heads * heads, "heads": heads}
        if self.operators is not None:
            changed["operators"] = self.operators
        return replace(c, **changed)

    def recipe(self, c: AvditConfig, base: Recipe) -> Recipe:
        """A window that is shorter than a clip is trained on clips as long as the window."""
        chunks = min(base.chunks, c.window + 1)
        batch = max(1, base.batch * base.chunks // chunks)
        long = base.long if chunks == base.chunks else 0.0
        return replace(base, chunks=chunks, batch=batch, long=long, rollout=self.rollout)


VARIANTS: Mapping[str, Variant] = {
    "as it is": Variant(),
    "no numbers": Variant(numbers=False),
    "no scenery": Variant(scenery=False),
    "no turning": Variant(turning=False),
    "energy score": Variant(chance=True),
    "no own context": Variant(rollout=0.0),
    "actions by AdaLN alone": Variant(action_tokens=False),
    "window 0.5 s": Variant(window_seconds=0.5),
    "window 2 s": Variant(window_seconds=2.0),
    "half the width": Variant(width=0.5),
    "twice the width": Variant(width=2.0),
    "one operator": Variant(operators=1),
}


@dataclass(frozen=True)
class Base:
    """What all variants have in common."""

    source: Source
    config: AvditConfig
    numbers: Numbers
    words: tuple[str, ...]
    picture: VideoCodec
    sound: SoundCodec | None
    play: EncodedPlay
    run: Path

    @staticmethod
    def of(run: Path, recordings: Path, size: str) -> Base:
        """Raises ModelError."""
        source = open_source(recordings)
        numbers, words = numbers_of(source), vocabulary(source)
        config, video, heard = shapes(source.info, size, numbers, len(words))
        scenery = read_config(run / "weights")["transformer"]["scenery"]  # of whatever size
        config = replace(config, scenery=scenery)
        picture = VideoCodec(video)
        sound = None if heard is None else SoundCodec(heard)
        load_codecs(picture, sound, run)
        folder = run / "cache" / "latents"
        play = encode(source, config, picture, sound, numbers, words, folder, used(run))
        return Base(source, config, numbers, words, picture, sound, play, run)


def ablate(
    base: Base, variant: Variant, out: Path, recipe: Recipe, steps: int, seed: int
) -> AvditModel | None:
    """The trained variant; None where it was stopped."""
    c = variant.config(base.config, base.source.info.fps)
    play, numbers = base.play, base.numbers
    if not variant.numbers:
        numbers = Numbers()
        play = replace(play, numbers=np.zeros((len(play), c.frames, 0), np.float32))
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    model = Transformer(c)
    load_scenery(model, base.run)
    trained = train_transformer(
        model, ClipSampler(play, c, seed * 1_009), Emphasis.of(play, base.picture, c),
        out / "transformer.pt", Budget(steps=steps), variant.recipe(c, recipe),
        torch.device("cpu"), Group(), seed, out / "loss.jsonl",
    )  # fmt: skip
    if not trained:
        return None
    weights = export(
        out / "weights", out / "transformer.pt", Transformer(c), base.picture, base.sound,
        numbers, base.source.info, base.words, play, {"seed": seed},
    )  # fmt: skip
    return AvditModel({base.source.info.name: weights}, steps=4)


def run(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A result for each variant and seed that is done. Raises ModelError."""
    base = Base.of(args.run, args.recordings, args.size)
    held_out = scan(args.held_out)
    plan = recorded.Plan(clips=args.clips)
    recipe = Recipe(args.batch, args.chunks)
    results: list[dict[str, Any]] = []
    for seed in args.seeds:
        for name in args.variants:
            out = args.out / f"{name.replace(' ', '-')}-{seed}"
            kept = out / RESULT
            if not kept.exists():
                print(f"{name}, seed {seed}")
                model = ablate(base, VARIANTS[name], out, recipe, args.steps, seed)
                if model is None:
                    return results
                world = base.source.info.name
                found = list(recorded.clips(held_out, model.worlds[world], plan))
                figures = recorded.judge(model, world, found, plan)
                kept.write_text(json.dumps(report.plain(figures)))
            figures = json.loads(kept.read_text())
            results.append({"variant": name, "seed": seed, **figures})
    return results


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Of Markdown: for each variant and number of denoising steps what each seed gave."""
    lines = [
        "| variant | steps | teacher-forced, dB | 16 frames, dB | 64 frames, dB | sharpness |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(result["variant"] for result in results):
        seeds = [result["steps"] for result in results if result["variant"] == name]
        for steps in seeds[0]:
            rows = [
                [f["teacher_forced_psnr_db"], *f["rollout_psnr_db"].values(), f["sharpness"]]
                for f in (seed[steps] for seed in seeds)
            ]
            columns = zip(*rows, strict=True)
            cells = " | ".join(" / ".join(f"{value:.2f}" for value in each) for each in columns)
            lines.append(f"| {name} | {steps} | {cells} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="ablations", description=__doc__)
    out.add_argument("--run", type=Path, required=True, help="of lightcone train avdit")
    out.add_argument("--recordings", type=Path, required=True, help="which it was trained on")
    out.add_argument("--held-out", type=Path, required=True, help="recordings that it did not see")
    out.add_argument("--out", type=Path, required=True)
    out.add_argument("--steps", type=int, default=300, help="of each training")
    out.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    out.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=tuple(VARIANTS))
    out.add_argument(
        "--size",
        choices=tuple(SIZES),
        default="small",
        help="of the transformer; codecs and scenery are the run's",
    )
    out.add_argument("--batch", type=int, default=Recipe.batch)
    out.add_argument("--chunks", type=int, default=Recipe.chunks)
    out.add_argument("--clips", type=int, default=8)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser()
    args = arguments.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        print(table(run(args)))
    except ModelError as error:
        arguments.exit(1, f"ablations: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
