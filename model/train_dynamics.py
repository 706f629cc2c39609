"""Training of the state stream on simulated states: `python -m model.train_dynamics`.

The network is unrolled from a true state and the error at every frame is propagated back through
all of them, over few frames at first and many in the end.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from model.checkpoint import load_training, save_training
from model.dynamics import Dynamics, DynamicsConfig
from model.interface import ModelError
from model.muon import MuonAdam
from model.parallel import Group
from model.precision import usable_device
from model.worlds.court import facts, simulator

SAVE_SECONDS = 50
WORLDS, FRAMES = 512, 72


class States:
    """Simulated facts and actions, the oldest part renewed as training goes on."""

    def __init__(self, generator: torch.Generator, device: torch.device, parts: int) -> None:
        self._generator, self._device = generator, device
        self._parts = [self._fresh() for _ in tqdm(range(parts), desc="states", unit="part")]

    def _fresh(self) -> tuple[Tensor, Tensor]:
        worlds = simulator.random_trajectories(
            WORLDS, FRAMES, self._generator, self._device, skip=self._integer(48)
        )
        return facts.facts(worlds.states), worlds.actions

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self._generator))

    def renew(self) -> None:
        self._parts = [*self._parts[1:], self._fresh()]

    def batch(self, size: int, frames: int) -> tuple[Tensor, Tensor]:
        """Facts (B, 1 + frames, COUNT) and the actions (B, frames, buttons) between them."""
        states, actions = self._parts[self._integer(len(self._parts))]
        start = self._integer(FRAMES - frames)
        worlds = torch.randint(len(states), (size,), generator=self._generator).to(states.device)
        picked = states[worlds, start : start + frames + 1]
        return picked, actions[worlds, start + 1 : start + frames + 1]


def loss(model: Dynamics, states: Tensor, actions: Tensor) -> Tensor:
    """Huber's, so that a bounce one frame early does not outweigh all else."""
    made = model(states[:, 0], actions)
    error: Tensor = F.smooth_l1_loss(
        made[..., : facts.FLAGS], states[:, 1:, : facts.FLAGS], beta=0.05
    )
    return error


def train(args: argparse.Namespace, device: torch.device) -> None:
    """Raises WeightsError."""
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    model = Dynamics(DynamicsConfig()).to(device)
    matrices = [p for p in model.layers.parameters() if p.ndim == 2]
    optimizer = MuonAdam(model, matrices, args.muon_lr, args.lr, Group())
    path = args.out / "dynamics.pt"
    step = load_training(path, model, optimizer)
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
    data = States(generator, device, parts=8)
    saved, smooth = time.monotonic(), 0.0
    bar = tqdm(total=args.steps, initial=step, unit="step", smoothing=0.05)
    try:
        while step < args.steps:
            progress = step / args.steps
            frames = 2 + round(min(1.0, progress / 0.7) * (args.frames - 2))
            optimizer.set_rate(min(1.0, (step + 1) / 100) * (0.01 + 0.99 * (1 - progress)))
            value = loss(model, *data.batch(args.batch, frames))
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            step += 1
            if step % 40 == 0:
                data.renew()
            error = float(value.detach())
            smooth = 0.98 * smooth + 0.02 * error if smooth else error
            bar.set_postfix(error=f"{smooth:.5f}", frames=frames, refresh=False)
            bar.update()
            if time.monotonic() - saved > SAVE_SECONDS:
                save_training(path, model, optimizer, step)
                saved = time.monotonic()
    except KeyboardInterrupt:
        bar.write(f"stopped at step {step}; the same command goes on from here")
    bar.close()
    save_training(path, model, optimizer, step)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.train_dynamics", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/court"))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=192, help="worlds")
    parser.add_argument("--frames", type=int, default=20, help="unrolled in the end")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--muon-lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=None)
    args = parser.parse_args(argv)
    try:
        train(args, usable_device(args.device))
    except ModelError as error:
        parser.exit(1, f"train_dynamics: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
