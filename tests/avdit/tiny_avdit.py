"""Tiny models and play for the tests of the avdit family."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.codecs.video import VideoCodec, VideoCodecConfig
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.families.avdit.weights import Starts, Weights
from lightcone.model.interface import Axis, Button, WorldInfo
from lightcone.model.recordings.format import info_to_json
from lightcone.model.training.avdit.latents import EncodedPlay, encode
from lightcone.model.training.avdit.source import Source

INFO = WorldInfo(
    name="tiny",
    title="Tiny",
    description="For tests.",
    width=64,
    height=32,
    buttons=(Button("left", "Left", ("ArrowLeft",)), Button("fire", "Fire", ("Space",))),
    axes=(Axis("turn", "Turn", -1.0, 1.0),),
    fps=35,
    sample_rate=22_050,
)
WORDS = ("red", "blue")
NUMBERS = Numbers(("health", "angle"), (False, True), (50.0, 180.0), (20.0, 100.0))
VIDEO = VideoCodecConfig(frames=2, channels=4, encoder=8, decoder=8, blocks=1)
SOUND = SoundCodecConfig(channels=4, widths=(8, 8, 8), blocks=1, strides=(21, 5, 6))
CONFIG = AvditConfig(
    rows=4,
    columns=8,
    controls=3,
    channels=4,
    sound_channels=4,
    numbers=NUMBERS.count,
    angles=NUMBERS.sines,
    positions=NUMBERS.positions,
    scenery=8,
    words=len(WORDS),
    window=5,
    width=32,
    heads=2,
    layers="STST",
    detail=8,
    chance=True,
)


def shaken(module: nn.Module, seed: int = 0) -> None:
    """The module without the zeros of a fresh one."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn(p.shape, generator=generator) * 0.1)
    module.eval().requires_grad_(False)


def transformer(seed: int = 0, config: AvditConfig = CONFIG) -> Transformer:
    torch.manual_seed(seed)
    made = Transformer(config)
    shaken(made, seed)
    return made


def weights(seed: int = 0, name: str = "tiny") -> Weights:
    torch.manual_seed(seed)
    picture, sound = VideoCodec(VIDEO), SoundCodec(SOUND)
    shaken(picture, seed)
    shaken(sound, seed)
    generator = torch.Generator().manual_seed(seed)
    starts = Starts(
        Latents.noise(CONFIG, generator, 3, 4),
        torch.zeros(3, 4, CONFIG.frames, CONFIG.controls),
        torch.eye(3, len(WORDS)),
    )
    world = {**info_to_json(INFO), "world": name}
    return Weights(
        world, WORDS, NUMBERS, picture, sound, transformer(seed), starts, {"hours of play": 0.1}
    )


@dataclass(frozen=True)
class Episode:
    """Play that is made up: a bright column that moves with the actions, and a tone."""

    length: int
    seed: int

    def __len__(self) -> int:
        return self.length

    def frames(self, start: int = 0, stop: int | None = None) -> NDArray[np.uint8]:
        start, stop, _ = slice(start, stop).indices(self.length)
        out = np.full((stop - start, INFO.height, INFO.width, 3), 40, np.uint8)
        turned = np.cumsum(self.actions[:, 0] - self.actions[:, 1]).astype(int)
        for i in range(start, stop):
            out[i - start, :, (turned[i] * 3) % INFO.width] = 250
        return out

    def sound(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        start, stop, _ = slice(start, stop).indices(self.length)
        at = np.arange(INFO.samples(0, start), INFO.samples(0, stop)) / 22_050
        return (0.3 * np.sin(2 * np.pi * 440 * at)).astype(np.float32)

    @property
    def actions(self) -> NDArray[np.float32]:
        rng = np.random.default_rng(self.seed)
        return rng.integers(0, 2, (self.length, 3)).astype(np.float32)

    @property
    def state(self) -> NDArray[np.float32]:
        at = np.arange(self.length, dtype=np.float32)
        return np.stack([at % 100, at * 3 % 360, np.ones_like(at)], 1)


def source(lengths: tuple[int, ...] = (41, 90), digest: str = "made up") -> Source:
    episodes = [Episode(length, i) for i, length in enumerate(lengths)]
    return Source(
        INFO,
        ("health", "angle", "constant"),
        episodes,
        [(0, 1, 2)] * len(episodes),
        [((0, "red"), (20, "blue"))] * len(episodes),
        digest,
        f"{len(episodes)} episodes",
    )


def encoded(folder: Path, digest: str = "made up", config: AvditConfig = CONFIG) -> EncodedPlay:
    """That play as latents of untrained codecs."""
    torch.manual_seed(0)
    picture, sound = VideoCodec(VIDEO), SoundCodec(SOUND)
    shaken(picture)
    shaken(sound)
    return encode(source(digest=digest), config, picture, sound, NUMBERS, WORDS, folder)


def saved(folder: Path, name: str = "tiny") -> Path:
    weights(name=name).save(folder)
    return folder
