"""Latent pictures as the transformer makes them, each with the frames that it stands for."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from lightcone.model.families.avdit.entry import DEFAULT_STEPS
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents, choose, mix
from lightcone.model.families.avdit.network.sampler import LEVELS, share
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.training.avdit.clips import Clips, ClipSampler
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.avdit.pool import drawn_pairs, made_once, taken
from lightcone.model.training.avdit.source import Source

_CHUNKS = 48  # of a clip; every second one is made


class MadePool:
    """Latents that follow the truth, drawn at random; made once, kept in two files."""

    def __init__(
        self,
        model: Transformer,
        made_with: str,
        play: EncodedPlay,
        source: Source,
        count: int,
        folder: Path,
        seed: int,
    ) -> None:
        """At least `count` latents. `made_with` names the weights: latents that others made are
        made anew."""
        index = folder / "made.digest"
        with made_once(index, source.digest, made_with, count, seed) as missing:
            if missing:
                _make(model, play, source, count, folder, seed)
        self._latents: NDArray[np.float16] = np.load(folder / "made_latents.npy", mmap_mode="r")
        self._frames: NDArray[np.uint8] = np.load(folder / "made_frames.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._latents)

    def pairs(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Normalised latents (2 N, channels, h, w), each second one after the one before it, and
        frames (2 N, 3 group, H, W) in [-1, 1]."""
        at = drawn_pairs(len(self), size, generator)
        latents = torch.from_numpy(np.stack([self._latents[i] for i in at]).astype(np.float32))
        return latents, taken(self._frames, at)


def _make(
    model: Transformer, play: EncodedPlay, source: Source, count: int, folder: Path, seed: int
) -> None:
    c = model.config
    chunks = min(_CHUNKS, len(play) // 2)
    each = chunks // 2 * c.latents  # of a clip
    clips = -(-count // each)
    sampler = ClipSampler(play, c, seed)
    generator = torch.Generator().manual_seed(seed)
    first = np.searchsorted(play.episode, np.arange(play.episode[-1] + 1))  # chunk of each episode
    info = source.info
    shapes = {
        "latents": (np.float16, (clips * each, c.channels, c.rows, c.columns)),
        "frames": (np.uint8, (clips * each, c.group, info.height, info.width, 3)),
    }
    out = {
        name: np.lib.format.open_memmap(
            folder / f"made_{name}.npy", mode="w+", dtype=dtype, shape=shape
        )
        for name, (dtype, shape) in shapes.items()
    }
    row = 0
    for _ in tqdm(range(clips), desc="latents for the decoder", unit="clip"):
        at, clip = sampler.one(chunks)
        made = _follow(model, c, clip, generator)[0, 1::2]  # (chunks / 2, depth, h, w)
        out["latents"][row : row + each] = made.unflatten(1, (c.latents, c.channels)).flatten(0, 1)
        for i, chunk in enumerate(at[1::2]):
            episode = int(play.episode[chunk])
            start = int(chunk - first[episode]) * c.frames
            frames = source.episodes[episode].frames(start, start + c.frames)
            begin = row + i * c.latents
            out["frames"][begin : begin + c.latents] = frames.reshape(
                c.latents, c.group, *frames.shape[1:]
            )
        row += each
    for array in out.values():
        array.flush()


@torch.inference_mode()
def _follow(model: Transformer, c: AvditConfig, clip: Clips, generator: torch.Generator) -> Tensor:
    """Pictures (1, C, depth, h, w) of a clip; every second chunk is made from noise, after the
    truth."""
    lead = clip.actions.shape[:2]
    target = (torch.arange(lead[1]) % 2 == 1).expand(lead)
    known = torch.ones(lead)
    x = Latents.noise(c, generator, *lead)
    levels = LEVELS[DEFAULT_STEPS]
    for level, following in itertools.zip_longest(levels, levels[1:]):
        tau = torch.where(target, level, 1.0)
        noisy = choose(target, x, clip.clean)
        clean = model(noisy, clip.before, tau, clip.actions, known, clip.text)
        if following is not None:
            x = mix(x, clean, torch.full(lead, share(level, following)))
    return clean.picture
