"""Training of the reader of pictures on simulated ones:
`python -m lightcone.model.training.reader`.

Pictures are drawn a few at a time and used several times, each time blurred, noisy and lit a bit
otherwise, as generated ones are. In some a thing is taken away, in some there is a second one.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from lightcone.model.codecs.picture import to_signed
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.reading.readable import (
    in_view,
    readable,
)
from lightcone.model.families.staged.reading.reader import (
    Reader,
    Reading,
)
from lightcone.model.interface import ModelError
from lightcone.model.runtime.checkpoint import (
    load_training,
    read,
    save_training,
)
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.training import loop
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group

PICTURES_OF_A_WORLD, FRAMES_BETWEEN = 4, 10
ERASED, DOUBLED = 0.15, 0.15  # shares of pictures
_SIMULATED = 96  # worlds at once
_UNKNOWN = -1
_FAR = -9.0  # x of what is taken away


@dataclass(frozen=True)
class Labelled:
    """N pictures of one world and what they show, in the order of its `Readable`."""

    pictures: Tensor  # (N, 3, H, W) uint8
    points: Tensor  # (N, things, 2)
    counts: Tensor  # (N, things) long, -1 where it is not clear
    facts: Tensor  # (N, facts)
    known: Tensor  # (N, facts) 1 where they are seen, else 0
    attributes: Tensor  # (N, attributes) long, -1 where none applies

    def __getitem__(self, index: Tensor) -> Labelled:
        return Labelled(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    @staticmethod
    def cat(parts: list[Labelled]) -> Labelled:
        names = Labelled.__dataclass_fields__
        return Labelled(*(torch.cat([getattr(p, name) for p in parts]) for name in names))


@torch.no_grad()
def label(world: str, truth: Any, generator: torch.Generator, plain: bool = False) -> Labelled:
    """Draw and label all frames of trajectories; without things taken away or doubled where
    `plain`."""
    simulator, r = open_simulator(world), readable(world)
    frames = truth.strength.shape[1]
    states = truth.states.flatten()
    device, count = states.device, truth.strength.shape[:2].numel()
    facts = simulator.facts(truth).flatten(0, 1)

    def random(n: int = count) -> Tensor:
        return torch.rand(n, generator=generator).to(device)

    def draw(what: Any) -> Tensor:
        pictures: Tensor = simulator.render(_fold(what, frames)).flatten(0, 1)
        return pictures

    kind = torch.ones(count, device=device) if plain else random()
    erasable = [r.things.index(thing) for thing in r.erasable]
    there = in_view(r.middles(states))[:, erasable] == 1
    dice = random(count * len(erasable)).view(count, -1)
    chosen = (dice * there).argmax(1) if erasable else torch.zeros_like(kind)
    doubled_kind = (kind < ERASED + DOUBLED) & (kind >= ERASED)
    doubles = torch.zeros(count, len(r.things), dtype=torch.bool, device=device)
    for i, thing in enumerate(r.erasable):
        gone = (chosen == i) & (kind < ERASED)
        now = r.middles(states)[:, r.things.index(thing), 0]
        far = torch.full_like(now, _FAR)
        states = _where(gone, r.away(states, thing, far), states)
    pictures = draw(states)
    points = r.middles(states)
    seen = in_view(points)
    for i, thing in enumerate(r.erasable):
        twice = doubled_kind & (chosen == i)
        place = r.things.index(thing)
        other = r.away(states, thing, 0.1 + 1.13 * random())
        moved = r.middles(other)[:, place]
        apart = (moved - points[:, place]).abs().amax(-1) > 0.15
        twice &= apart & (in_view(moved) == 1) & (seen[:, place] == 1)
        if not twice.any():
            continue
        # Only whole worlds can be drawn; what is not doubled is left out again.
        worlds = twice.view(-1, frames).any(1).repeat_interleave(frames)
        second = draw(other[worlds]).float()
        none = draw(r.away(states, thing, torch.full_like(moved[:, 0], _FAR))[worlds]).float()
        both = pictures[worlds].float() + second - none
        mixed = pictures.clone()
        mixed[worlds] = both.clamp(0, 255).to(torch.uint8)
        pictures = torch.where(twice[:, None, None, None], mixed, pictures)
        doubles[:, place] = twice
    counts = torch.where(doubles, 2, seen.nan_to_num(_UNKNOWN).long())
    known = torch.ones(count, len(r.facts), device=device)
    for i, seen_on in enumerate(r.facts.values()):
        if seen_on is not None:
            known[:, i] = (counts[:, r.things.index(seen_on)] == 1).float()
    values = simulator.attributes(states[:, None])
    names = list(definition(world).words)
    picked = values[:, [names.index(name) for name in r.attributes]]
    needs = {"suit": "person", "paint": "board"}
    for i, name in enumerate(r.attributes):
        if name in needs:
            visible = counts[:, r.things.index(needs[name])] == 1
            picked[:, i] = torch.where(visible, picked[:, i], _UNKNOWN)
    return Labelled(pictures, points, counts, r.labels(states, facts), known, picked)


def _fold(value: Any, frames: int) -> Any:
    """Fields (B * T, ...) -> (B, T, ...), nested states too."""
    if isinstance(value, Tensor):
        return value.unflatten(0, (-1, frames))
    return type(value)(**{k: _fold(v, frames) for k, v in vars(value).items()})


def _where(mask: Tensor, yes: Any, no: Any) -> Any:
    """Field by field of states (N,)."""
    if isinstance(yes, Tensor):
        return torch.where(mask.view(-1, *[1] * (yes.ndim - 1)), yes, no)
    return type(yes)(**{k: _where(mask, v, vars(no)[k]) for k, v in vars(yes).items()})


def roughen(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (N, 3, H, W) uint8 as a model might show them, from -1 to 1: some blurred, some
    noisy, some a bit darker or lighter."""
    x = to_signed(pictures)

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(x.device)

    each = (len(x), 1, 1, 1)
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    x = torch.lerp(x, soft, random(*each) * (random(*each) < 0.5))
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    coarse = F.interpolate(noise[:, :, ::4, ::4], scale_factor=4.0)
    x = x + 0.06 * (random(*each) - 0.4).clamp_min(0) * (noise + coarse)
    light = 1 + 0.06 * (random(len(x), 3, 1, 1) - 0.5)
    return (x * light + 0.04 * (random(*each) - 0.5)).clamp(-1, 1)


