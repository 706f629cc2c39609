"""Training of the court's transformer on a stream of freshly simulated, encoded clips.

`lightcone train` or `python -m model.train`; runs unchanged on CPU and CUDA, shows rate and
ETA, stops on Ctrl-C and resumes from its checkpoint, and writes the exponential moving average
as shippable weights.

The recipe: x-prediction under diffusion forcing, where most chunks start from pure noise
(one-step generation is what a live world uses most). Later, in a share of the batches, the model
is unrolled: it makes one chunk after the other from its own, with its cache as when serving, and
the error against the simulator's truth is propagated back through all of them (prediction-dependent
transitions, Chiappa et al. 2017), over few chunks at first and over a whole second in the end. The
world is all but deterministic, so the truth is what an exact prediction would have reached.
"""

from __future__ import annotations

import argparse
import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model import loop
from model.cache import Unrolled
from model.cells import pick, put
from model.checkpoint import load_training, read, save_training
from model.codec import PictureCodec, PictureCodecConfig, SoundCodec, SoundCodecConfig
from model.config import TransformerConfig
from model.interface import ModelError
from model.latents import FRAMES, Reservoir, TrainingBatch
from model.muon import MuonAdam
from model.parallel import Group
from model.precision import compute_dtype
from model.registry import WEIGHTS_DIR
from model.sampler import STILL, settle
from model.scene import Scene, scene
from model.train_codecs import decoder_path
from model.transformer import Transformer
from model.world import LearnedWorld
from model.worlds.court.maps import Maps

UNROLL_LEAST = 4  # chunks


@dataclass(frozen=True)
class Recipe:
    steps: int = 1250
    batch: int = 8
    chunks: int = 12
    kept: int = 16  # picture tokens of a partial batch, of 48
    partial: float = 0.9  # share of partial batches
    unroll: float = 0.6  # share of batches in which the model continues what it made itself
    unroll_from: float = 0.45  # of the training, over UNROLL_LEAST chunks
    unroll_full: float = 0.8  # of the training, over all chunks
    last_noise: float = 0.15  # largest noise on the previous chunk
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    ema: float = 0.99
    fresh: float = 0.25  # new clips a step
    capacity: int = 1500  # clips held
    prefill: int = 160
    compiled: bool = False  # by torch.compile, which needs a C++ compiler


Pair = tuple[Tensor, Tensor]


def teacher_forced(
    model: Callable[..., Pair],
    batch: TrainingBatch,
    told: Scene,
    recipe: Recipe,
    generator: torch.Generator,
) -> tuple[Pair, Tensor]:
    """Predictions after the simulator's past, slightly blurred, and their noise levels (B, C)."""
    device = batch.picture.device

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(device)

    def noise_like(x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=generator).to(device)

    size, chunks = batch.picture.shape[:2]
    draw = random(size, chunks)
    tau = torch.where(draw < 0.7, 0.0, torch.where(draw < 0.85, random(size, chunks), 1.0))
    tau[:, 0] = 1.0
    blur = recipe.last_noise * random(size, 1, 1, 1)
    last = (
        batch.last_picture + blur * noise_like(batch.picture),
        batch.last_sound + blur * noise_like(batch.sound),
    )
    level = tau[:, :, None, None]
    truth = batch.picture, batch.sound
    noisy = [level * clean + (1 - level) * noise_like(clean) for clean in truth]
    return model(noisy[0], noisy[1], *last, tau, batch.actions, told, batch.places), tau


