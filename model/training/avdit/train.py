"""`lightcone train avdit --recordings DIR --out RUN --hours H`: a world from recordings of play.

Four stages in one run: the codecs of picture and sound, the recordings as latents, the scenery of
recordings with numbers and how it turns, and the transformer; with `--critic` a fifth, its decoder.
It shows one bar at a time with what is left, keeps a page of the losses (RUN/loss.html), can be
stopped at any moment and goes on with the same command; with a longer `--hours` a finished training
goes on too, with the codecs it has. RUN/weights can be served while the transformer is trained.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import SIZES
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.weights import Weights
from lightcone.model.interface import ModelError
from lightcone.model.runtime.checkpoint import load_module
from lightcone.model.runtime.precision import usable_device
from lightcone.model.training.avdit import codecs, kept
from lightcone.model.training.avdit.beginning import Beginning, fresh, trained_before
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.dry_run import dry_run
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.export import export, mark
from lightcone.model.training.avdit.latents import EncodedPlay, encode
from lightcone.model.training.avdit.made import MadePool
from lightcone.model.training.avdit.page import write_page
from lightcone.model.training.avdit.pool import PicturePool
from lightcone.model.training.avdit.scenery import train_scenery
from lightcone.model.training.avdit.sharpen import sharpen
from lightcone.model.training.avdit.source import Source, TrainingError, open_source
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.avdit.turning import train_turning
from lightcone.model.training.parallel import Group

LOG, SPENT = "loss.jsonl", "spent.json"
_PICTURE_SHARE, _SOUND_SHARE, _LATENT_SHARE = 0.2, 0.06, 0.25  # of the time, at most
_PICTURE_MOST, _SOUND_MOST = 1800.0, 600.0  # seconds; more hardly helps
_SCENERY_SHARE, _SCENERY_MOST = 0.08, 900.0
_TURNING_SHARE, _TURNING_MOST = 0.03, 300.0
_DECODER_SHARE, _DECODER_MOST = 0.1, 1800.0
_GROUPS_A_SECOND = 8  # of frames for the codec


@dataclass(frozen=True)
class Plan:
    """How long each stage may take, in seconds of wall time of all runs together."""

    total: float | None  # None where steps alone decide
    steps: int | None
    critic: bool  # whether the decoder is trained against one at the end
    picture: float | None = None  # seconds of the picture's codec, where they were asked for

    def part(self, share: float, most: float) -> Budget:
        return Budget(seconds=most if self.total is None else min(most, share * self.total))

    def codec(self) -> Budget:
        """Of the picture."""
        if self.picture is not None:
            return Budget(seconds=self.picture)
        return self.part(_PICTURE_SHARE, _PICTURE_MOST)

    def transformer(self, spent: float) -> Budget:
        """`spent` by the stages before it."""
        after = 0.0
        if self.critic:
            after = self.part(_DECODER_SHARE, _DECODER_MOST).seconds or 0.0
        seconds = None if self.total is None else max(self.total - spent - after, 1.0)
        return Budget(seconds=seconds, steps=self.steps)


class Spent:
    """Seconds that stages took, kept in the run's folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._seconds: dict[str, float] = json.loads(path.read_text())
        except (OSError, ValueError):
            self._seconds = {}

    def add(self, stage: str, seconds: float) -> None:
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds
        self._path.write_text(json.dumps(self._seconds))

    @property
    def total(self) -> float:
        return sum(self._seconds.values())


