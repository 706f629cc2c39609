"""Stage 4: the transformer, on clips of encoded play."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import nn

from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.runtime.checkpoint import fitting, read, save_training
from lightcone.model.runtime.precision import compute_dtype
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.clips import Clips, ClipSampler
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.objective import Objective, loss
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group
from lightcone.model.training.sharding import Whole, part_of, shard, whole

KEEP_SECONDS = 300


@dataclass(frozen=True)
class Recipe:
    batch: int = 4  # clips of a step, of all processes together
    chunks: int = 24  # of a clip
    long: float = 0.25  # share of steps on clips twice as long, half as many: as long as the window
    rollout: float = 0.5  # share of steps with the model's own context
    rollout_from: float = 0.1  # of the training
    rollout_most: int = 3  # chunks in a row that are made for it
    muon_lr: float = 0.01
    adam_lr: float = 1e-3
    ema: float = 0.995
    compiled: bool = False
    sharded: bool = False  # the weights are spread over the processes
    objective: Objective = field(default_factory=Objective)


def train_transformer(
    model: Transformer,
    clips: ClipSampler,
    emphasis: Emphasis,
    path: Path,
    budget: Budget,
    recipe: Recipe,
    device: torch.device,
    group: Group,
    seed: int,
    log: Path,
    keep: Callable[[], None] | None = None,
) -> bool:
    """Train, or go on; returns False where it was stopped. Raises WeightsError, TrainingError.

    The checkpoint also holds `ema`, the moving average of the weights that is exported; `keep` is
    called every KEEP_SECONDS, after the checkpoint was written.
    """
    saved = read(path) if path.exists() else None
    if saved is not None:
        with fitting(path):
            model.load_state_dict(saved["module"])
    optimizer = prepared(model, recipe, device, group)
    ema = copy.deepcopy(model.state_dict())
    step, seconds = 0, 0.0
    if saved is not None:
        with fitting(path):
            optimizer.load_state_dict(saved["optimizer"])
            ema = {name: part_of(saved["ema"][name].to(device), ema[name]) for name in ema}
            step, seconds = int(saved["step"]), float(saved["seconds"])
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step * 101 + group.rank)
    choices = torch.Generator().manual_seed(seed * 7_919 + step)  # equal in all processes
    update = Update(model, optimizer, emphasis, recipe, device, group)

    def advance(point: Point) -> dict[str, float]:
        own = float(torch.rand((), generator=choices)) < recipe.rollout
        passes = 1 + int(torch.randint(recipe.rollout_most, (), generator=choices))
        if not own or point.progress < recipe.rollout_from:
            passes = 0
        length = recipe.chunks * (1 + (float(torch.rand((), generator=choices)) < recipe.long))
        length = min(length, clips.longest)
        each = max(1, recipe.batch * recipe.chunks // (length * group.size))
        batch = clips.batch(each, length)
        optimizer.set_rate(point.rate)
        figures = update(batch, generator, passes)
        decay = min(recipe.ema, (point.step + 1) / (point.step + 11))
        with torch.no_grad():
            for name, fast in model.state_dict().items():
                ema[name].lerp_(fast, 1 - decay)
        if passes:
            figures = {k if k == "loss" else f"own {k}": v for k, v in figures.items()}
        return figures

    kept_at = time.monotonic()

    def save(step: int, seconds: float) -> None:
        nonlocal kept_at
        kept, averages = (Whole(model), Whole(optimizer)), whole(ema)
        if group.leads:
            save_training(path, *kept, step, ema=averages, seconds=seconds)
        if keep is not None and time.monotonic() - kept_at > KEEP_SECONDS:
            keep()
            kept_at = time.monotonic()

    return run(
        "transformer",
        advance,
        save,
        budget,
        step=step,
        seconds=seconds,
        log=log if group.leads else None,
        quiet=not group.leads,
        agree=group.agree,
        save_at_stop=not recipe.sharded,  # one process alone cannot put the weights together
    )


def prepared(model: Transformer, recipe: Recipe, device: torch.device, group: Group) -> MuonAdam:
    """The model on its device, equal or spread over all processes, and its optimizer. Its scenery
    and how that turns stay as they are."""
    model.to(device)
    for part in (model.scenery, model.turning):
        if part is not None:
            part.requires_grad_(False)
    group.share(model)
    if recipe.sharded:
        shard(model, model.blocks, device)
    return MuonAdam(model, matrices(model), recipe.muon_lr, recipe.adam_lr, group)


class Update:
    """One step of the optimizer."""

    def __init__(
        self,
        model: Transformer,
        optimizer: MuonAdam,
        emphasis: Emphasis,
        recipe: Recipe,
        device: torch.device,
        group: Group,
    ) -> None:
        self._model, self._optimizer, self._group = model, optimizer, group
        self._network = cast(Transformer, torch.compile(model)) if recipe.compiled else model
        self._emphasis, self._device = emphasis.to(device), device
        self._objective, self._sharded = recipe.objective, recipe.sharded

    def __call__(
        self, clips: Clips, generator: torch.Generator, own_passes: int
    ) -> dict[str, float]:
        """The figures of the objective, the loss first. `own_passes`: see `objective.loss`."""
        dtype = compute_dtype(self._device)
        clips = _moved(clips, self._device)
        with torch.autocast(self._device.type, dtype=dtype, enabled=dtype != torch.float32):
            value, figures = loss(
                self._network, self._model.config, clips, self._emphasis, self._objective,
                generator, own_passes,
            )  # fmt: skip
        self._optimizer.zero_grad()
        value.backward()
        if not self._sharded:
            self._group.average_gradients(self._model.parameters())
        nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        self._optimizer.step()
        return {"loss": float(value.detach()), **figures}


def _moved(clips: Clips, device: torch.device) -> Clips:
    if device.type == "cpu":
        return clips
    return Clips(
        clips.clean.map(lambda x: x.to(device)),
        clips.before.map(lambda x: x.to(device)),
        clips.actions.to(device),
        clips.text.to(device),
    )


def matrices(model: Transformer) -> list[nn.Parameter]:
    """What Muon trains: the matrices of the blocks and the kernels of hidden convolutions."""
    hidden = ("stem.mix", "head.first", "head.second", "head.operators")
    return [
        p
        for name, p in model.named_parameters()
        if p.ndim >= 2
        and name.endswith("weight")
        and (name.startswith("blocks") or name.startswith(hidden))
    ]
