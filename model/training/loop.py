"""What every training here has in common: steps under a progress bar, checkpoints in between."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tqdm import tqdm

from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.runtime.precision import usable_device

SAVE_SECONDS = 50
SMOOTHING = 0.95


def arguments(
    parser: argparse.ArgumentParser, *, steps: int, batch: int, adam_lr: float, muon_lr: float
) -> None:
    """Add the arguments of every training, with these defaults."""
    cuda = torch.cuda.is_available()
    parser.add_argument(
        "--out", type=Path, default=Path("runs/worlds"), help="folder of checkpoints"
    )
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--adam-lr", type=float, default=adam_lr)
    parser.add_argument("--muon-lr", type=float, default=muon_lr)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--threads", type=int, default=None)


def picture_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--height",
        type=int,
        default=DEFAULT_SIZE.height,
        help="of the pictures that are encoded, in pixels: a multiple of 48",
    )


def prepare(args: argparse.Namespace) -> torch.device:
    """Set threads and seed. Raises UnsupportedSetting."""
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    return usable_device(args.device)


def run(
    advance: Callable[[int], dict[str, float]],
    save: Callable[[int], None],
    *,
    step: int,
    steps: int,
    quiet: bool = False,
) -> int:
    """Take the steps from `step` to `steps` and return the one reached.

    `advance` takes one and returns figures, which the bar shows smoothed. `save` is called with
    the number of steps done once in SAVE_SECONDS and at the end, be it by Ctrl-C or an error.
    """
    smooth: dict[str, float] = {}
    saved_at = time.monotonic()
    bar = tqdm(total=steps, initial=step, unit="step", smoothing=0.05, disable=quiet)
    try:
        while step < steps:
            for name, value in advance(step).items():
                smooth[name] = value + SMOOTHING * (smooth.get(name, value) - value)
            step += 1
            bar.set_postfix({k: f"{v:.4g}" for k, v in smooth.items()}, refresh=False)
            bar.update()
            if time.monotonic() - saved_at > SAVE_SECONDS:
                save(step)
                saved_at = time.monotonic()
    except KeyboardInterrupt:
        bar.write(f"stopped at step {step}; the same command goes on from here")
    finally:
        bar.close()
        save(step)
    return step
