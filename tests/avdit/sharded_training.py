"""Trainings of a tiny transformer by torchrun, each in two parts: once with equal weights in all
processes, once with weights that are spread over them."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import mock

import torch
from tiny_avdit import CONFIG, encoded, transformer

from lightcone.model.training.avdit import transformer as training
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.parallel import Group


def main(folder: Path) -> None:
    group = Group()
    play = encoded(folder / f"latents{group.rank}")
    for name in ("equal", "sharded"):
        recipe = Recipe(batch=2, chunks=4, sharded=name == "sharded")
        for steps in (3, 6):
            model = transformer().requires_grad_(True)
            sampler = ClipSampler(play, CONFIG, seed=group.rank)
            train_transformer(
                model, sampler, Emphasis.unfitted(CONFIG), folder / f"{name}.pt",
                Budget(steps=steps), recipe, torch.device("cpu"), group, 0, folder / "loss.jsonl",
            )  # fmt: skip
            group.agree(0)  # that the checkpoint is written
    group.close()


if __name__ == "__main__":
    with mock.patch.object(training, "compute_dtype", return_value=torch.float32):
        main(Path(sys.argv[1]))