def train(args: argparse.Namespace) -> bool:
    """All that is left to do; returns False where it was stopped. Raises ModelError."""
    device = usable_device(args.device)
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    group = Group()
    if args.shard and group.size == 1:
        raise TrainingError("--shard spreads weights over processes, but torchrun started only one")
    out: Path = args.out
    if not args.dry_run:
        out.mkdir(parents=True, exist_ok=True)
    spent = Spent(out / SPENT)
    hours = args.hours if args.hours is not None else (args.minutes or 0) / 60
    picture_minutes: float | None = args.picture_minutes
    plan = Plan(
        hours * 3600 or None, args.steps, args.critic,
        None if picture_minutes is None else picture_minutes * 60,
    )  # fmt: skip
    source = open_source(args.recordings)
    if group.leads:
        print(source.summary)
    if args.base is None:
        start = fresh(source, args.size, args.numbers, args.window_seconds, args.sample)
    else:
        start = trained_before(args.base, source)
    config, picture, sound = start.config, start.picture, start.sound
    recipe = Recipe(
        args.batch, args.chunks, rollout=args.rollout, compiled=args.compile, sharded=args.shard
    )
    if args.dry_run:
        for line in dry_run(config, recipe, group, device, source.frames):
            if group.leads:
                print(line)
        group.close()
        return True

    def encoded(episodes: int) -> EncodedPlay:
        cache = out / "cache" / "latents"
        return encode(source, config, picture, sound, start.numbers, start.words, cache, episodes)

    whole, most = True, len(source.episodes)
    if group.leads:
        began = time.monotonic()
        whole = _codecs(start, source, plan, args, out)
        spent.add("codecs", time.monotonic() - began)
        if whole:
            began = time.monotonic()
            if plan.total is not None:
                most = _chosen(out, source, picture, plan.total * _LATENT_SHARE)
            encoded(most)
            spent.add("latents", time.monotonic() - began)
    if not group.agree(whole):
        return False
    most = int(group.agree(most))
    if not group.leads and start.before is None:
        kept.load_codecs(picture, sound, out)
    play = encoded(most)
    model = start.transformer(args.seed)
    begun = group.agree((out / kept.TRANSFORMER).exists())  # whose scenery stays as it is
    if start.before is None and not begun:
        if group.leads:
            began = time.monotonic()
            whole = _scenery(model, start, play, source, plan, args, out)
            spent.add("scenery", time.monotonic() - began)
        if not group.agree(whole):
            return False
        kept.load_scenery(model, out)
    sampler = ClipSampler(play, config, args.seed * 1_009 + group.rank)
    log = out / LOG

    def keep() -> None:
        trained: dict[str, Any] = {
            "recordings": source.summary,
            "hours of play": round(len(play) * config.frames / source.info.fps / 3600, 3),
            "seed": args.seed,
            "command": " ".join(["lightcone train avdit", *args.given]),
        }
        if start.before is not None:
            trained["from"] = start.before.trained
        export(
            out / "weights", out / kept.TRANSFORMER, Transformer(config), picture, sound,
            start.numbers, source.info, start.words, play, trained, spent.total,
        )  # fmt: skip
        mark(out, out / "weights")
        write_page(log, out / "loss.html")

    whole = train_transformer(
        model, sampler, Emphasis.of(play, picture, config), out / kept.TRANSFORMER,
        plan.transformer(spent.total), recipe, device, group, args.seed, log,
        keep if group.leads else None,
    )  # fmt: skip
    if group.leads:
        keep()
        if whole and plan.critic:
            pool = _pool(source, picture, plan, args.seed, out)
            served = Weights.load(out / "weights")
            trained = "{steps} {seconds}".format(**served.trained)
            made = MadePool(
                served.transformer, trained, play, source, len(pool),
                out / "cache", args.seed,
            )  # fmt: skip
            budget = plan.part(_DECODER_SHARE, _DECODER_MOST)
            whole = sharpen(picture, pool, made, out / kept.DECODER, budget, args.seed, log)
            keep()
        print(f"{out / 'weights'}: {'finished' if whole else 'so far'}")
    group.close()
    return whole


def _codecs(
    start: Beginning, source: Source, plan: Plan, args: argparse.Namespace, out: Path
) -> bool:
    """Train those that were not trained before; returns False where it was stopped."""
    picture, sound = start.picture, start.sound
    if start.before is not None:
        if (out / kept.DECODER).exists():
            load_module(picture, out / kept.DECODER, "codec")
        return True
    if (out / kept.TRANSFORMER).exists():  # which knows these codecs' latents, no others
        kept.load_codecs(picture, sound, out)
        return True
    pool = _pool(source, picture, plan, args.seed, out)
    path, log = out / kept.PICTURE, out / LOG
    if not codecs.train_picture(picture, pool, path, plan.codec(), args.seed, log):
        return False
    picture.eval().requires_grad_(False)
    if sound is None:
        return True
    budget = plan.part(_SOUND_SHARE, _SOUND_MOST)
    whole = codecs.train_sound(sound, source, out / kept.SOUND, budget, args.seed, log)
    sound.eval().requires_grad_(False)
    return whole


def _scenery(
    model: Transformer,
    start: Beginning,
    play: EncodedPlay,
    source: Source,
    plan: Plan,
    args: argparse.Namespace,
    out: Path,
) -> bool:
    """Train what a place looks like and how that turns; returns False where it was stopped."""
    scenery, log = model.scenery, out / LOG
    if scenery is None:
        return True
    budget = plan.part(_SCENERY_SHARE, _SCENERY_MOST)
    if not train_scenery(
        scenery, play, start.config, start.picture, start.numbers, out / kept.SCENERY, budget,
        args.seed, log,
    ):  # fmt: skip
        return False
    if model.turning is None or scenery.place is None:
        return True
    pool = _pool(source, start.picture, plan, args.seed, out)
    budget = plan.part(_TURNING_SHARE, _TURNING_MOST)
    return train_turning(
        model.turning, scenery.place, play, pool, start.config, start.picture, out / kept.TURNING,
        budget, args.seed, log,
    )  # fmt: skip