def loss(reading: Reading, truth: Labelled) -> tuple[Tensor, dict[str, Tensor]]:
    """Of one world; the parts by name are without weights."""
    parts: dict[str, Tensor] = {}
    once = (truth.counts == 1).float()
    if reading.world.things:
        parts["where"] = _mean(_cross_entropy_at(reading.heat, truth.points), once)
        off = F.smooth_l1_loss(reading.points, truth.points, beta=0.01, reduction="none").sum(-1)
        parts["off"] = _mean(off.clamp(max=0.05), once)
        wrong = F.cross_entropy(
            reading.counts.flatten(0, 1), truth.counts.flatten(), ignore_index=_UNKNOWN
        )
        parts["counts"] = wrong
        read = torch.stack(list(reading.facts.values()), 1)
        error = F.smooth_l1_loss(read, truth.facts, beta=0.1, reduction="none")
        parts["facts"] = _mean(error, truth.known)
    words = [
        F.cross_entropy(logits, truth.attributes[:, i], ignore_index=_UNKNOWN, reduction="sum")
        for i, logits in enumerate(reading.attributes.values())
    ]
    parts["words"] = torch.stack(words).sum() / (truth.attributes >= 0).sum().clamp_min(1)
    weights = {"where": 0.5, "off": 30.0, "counts": 1.0, "facts": 1.0, "words": 1.0}
    total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
    return total, parts


def _cross_entropy_at(heat: Tensor, points: Tensor) -> Tensor:
    """Of maps of logits (N, K, h, w) against the four cells around each point (N, K, 2), by their
    nearness, so that the mean of an exact answer is the point: (N, K)."""
    h, w = heat.shape[-2:]
    logs = heat.flatten(2).log_softmax(-1)
    x = (points[..., 0] * w - 0.5).clamp(0, w - 1.001)
    y = (points[..., 1] * h - 0.5).clamp(0, h - 1.001)
    column, row = x.floor(), y.floor()
    total = torch.zeros_like(x)
    for down in (0, 1):
        for right in (0, 1):
            weight = (1 - (x - column - right).abs()) * (1 - (y - row - down).abs())
            cell = ((row + down) * w + column + right).long()
            total = total - weight * logs.gather(-1, cell[..., None])[..., 0]
    return total


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp_min(1)


class Pictures:
    """Labelled pictures of one world, the oldest replaced by fresh ones."""

    def __init__(
        self, world: str, generator: torch.Generator, device: torch.device, capacity: int
    ) -> None:
        self.world, self._generator, self._device = world, generator, device
        self._simulator = open_simulator(world)
        self._pending: list[Any] = []
        self._held: list[Labelled] = []
        self._capacity = capacity

    def refresh(self, worlds: int) -> None:
        """Draw that many more worlds, PICTURES_OF_A_WORLD of each."""
        if len(self._pending) < worlds:
            length = PICTURES_OF_A_WORLD * FRAMES_BETWEEN
            truth = self._simulator.random_trajectories(
                _SIMULATED, length, self._generator, self._device, skip=4
            )[:, FRAMES_BETWEEN // 2 :: FRAMES_BETWEEN]
            order = torch.randperm(_SIMULATED, generator=self._generator)
            self._pending += [truth[part] for part in order.split(1)]
        for _ in range(worlds):
            self._held.append(label(self.world, self._pending.pop(), self._generator))
        self._held = self._held[-self._capacity :]

    def batch(self, size: int) -> Labelled:
        """One of the pictures of each of `size` worlds."""
        parts = []
        for _ in range(size):
            world = self._held[self._integer(len(self._held))]
            at = torch.tensor([self._integer(PICTURES_OF_A_WORLD)], device=self._device)
            parts.append(world[at])
        return Labelled.cat(parts)

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self._generator))


