"""Training of the transformer on a stream of freshly simulated, encoded clips of all worlds.

`lightcone train staged` or `python -m lightcone.model.training.train`; runs unchanged on CPU and
CUDA, shows rate and ETA, stops on Ctrl-C and resumes from its checkpoint, and keeps the exponential
moving average that `python -m lightcone.model.training.export` makes shippable weights of.

The recipe: x-prediction under diffusion forcing, where most chunks start from pure noise
(one-step generation is what a live world uses most). Later, in a share of the batches, the model
is unrolled: it makes one chunk after the other from its own, with its cache as when serving, and
the error against the simulator's truth is propagated back through all of them (prediction-dependent
transitions, Chiappa et al. 2017), over few chunks at first and over all of the window in the end.
Most of these begin as worlds do, from facts and a prompt alone, so that what words mean has to be
right from the first chunk on.
The worlds are all but deterministic, so the truth is what an exact prediction would have reached.
"""

from __future__ import annotations

import argparse
import copy
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
    TransformerConfig,
)
from lightcone.model.families.staged.network.kv_cache import Unrolled
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    ModelError,
    WeightsError,
)
from lightcone.model.runtime.checkpoint import (
    load_training,
    read,
    save_training,
)
from lightcone.model.runtime.precision import compute_dtype
from lightcone.model.training import loop
from lightcone.model.training.contact_sounds import (
    CLIPS,
    fit_contact_sounds,
)
from lightcone.model.training.latents import (
    Reservoir,
    TrainingBatch,
)
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group
from lightcone.model.training.resize import resized
from lightcone.model.training.trained import (
    keep_codecs,
    load_codecs,
    trained_config,
)

UNROLL_LEAST = 3  # chunks


@dataclass(frozen=True)
class Recipe:
    steps: int = 6000
    batch: int = 1  # sequences of each world, in each process
    chunks: int = 6
    height: int = DEFAULT_SIZE.height  # of the picture that is encoded, in pixels
    unroll: float = 0.6  # share of batches in which the model continues what it made itself
    afresh: float = 0.6  # share of these that begin from nothing
    unroll_from: float = 0.5  # of the training, over UNROLL_LEAST chunks
    unroll_full: float = 0.8  # of the training, over all chunks
    last_noise: float = 0.15  # largest noise on the previous chunk
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    ema: float = 0.99
    fresh: float = 0.3  # new clips a step
    capacity: int = 1200  # clips held
    prefill: int = 120
    ring_clips: int = CLIPS  # by which what contacts sound like is fitted
    compiled: bool = False  # by torch.compile, which needs a C++ compiler


Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Sequences:
    """Sequences of all worlds in one batch, and their scene; fields as in TrainingBatch."""

    picture: Tensor
    sound: Tensor
    last_picture: Tensor
    last_sound: Tensor
    scene: Scene

    @staticmethod
    def of(network: Network, parts: list[TrainingBatch]) -> Sequences:
        scenes = [
            network.scene(p.world, p.facts, network.prompt(p.prompts, p.share)) for p in parts
        ]
        names = ("picture", "sound", "last_picture", "last_sound")
        whole = {n: torch.cat([getattr(p, n) for p in parts]) for n in names}
        return Sequences(**whole, scene=Scene.cat(scenes))


def teacher_forced(
    transformer: nn.Module, batch: Sequences, recipe: Recipe, generator: torch.Generator
) -> tuple[Pair, Tensor]:
    """Predictions after the simulator's past, slightly blurred, and their noise levels (B, C).
    Half of the sinks are made from nothing, as worlds begin; the others are read."""
    device = batch.picture.device

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(device)

    def noise_like(x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=generator).to(device)

    size, chunks = batch.picture.shape[:2]
    draw = random(size, chunks)
    tau = torch.where(draw < 0.75, 0.0, torch.where(draw < 0.9, random(size, chunks), 1.0))
    begins = random(size) < 0.5
    tau[:, 0] = torch.where(begins, 0.0, 1.0)
    known = torch.ones(size, chunks, device=device)
    known[:, 0] = torch.where(begins, 0.0, 1.0)
    blur = recipe.last_noise * random(size, 1, 1, 1)
    last = (
        known[..., None, None, None] * batch.last_picture
        + blur[..., None] * noise_like(batch.picture),
        known[..., None, None] * batch.last_sound + blur * noise_like(batch.sound),
    )
    level = tau[:, :, None, None]
    noisy = (
        level[..., None] * batch.picture + (1 - level[..., None]) * noise_like(batch.picture),
        level * batch.sound + (1 - level) * noise_like(batch.sound),
    )
    return transformer(*noisy, *last, tau, batch.scene), tau