def _pool(source: Source, picture: VideoCodec, plan: Plan, seed: int, out: Path) -> PicturePool:
    """As many groups of frames as a codec's training uses."""
    seconds = plan.codec().seconds
    assert seconds is not None
    count = int(min(codecs.POOL, max(64, seconds * _GROUPS_A_SECOND)))
    count = max(2, min(count, source.frames // picture.config.frames) // 2 * 2)
    return PicturePool(source, picture.config.frames, count, out / "cache/pictures.npy", seed)


def _chosen(out: Path, source: Source, codec: VideoCodec, seconds: float) -> int:
    """How many episodes the run uses: those that can be encoded in that time, as it was found
    first. How fast a machine is depends on what else it does, and a run that goes on is one run."""
    before = kept.used(out)
    if before is not None:
        return before
    fit = _within(source, codec, seconds)
    (out / kept.EPISODES).write_text(str(fit))
    return fit


@torch.inference_mode()
def _within(source: Source, codec: VideoCodec, seconds: float) -> int:
    """How many episodes can be encoded in that time."""
    group = codec.config.frames
    longest = max(source.episodes, key=len)
    taken = min(len(longest) // group, 24)
    if not taken:
        raise TrainingError(f"no episode is as long as {group} frames")
    began = time.monotonic()
    video = torch.from_numpy(longest.frames(0, taken * group)).permute(0, 3, 1, 2)
    for part in video.unflatten(0, (taken, group)).split(8):
        codec.encode(part)
    most = seconds * taken * group / (time.monotonic() - began)
    until = [*accumulate(map(len, source.episodes))]
    fit = max(1, sum(frames <= most for frames in until))
    if fit < len(until):
        print(f"{fit} of {len(until)} episodes are used: all would take too long here")
    return fit


def parser() -> argparse.ArgumentParser:
    cuda = torch.cuda.is_available()
    out = argparse.ArgumentParser(prog="lightcone train avdit", description=__doc__)
    out.set_defaults(given=())  # for the model card
    out.add_argument("--recordings", type=Path, required=True, help="a folder of recordings")
    out.add_argument("--out", type=Path, required=True, help="the folder of this run")
    out.add_argument("--minutes", type=float, help="of wall time, all stages and runs together")
    out.add_argument("--hours", type=float, help="the same, in hours")
    out.add_argument(
        "--dry-run", action="store_true", help="say what would be trained, and how fast it is here"
    )
    out.add_argument("--steps", type=int, help="of the transformer, at most")
    out.add_argument(
        "--picture-minutes",
        type=float,
        help="of the codec of pictures; by itself a fifth of the whole, at most 30",
    )
    out.add_argument("--size", choices=tuple(SIZES), default="small")
    out.add_argument("--batch", type=int, default=Recipe.batch, help="clips of a step")
    out.add_argument("--chunks", type=int, default=Recipe.chunks, help="of a clip")
    out.add_argument(
        "--rollout",
        type=float,
        default=Recipe.rollout,
        help="share of steps on the model's own context",
    )
    out.add_argument("--window-seconds", type=float, default=4.1, help="that the model remembers")
    out.add_argument(
        "--sample",
        action="store_true",
        help="train a single step to be a sample of what may come, not its mean: what moves stays, "
        "but needs a long training and 2 or 4 steps to look clean",
    )
    out.add_argument(
        "--no-numbers",
        dest="numbers",
        action="store_false",
        help="leave out the recordings' numbers",
    )
    out.add_argument(
        "--start-from",
        dest="base",
        type=Path,
        metavar="WEIGHTS",
        help="begin with the codecs and the transformer of these weights, and with their size, "
        "numbers and window",
    )
    out.add_argument(
        "--critic",
        action="store_true",
        help="train the picture's decoder against a critic at the end: sharper, but the grain that "
        "it makes up does not turn with the view",
    )
    out.add_argument("--seed", type=int, default=1)
    out.add_argument("--device", default="cuda" if cuda else "cpu")
    out.add_argument("--threads", type=int)
    out.add_argument(
        "--compile", action="store_true", help="by torch.compile, which needs a C++ compiler"
    )
    out.add_argument(
        "--shard",
        action="store_true",
        help="spread weights and optimizer over the processes of torchrun (FSDP2)",
    )
    return out


def main(argv: list[str] | None = None) -> int:
    arguments = parser()
    given = sys.argv[1:] if argv is None else argv
    args = arguments.parse_args(given, argparse.Namespace(given=given))
    if args.minutes is None and args.hours is None and args.steps is None and not args.dry_run:
        arguments.error("say how long: --minutes, --hours or --steps")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell has it ignored
        signal.signal(number, signal.default_int_handler)
    try:
        return 0 if train(args) else 130
    except KeyboardInterrupt:  # between stages, or while recordings are read
        print("lightcone train avdit: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except ModelError as error:
        arguments.exit(1, f"lightcone train avdit: {error}\n")


if __name__ == "__main__":
    raise SystemExit(main())