@torch.inference_mode()
def accuracy(reader: Reader, world: str, truth: Labelled) -> dict[str, float]:
    """How well pictures of one world are read: the error of places in pixels (median, 95th
    percentile), the share of right counts and words, the error of facts."""
    reading = reader.read(world, truth.pictures)
    width, height = truth.pictures.shape[-1], truth.pictures.shape[-2]
    out: dict[str, float] = {}
    off = (reading.points - truth.points) * torch.tensor(
        [width, height], device=truth.points.device
    )
    for i, thing in enumerate(reading.world.things):
        error = off[truth.counts[:, i] == 1, i].norm(dim=-1)
        if len(error):
            out[f"{thing} px"] = float(error.median())
            out[f"{thing} px 95 %"] = float(error.quantile(0.95))
        sure = truth.counts[:, i] >= 0
        right = reading.counts[sure, i].argmax(-1) == truth.counts[sure, i]
        out[f"{thing} count"] = float(right.float().mean())
    for i, (name, value) in enumerate(reading.facts.items()):
        error = (value - truth.facts[:, i])[truth.known[:, i] > 0].abs()
        out[f"{name} error"] = float(error.mean())
    for i, (name, value) in enumerate(reading.values().items()):
        sure = truth.attributes[:, i] >= 0
        out[name] = float((value == truth.attributes[:, i])[sure].float().mean())
    return out


def reader_path(folder: Path) -> Path:
    return folder / "reader.pt"


def train(args: argparse.Namespace) -> None:
    """Raises ModelError."""
    device = loop.prepare(args)
    reader = Reader().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    hidden = [p for name, p in reader.named_parameters() if p.ndim == 4 and "heads" not in name]
    optimizer = MuonAdam(reader, hidden, args.muon_lr, args.adam_lr, Group())
    path = reader_path(args.out)
    step = load_training(path, reader, optimizer)
    ema = copy.deepcopy(reader.state_dict())
    if step:
        ema = {name: value.to(device) for name, value in read(path)["ema"].items()}
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
    pictures = {world: Pictures(world, generator, device, args.capacity) for world in SIMULATED}
    for world in tqdm(SIMULATED, desc="first pictures", unit="world"):
        pictures[world].refresh(args.batch * 2)

    def advance(step: int) -> dict[str, float]:
        for held in pictures.values():
            held.refresh(args.fresh)
        batches = {world: held.batch(args.batch) for world, held in pictures.items()}
        optimizer.set_rate(loop_rate(step, args.steps))
        readings = reader({w: roughen(b.pictures, generator) for w, b in batches.items()})
        total = torch.zeros((), device=device)
        figures: dict[str, float] = {}
        for world, batch in batches.items():
            value, parts = loss(readings[world], batch)
            total = total + value
            figures |= {f"{world[:2]} {k}": float(v.detach()) for k, v in parts.items()}
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 2.0)
        optimizer.step()
        decay = min(0.995, (step + 1) / (step + 21))
        with torch.no_grad():
            for name, fast in reader.state_dict().items():
                ema[name].lerp_(fast, 1 - decay)
        return figures

    def save(step: int) -> None:
        save_training(path, reader, optimizer, step, ema=ema)

    loop.run(advance, save, step=step, steps=args.steps)
    report(path, args, device)


def report(path: Path, args: argparse.Namespace, device: torch.device) -> None:
    """Print how well fresh pictures are read."""
    reader = Reader()
    reader.load_state_dict(read(path)["ema"])
    reader.to(device).eval()
    generator = torch.Generator().manual_seed(999_983)
    for world in SIMULATED:
        simulator = open_simulator(world)
        truth = simulator.random_trajectories(args.judged, 24, generator, device)[:, ::12]
        figures = accuracy(reader, world, label(world, truth, generator, plain=True))
        print(f"{world}: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))


def loop_rate(step: int, steps: int) -> float:
    """Warm-up over 50 steps, constant, then a linear fall to 2 % over the last half."""
    return min(1.0, (step + 1) / 50) * min(1.0, 0.02 + 2 * (1 - step / steps))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lightcone.model.training.reader", description=__doc__
    )
    loop.arguments(parser, steps=2000, batch=16, adam_lr=1.5e-3, muon_lr=0.01)
    parser.add_argument("--fresh", type=int, default=2, help="new worlds of each kind a step")
    parser.add_argument("--capacity", type=int, default=1500, help="worlds of each kind held")
    parser.add_argument("--judged", type=int, default=64, help="worlds read in the end")
    try:
        train(parser.parse_args(argv))
    except ModelError as error:
        parser.exit(1, f"train_reader: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