def unrolled(model: Transformer, batch: TrainingBatch, told: Scene) -> tuple[Pair, Tensor]:
    """Predictions of the sequences as the model itself continues them from their sink and what
    precedes their first chunk, one step each, and their noise levels (B, C). Places that are not
    trained on stay true."""
    frames = model.config.frames
    size, chunks = batch.picture.shape[:2]
    tau = batch.picture.new_zeros(size, chunks)
    tau[:, 0] = 1.0
    cache = Unrolled(model.config)
    made: list[Pair] = []
    last = batch.last_picture[:, :1], batch.last_sound[:, :1]
    for i in range(chunks):
        now = slice(i, i + 1)
        truth = batch.picture[:, now], batch.sound[:, now]
        noisy = truth if i == 0 else (torch.zeros_like(truth[0]), torch.zeros_like(truth[1]))
        picture, sound = model(
            *noisy, *last, tau[:, now], batch.actions[:, now], told[:, now], batch.places, cache
        )
        made.append((picture, sound))
        if i == 0:
            last = batch.last_picture[:, 1:2], batch.last_sound[:, 1:2]
        else:
            before = pick(last[0], batch.places)
            still = settle(picture[:, 0], before[:, 0], frames, STILL)
            last = put(still[:, None], batch.places, truth[0]), sound
    pictures, sounds = zip(*made, strict=True)
    return (torch.cat(pictures, 1), torch.cat(sounds, 1)), tau


