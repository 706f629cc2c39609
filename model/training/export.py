"""`python -m lightcone.model.training.export`: make shippable weights of a training folder.

What was not trained there is taken from other weights, by default the shipped ones.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.reading.reader import (
    Reader,
    load_reader,
)
from lightcone.model.families.staged.weights import (
    Starts,
    Weights,
)
from lightcone.model.interface import (
    ModelError,
    WeightsError,
)
from lightcone.model.runtime.checkpoint import (
    load_module,
    read,
)
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.training.dynamics import (
    dynamics_path,
    load_dynamics,
)
from lightcone.model.training.trained import (
    load_codecs,
    trained_config,
)

STARTS = 192  # of each world


def starts(world: str, seed: int) -> Starts:
    """Opening moments: a chunk each of freshly begun simulations."""
    simulator = open_simulator(world)
    truth = simulator.random_trajectories(
        STARTS, FRAMES, torch.Generator().manual_seed(seed), torch.device("cpu"), skip=24
    )
    values = simulator.attributes(truth.states).tolist()
    return Starts(open_simulator(world).facts(truth), [tuple(row) for row in values])


@dataclass(frozen=True)
class Run:
    """A training folder, and the weights that it went on from. Raises WeightsError."""

    folder: Path
    start_from: Path

    @cached_property
    def before(self) -> Weights:
        return Weights.load(self.start_from)

    @property
    def network(self) -> tuple[Network, str]:
        """And how it came about."""
        path = self.folder / "transformer.pt"
        if not path.exists():
            return self.before.network, f"transformer of {self.start_from}"
        network = Network(trained_config(path), known_words())
        load_module(network, path, "ema")
        return network, f"step {read(path)['step']}, exponential moving average"

    @property
    def reader(self) -> Reader:
        path = self.folder / "reader.pt"
        return load_reader(path) if path.exists() else self.before.reader

    def dynamics(self, world: str) -> nn.Module:
        if dynamics_path(self.folder, world).exists():
            return load_dynamics(self.folder, world)
        return self.before.dynamics[world]


def export(run: Run, out: Path, seed: int) -> str:
    """Write them; returns what they are. Raises WeightsError."""
    if not any(run.folder.glob("*.pt")):
        raise WeightsError(f"nothing was trained in {run.folder}")
    picture, sound = load_codecs(run.folder, torch.device("cpu"), run.start_from)
    network, what = run.network
    dynamics = {world: run.dynamics(world) for world in network.worlds}
    begun = {world: starts(world, seed) for world in network.worlds}
    weights = Weights(picture, sound, network, run.reader, dynamics, begun)
    weights.save(out)
    names = sorted(path.stem for path in run.folder.glob("*.pt"))
    return (
        f"{out}: {what}, pictures {weights.size.height} high; from {run.folder}: "
        f"{', '.join(names)}; what is not there is of {run.start_from}"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lightcone.model.training.export", description=__doc__
    )
    parser.add_argument("--run", type=Path, default=Path("runs/worlds"))
    parser.add_argument("--start-from", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--seed", type=int, default=77)
    args = parser.parse_args(argv)
    try:
        print(export(Run(args.run, args.start_from), args.out, args.seed))
    except ModelError as error:
        parser.exit(1, f"export: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