def unrolled(network: Network, batch: Sequences, afresh: bool) -> tuple[Pair, Tensor]:
    """Predictions of the sequences as the model itself continues them, one step each, and their
    noise levels (B, C): from their sink and what precedes their first chunk, or `afresh`,
    from nothing: then their sinks are made too, and precede the first chunk."""
    size, chunks = batch.picture.shape[:2]
    tau = batch.picture.new_zeros(size, chunks)
    cache = Unrolled(network.config)
    made: list[Pair] = []
    nothing = torch.zeros_like(batch.picture[:, :1]), torch.zeros_like(batch.sound[:, :1])
    noisy = last = nothing
    if not afresh:
        tau[:, 0] = 1.0
        noisy = batch.picture[:, :1], batch.sound[:, :1]
        last = batch.last_picture[:, :1], batch.last_sound[:, :1]
    for i in range(chunks):
        picture, sound = network.transformer(
            *noisy, *last, tau[:, i : i + 1], batch.scene.chunk(i), cache
        )
        made.append((picture, sound))
        noisy, last = nothing, made[-1]
        if i == 0 and not afresh:
            last = batch.last_picture[:, 1:2], batch.last_sound[:, 1:2]
    pictures, sounds = zip(*made, strict=True)
    return (torch.cat(pictures, 1), torch.cat(sounds, 1)), tau


