"""`python -m model.export`: make shippable weights of a training folder."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from model.checkpoint import read
from model.codec import PictureCodec, SoundCodec
from model.config import TransformerConfig
from model.dynamics import Dynamics, DynamicsConfig
from model.latents import encode
from model.registry import WEIGHTS_DIR
from model.train import load_codecs
from model.transformer import Transformer
from model.world import LearnedWorld, Starts
from model.worlds.court import simulator

STARTS = 96


def starts(codecs: tuple[PictureCodec, SoundCodec], seed: int) -> Starts:
    """Opening moments for worlds: a chunk each of freshly begun simulations."""
    generator = torch.Generator().manual_seed(seed)
    worlds = simulator.random_trajectories(
        STARTS, simulator.FRAMES_PER_CHUNK, generator, torch.device("cpu"), skip=24
    )
    encoded = encode(worlds, *codecs)
    return Starts(
        encoded.picture[:, 0],
        encoded.sound[:, 0],
        encoded.state[:, 0],
        simulator.captions(worlds.states),
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m model.export", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/court"))
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR / "court")
    parser.add_argument("--seed", type=int, default=77)
    args = parser.parse_args(argv)
    codecs = load_codecs(args.run, torch.device("cpu"))
    transformer = Transformer(TransformerConfig())
    saved = read(args.run / "transformer.pt")
    transformer.load_state_dict(saved["ema"])
    dynamics = Dynamics(DynamicsConfig())
    dynamics.load_state_dict(read(args.run / "dynamics.pt")["module"])
    LearnedWorld(*codecs, transformer, dynamics, starts(codecs, args.seed)).save(args.out)
    print(f"{args.out}: step {saved['step']}, exponential moving average")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