def loss(predicted: Pair, tau: Tensor, batch: TrainingBatch) -> tuple[Tensor, dict[str, float]]:
    """The x-prediction error, weighted by what moves and sounds; and the plain error of what was
    made from pure noise."""
    picture, sound = predicted
    learn = (tau < 1)[:, :, None, None].float()
    true = pick(batch.picture, batch.places)
    before = pick(batch.last_picture, batch.places)
    before = before[..., true.shape[-1] // FRAMES :].repeat(1, 1, 1, FRAMES)
    motion = (true - before).square().mean(-1, keepdim=True)
    weight = learn * (1 + 4 * (motion / 0.1).clamp(max=1))
    error = (picture - true).square()
    picture_loss = (weight * error).sum() / (weight.sum() * error.shape[-1])
    loudness = (batch.sound - batch.last_sound[:, :, -1:]).square().mean(-1, keepdim=True)
    weight = learn * (1 + 2 * loudness.clamp(max=1))
    sound_error = (sound - batch.sound).square()
    sound_loss = (weight * sound_error).sum() / (weight.sum() * sound_error.shape[-1])
    first = (tau == 0)[:, :, None, None].float()
    figures = {
        "picture": float((first * error.detach()).sum() / (first.sum() * error[0, 0].numel())),
        "sound": float(
            (first * sound_error.detach()).sum() / (first.sum() * sound_error[0, 0].numel())
        ),
    }
    return picture_loss + 0.5 * sound_loss, figures


def unrolled_chunks(recipe: Recipe, progress: float) -> int:
    """How many chunks are unrolled at a point of the training; 0 for none."""
    grown = (progress - recipe.unroll_from) / (recipe.unroll_full - recipe.unroll_from)
    if grown < 0:
        return 0
    return round(UNROLL_LEAST + (recipe.chunks - UNROLL_LEAST) * min(grown, 1.0))


def load_codecs(folder: Path, device: torch.device) -> tuple[PictureCodec, SoundCodec]:
    """The codecs trained in a folder, else the shipped ones. Raises WeightsError."""
    if (folder / "picture.pt").exists() or (folder / "sound.pt").exists():
        picture = PictureCodec(PictureCodecConfig())
        sound = SoundCodec(SoundCodecConfig())
        for name, codec in (("picture", picture), ("sound", sound)):
            further = decoder_path(folder, name)
            saved = read(further if further.exists() else folder / f"{name}.pt")
            codec.load_state_dict(saved["module"])
    else:
        shipped = LearnedWorld.load(WEIGHTS_DIR / "court")
        picture, sound = shipped.picture.float(), shipped.sound.float()
    picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture.to(device).eval().requires_grad_(False)
    sound.to(device).eval().requires_grad_(False)
    return picture, sound


def hidden_matrices(model: Transformer) -> list[nn.Parameter]:
    stacks = (model.blocks, model.stem.layers, model.head.layers)
    return [p for stack in stacks for p in stack.parameters() if p.ndim >= 2]


def rate(step: int, steps: int) -> float:
    """Warm-up over 50 steps, constant, then a linear fall to 2 %."""
    warm = min(1.0, (step + 1) / 50)
    fall = (steps - step) / steps
    return warm * (0.02 + 0.98 * fall)


def train(
    folder: Path,
    recipe: Recipe,
    device: torch.device,
    seed: int,
    group: Group,
    start_from: Path | None = None,
) -> None:
    """Train in `folder`, from its checkpoint, else from the weights in `start_from`, else from
    nothing. Raises WeightsError."""
    picture, sound = load_codecs(folder, device)
    model = Transformer(TransformerConfig()).to(device)
    maps = Maps(*model.config.cells_shape).to(device)
    optimizer = MuonAdam(model, hidden_matrices(model), recipe.muon_lr, recipe.adam_lr, group)
    path = folder / "transformer.pt"
    if start_from is not None and not path.exists():
        model.load_state_dict(LearnedWorld.load(start_from).transformer.state_dict())
    step = load_training(path, model, optimizer)
    forward = torch.compile(model, dynamic=False) if recipe.compiled else model
    ema = copy.deepcopy(model).requires_grad_(False)
    if step:
        ema.load_state_dict(read(path)["ema"])
    generator = torch.Generator().manual_seed((seed * 1_000_003 + step) * 64 + group.rank)
    choices = torch.Generator().manual_seed(seed * 1_000_003 + step)  # the same in all processes
    reservoir = Reservoir(picture, sound, generator, device, recipe.capacity // group.size)
    quiet = not group.leads
    first = range(recipe.prefill // group.size)
    for _ in tqdm(first, desc="first clips", unit="clip", disable=quiet):
        reservoir.refresh(1)
    dtype = compute_dtype(device)
    owed = 0.0

    def chance() -> float:
        return float(torch.rand((), generator=choices))

    def advance(step: int) -> dict[str, float]:
        nonlocal owed
        owed += recipe.fresh / group.size
        reservoir.refresh(int(owed))
        owed -= int(owed)
        progress = step / recipe.steps
        partial = chance() < (recipe.partial if progress < 0.9 else 0.5)
        unroll = unrolled_chunks(recipe, progress)
        if chance() >= recipe.unroll:
            unroll = 0
        batch = reservoir.batch(
            recipe.batch // group.size, unroll or recipe.chunks, recipe.kept if partial else None
        )
        told = scene(maps, batch.last_state, batch.state, torch.float32)
        optimizer.set_rate(rate(step, recipe.steps))
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            if unroll:
                predicted, tau = unrolled(model, batch, told)
            else:
                predicted, tau = teacher_forced(forward, batch, told, recipe, generator)
            value, figures = loss(predicted, tau, batch)
        if unroll:
            figures = {f"unrolled {name}": error for name, error in figures.items()}
        if not math.isfinite(float(value.detach())):
            raise FloatingPointError(f"the loss is not finite at step {step}")
        optimizer.zero_grad()
        value.backward()
        group.average_gradients(model.parameters())
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay = min(recipe.ema, (step + 1) / (step + 21))
        with torch.no_grad():
            for slow, fast in zip(ema.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        return {"loss": float(value.detach()), **figures}

    def save(step: int) -> None:
        if group.leads:
            save_training(path, model, optimizer, step, ema=ema.state_dict())

    loop.run(advance, save, step=step, steps=recipe.steps, quiet=quiet)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lightcone train", description=__doc__)
    loop.arguments(
        parser,
        steps=Recipe.steps,
        batch=Recipe.batch,
        adam_lr=Recipe.adam_lr,
        muon_lr=Recipe.muon_lr,
    )
    parser.add_argument(
        "--start-from", type=Path, help="shipped weights to begin from, e.g. model/weights/court"
    )
    parser.add_argument(
        "--unroll", type=float, default=Recipe.unroll, help="share of unrolled batches"
    )
    parser.add_argument("--fresh", type=float, default=Recipe.fresh, help="new clips a step")
    parser.add_argument("--compile", action="store_true", help="by torch.compile: a fifth faster")
    args = parser.parse_args(argv)
    group = Group()
    recipe = Recipe(
        args.steps,
        batch=args.batch,
        unroll=args.unroll,
        fresh=args.fresh,
        muon_lr=args.muon_lr,
        adam_lr=args.adam_lr,
        compiled=args.compile,
    )
    try:
        device = loop.prepare(args)
        train(args.out, recipe, device, args.seed, group, args.start_from)
    except ModelError as error:
        parser.exit(1, f"lightcone train: {error}\n")
    finally:
        group.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
