"""A training of a tiny transformer by torchrun, in two parts: `FOLDER sharded|equal`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tiny_avdit import CONFIG, NUMBERS, SOUND, VIDEO, WORDS, shaken, source, transformer

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.latents import encode
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.parallel import Group


def main(folder: Path, sharded: bool) -> None:
    group = Group()
    torch.manual_seed(0)
    picture, sound = VideoCodec(VIDEO), SoundCodec(SOUND)
    shaken(picture)
    shaken(sound)
    latents = folder / f"latents{group.rank}"
    play = encode(source(), CONFIG, picture, sound, NUMBERS, WORDS, latents)
    recipe = Recipe(batch=2, chunks=4, sharded=sharded)
    for steps in (3, 6):
        model = transformer().requires_grad_(True)
        sampler = ClipSampler(play, CONFIG, seed=group.rank)
        train_transformer(
            model, sampler, torch.ones(CONFIG.depth), folder / "transformer.pt",
            Budget(steps=steps), recipe, torch.device("cpu"), group, 0, folder / "loss.jsonl",
        )  # fmt: skip
        group.agree(0)  # that the checkpoint is written
    group.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] == "sharded")
