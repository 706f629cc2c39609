"""Training of the state model of a world on simulated states:
`python -m lightcone.model.training.dynamics`.

The network is unrolled from a true state and the error at every frame is propagated back through
all of them, over few frames at first and many in the end. Laws that a world fits at once
(`Learnable.fit`) are fitted before. With --contacts what strikes what is then learned further by
itself, from frame to frame.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.striking import contact_cross_entropy
from lightcone.model.interface import ModelError
from lightcone.model.runtime.checkpoint import (
    load_module,
    load_training,
    read,
    save_training,
)
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.training import loop
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group

WORLDS, FRAMES = 384, 72
RENEWED_EVERY = 40  # steps, one part of the states
RARE = 1
CROSS_ENTROPY = 0.1  # its weight: whether there is a contact, beside how hard it is
FITTED = 4096  # pairs of frames, for laws that are fitted at once


class States:
    """Simulated facts and actions, the oldest part renewed as training goes on."""

    def __init__(
        self, world: str, generator: torch.Generator, device: torch.device, parts: int
    ) -> None:
        self._simulator, self._facts = open_simulator(world), learnable(world).facts
        self._generator, self._device = generator, device
        self._parts = [self._fresh() for _ in tqdm(range(parts), desc="states", unit="part")]

    def _fresh(self) -> tuple[Tensor, Tensor]:
        worlds = self._simulator.random_trajectories(
            WORLDS, FRAMES, self._generator, self._device, skip=self._integer(48)
        )
        return self._simulator.facts(worlds), worlds.actions

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self._generator))

    def renew(self) -> None:
        self._parts = [*self._parts[1:], self._fresh()]

    def batch(self, size: int, frames: int) -> tuple[Tensor, Tensor]:
        """Facts (B, 1 + frames, COUNT) and the actions (B, frames, buttons) between them."""
        states, actions = self._parts[self._integer(len(self._parts))]

        def below(most: int) -> Tensor:
            return torch.randint(most, (size, 1), generator=self._generator).to(states.device)

        worlds, starts = below(len(states)), below(FRAMES - frames)
        at = starts + torch.arange(frames + 1, device=states.device)
        return states[worlds, at], actions[worlds, at[:, 1:]]


def loss(
    model: nn.Module, contacts: slice, weights: Tensor, states: Tensor, actions: Tensor
) -> Tensor:
    """Huber's, so that a bounce one frame early does not outweigh all else. `contacts` are rare:
    where there is one it counts RARE times more, and only there it has a moment; whether there is
    one is an error of its own. `weights` (COUNT,)."""
    made, true = model(states[:, 0], actions), states[:, 1:]
    error = F.smooth_l1_loss(made, true, beta=0.05, reduction="none")
    happens = (true[..., contacts].chunk(2, -1)[0] > 0).float()
    predicted = made[..., contacts].chunk(2, -1)[0]
    strength, when = error[..., contacts].chunk(2, -1)
    strength = (1 + RARE * happens) * strength
    strength = strength + CROSS_ENTROPY * contact_cross_entropy(predicted, happens)
    parts = [error[..., : contacts.start], strength, RARE * happens * when]
    error = torch.cat([*parts, error[..., contacts.stop :]], -1)
    return (error.mean((0, 1)) * weights).sum() / weights.sum()


def matrices(model: nn.Module) -> list[nn.Parameter]:
    """What Muon trains: all square matrices, the hidden ones."""
    return [p for p in model.parameters() if p.ndim == 2 and p.shape[0] == p.shape[1]]


def train(args: argparse.Namespace) -> None:
    """Raises ModelError."""
    device = loop.prepare(args)
    world = learnable(args.world)
    model = world.dynamics().to(device)
    weights = world.loss_weights().to(device)
    path, learns, frames_most = dynamics_path(args.out, args.world), model, args.frames
    if args.contacts:
        model.load_state_dict(read(path)["module"])
        model.requires_grad_(False)
        learns, frames_most = model.get_submodule("strikes").requires_grad_(True), 1
        path = contacts_path(args.out, args.world)
    optimizer = MuonAdam(learns, matrices(learns), args.muon_lr, args.adam_lr, Group())
    step = load_training(path, model, optimizer)
    if args.contacts:  # the rest may have been trained on since
        rest = read(dynamics_path(args.out, args.world))["module"]
        rest = {name: value for name, value in rest.items() if not name.startswith("strikes.")}
        model.load_state_dict(rest, strict=False)
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
    data = States(args.world, generator, device, parts=8)
    if world.fit is not None:
        world.fit(model, *data.batch(FITTED, 1))

    def advance(step: int) -> dict[str, float]:
        progress = step / args.steps
        frames = min(frames_most, 2 + round(min(1.0, progress / 0.7) * (frames_most - 2)))
        optimizer.set_rate(min(1.0, (step + 1) / 100) * (0.01 + 0.99 * (1 - progress)))
        error = loss(model, world.facts.CONTACTS_AT, weights, *data.batch(args.batch, frames))
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(learns.parameters(), 0.1)
        optimizer.step()
        if (step + 1) % RENEWED_EVERY == 0:
            data.renew()
        return {"error": float(error.detach()), "frames": frames}

    def save(step: int) -> None:
        save_training(path, model, optimizer, step)

    loop.run(advance, save, step=step, steps=args.steps)


def dynamics_path(folder: Path, world: str) -> Path:
    """Where the state stream of a world is trained."""
    return folder / f"dynamics-{world}.pt"


def contacts_path(folder: Path, world: str) -> Path:
    """Where its contacts are trained further, the rest being as it was."""
    return folder / f"dynamics-{world}-contacts.pt"


def load_dynamics(folder: Path, world: str) -> nn.Module:
    """The state stream as far as it was trained. Raises WeightsError."""
    model = learnable(world).dynamics()
    further = contacts_path(folder, world)
    load_module(model, further if further.exists() else dynamics_path(folder, world))
    return model


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lightcone.model.training.dynamics", description=__doc__
    )
    loop.arguments(parser, steps=3000, batch=192, adam_lr=1e-3, muon_lr=0.01)
    parser.add_argument("--world", choices=SIMULATED, required=True)
    parser.add_argument("--frames", type=int, default=20, help="unrolled in the end")
    parser.add_argument("--contacts", action="store_true", help="then, and only these, further")
    try:
        train(parser.parse_args(argv))
    except ModelError as error:
        parser.exit(1, f"train_dynamics: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
