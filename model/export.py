"""`python -m model.export`: make shippable weights of a training folder."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model.checkpoint import read
from model.config import TransformerConfig
from model.latents import FRAMES
from model.network import Network, known_words
from model.reader import load_reader
from model.registry import WEIGHTS_DIR
from model.simulators import learnable, open_simulator
from model.train import load_codecs
from model.train_dynamics import load_dynamics
from model.weights import Starts, Weights

STARTS = 192  # of each world


def starts(world: str, seed: int) -> Starts:
    """Opening moments: a chunk each of freshly begun simulations."""
    simulator = open_simulator(world)
    truth = simulator.random_trajectories(
        STARTS, FRAMES, torch.Generator().manual_seed(seed), torch.device("cpu"), skip=24
    )
    values = simulator.attributes(truth.states).tolist()
    return Starts(learnable(world).facts.facts(truth), [tuple(row) for row in values])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.export", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/worlds"))
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--seed", type=int, default=77)
    args = parser.parse_args(argv)
    picture, sound = load_codecs(args.run, torch.device("cpu"))
    network = Network(TransformerConfig(), known_words())
    saved = read(args.run / "transformer.pt")
    network.load_state_dict(saved["ema"])
    dynamics = {world: load_dynamics(args.run, world) for world in network.worlds}
    Weights(
        picture,
        sound,
        network,
        load_reader(args.run / "reader.pt"),
        dynamics,
        {world: starts(world, args.seed) for world in network.worlds},
    ).save(args.out)
    print(f"{args.out}: step {saved['step']}, exponential moving average")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