def loss(
    predicted: Pair, tau: Tensor, batch: Sequences, shows: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """The x-prediction error, weighted by what moves and sounds; and the plain error of what was
    made from pure noise. `shows` (channels,): how much an error of each channel of a cell shows
    in the picture, 1 on average."""
    frames = batch.picture.shape[2] // len(shows)
    seen = shows.repeat(frames)[:, None, None]
    picture, sound = predicted
    learn = (tau < 1)[:, :, None, None].float()
    newest = batch.last_picture.chunk(frames, 2)[-1].repeat(1, 1, frames, 1, 1)
    motion = (seen * (batch.picture - newest).square()).mean(2)  # (B, C, h, w)
    alive = torch.maximum((motion / 0.1).clamp(max=1), batch.scene.busy.clamp(0, 1))
    alive = F.max_pool2d(alive, 3, stride=1, padding=1)
    weight = learn * (1 + 4 * alive)
    error = (seen * (picture - batch.picture).square()).mean(2)
    picture_loss = (weight * error).sum() / weight.sum()
    loudness = (batch.sound - batch.last_sound[:, :, -1:]).square().mean(-1, keepdim=True)
    weight = learn * (1 + 2 * loudness.clamp(max=1))
    sound_error = (sound - batch.sound).square()
    sound_loss = (weight * sound_error).sum() / (weight.sum() * sound_error.shape[-1])
    first = (tau == 0)[:, :, None, None].float()
    # The worlds stand one after the other.
    kinds = zip((first * error.detach()).chunk(3), first.chunk(3), strict=True)
    figures = {
        f"picture{i}": float(wrong.sum() / (count.sum() * error[0, 0].numel()))
        for i, (wrong, count) in enumerate(kinds)
        if count.any()
    }
    if first.any():
        figures["sound"] = float(
            (first * sound_error.detach()).sum() / (first.sum() * sound_error[0, 0].numel())
        )
    return picture_loss + 0.5 * sound_loss, figures


def unrolled_chunks(recipe: Recipe, progress: float) -> int:
    """How many chunks are unrolled at a point of the training; 0 for none."""
    grown = (progress - recipe.unroll_from) / (recipe.unroll_full - recipe.unroll_from)
    if grown < 0:
        return 0
    return round(UNROLL_LEAST + (recipe.chunks - UNROLL_LEAST) * min(grown, 1.0))


def begun(path: Path, size: PictureSize, start_from: Path | None) -> Network:
    """A network to go on with: like that in the checkpoint `path`, else that of the weights in
    `start_from` for pictures of `size`, else a fresh one. Raises WeightsError."""
    if path.exists():
        config = trained_config(path)
        if config.height != size.height:
            raise WeightsError(f"{path} encodes pictures {config.height} high, not {size.height}")
        return Network(config, known_words())
    if start_from is not None:
        before = Weights.load(start_from).network
        if before.knowledge != known_words():
            raise WeightsError(f"weights in {start_from} know other worlds, or other words")
        return resized(before, size).requires_grad_(True)
    return Network(TransformerConfig(height=size.height), known_words())


def hidden_matrices(network: Network) -> list[nn.Parameter]:
    """What Muon trains: the blocks of the transformer and the convolutions around them."""
    model = network.transformer
    stacks = (model.blocks, model.stem.layers, model.head.layers)
    return [p for stack in stacks for p in stack.parameters() if p.ndim >= 2]


def rate(step: int, steps: int) -> float:
    """Warm-up over 50 steps, constant, then a linear fall to 2 % over the last fifth (Hägele et al.
    2024, "Scaling laws and compute-optimal training beyond fixed training durations")."""
    warm = min(1.0, (step + 1) / 50)
    fall = min(1.0, (steps - step) / (0.2 * steps))
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
    size = PictureSize(recipe.height)
    codecs = load_codecs(folder, device, start_from or WEIGHTS_DIR)
    if group.leads:
        keep_codecs(folder, *codecs)
    path = folder / "transformer.pt"
    network = begun(path, size, start_from).to(device)
    if start_from is None and not path.exists() and group.leads:
        generator = torch.Generator().manual_seed(seed)
        fit_contact_sounds(network, codecs[1], generator, recipe.ring_clips)
    group.share(network)
    optimizer = MuonAdam(
        network,
        hidden_matrices(network),
        recipe.muon_lr,
        recipe.adam_lr,
        group,
        quick=network.tables,
    )
    step = load_training(path, network, optimizer)
    transformer: nn.Module = network.transformer
    if recipe.compiled:
        # Unrolled, the cache grows with each chunk: compiled, it would be so for every length.
        transformer = cast(nn.Module, torch.compile(transformer, dynamic=False))
    ema = copy.deepcopy(network.state_dict())
    if step:
        ema = read(path)["ema"]
        ema = {name: value.to(device) for name, value in ema.items()}
    generator = torch.Generator().manual_seed((seed * 1_000_003 + step) * 64 + group.rank)
    choices = torch.Generator().manual_seed(seed * 1_000_003 + step)  # the same in all processes
    kinds = len(network.worlds)
    reservoirs = [
        Reservoir(
            world, codecs, network.vocabulary, generator, device,
            recipe.capacity // group.size // kinds, size,
        )
        for world in network.worlds
    ]  # fmt: skip
    shows = codecs[0].std.square() / codecs[0].std.square().mean()
    quiet = not group.leads
    first = range(recipe.prefill // group.size)
    for i in tqdm(first, desc="first clips", unit="clip", disable=quiet):
        reservoirs[i % kinds].refresh(1)
    dtype = compute_dtype(device)
    owed, refreshed = 0.0, 0

    def advance(step: int) -> dict[str, float]:
        nonlocal owed, refreshed
        owed += recipe.fresh / group.size
        for _ in range(int(owed)):
            reservoirs[refreshed % kinds].refresh(1)
            refreshed += 1
        owed -= int(owed)
        unroll = unrolled_chunks(recipe, step / recipe.steps)
        if float(torch.rand((), generator=choices)) >= recipe.unroll:
            unroll = 0
        afresh = unroll > 0 and float(torch.rand((), generator=choices)) < recipe.afresh
        parts = [r.batch(recipe.batch, unroll or recipe.chunks, afresh) for r in reservoirs]
        optimizer.set_rate(rate(step, recipe.steps))
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            batch = Sequences.of(network, parts)
            if unroll:
                predicted, tau = unrolled(network, batch, afresh)
            else:
                predicted, tau = teacher_forced(transformer, batch, recipe, generator)
            value, figures = loss(predicted, tau, batch, shows)
        if unroll:
            kind = "afresh" if afresh else "unrolled"
            figures = {f"{kind} {name}": error for name, error in figures.items()}
        if not math.isfinite(float(value.detach())):
            raise FloatingPointError(f"the loss is not finite at step {step}")
        optimizer.zero_grad()
        value.backward()
        group.average_gradients(network.parameters())
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        decay = min(recipe.ema, (step + 1) / (step + 21))
        with torch.no_grad():
            for name, fast in network.state_dict().items():
                ema[name].lerp_(fast, 1 - decay)
        return {"loss": float(value.detach()), **figures}

    def save(step: int) -> None:
        if group.leads:
            save_training(path, network, optimizer, step, ema=ema, config=asdict(network.config))

    loop.run(advance, save, step=step, steps=recipe.steps, quiet=quiet)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lightcone train staged", description=__doc__)
    loop.arguments(
        parser,
        steps=Recipe.steps,
        batch=Recipe.batch,
        adam_lr=Recipe.adam_lr,
        muon_lr=Recipe.muon_lr,
    )
    parser.add_argument(
        "--start-from", type=Path, help="shipped weights to begin from, e.g. model/weights"
    )
    loop.picture_argument(parser)
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
        height=args.height,
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
        parser.exit(1, f"lightcone train staged: {error}\n")
    finally:
        group.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
