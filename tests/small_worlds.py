"""Worlds that have learned nothing: quick to make, save and step."""

from __future__ import annotations

from dataclasses import replace

import torch

from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.families.staged.weights import (
    Starts,
    Weights,
)
from lightcone.model.simulators.catalogue import SIMULATED
from lightcone.model.training.export import starts

CONFIG = TransformerConfig(width=32, heads=2, layers="ST", window=3, cells=16, maps=16, text=16)


def small_weights(worlds: tuple[str, ...] = SIMULATED) -> Weights:
    """The same every time."""
    torch.manual_seed(3)
    picture = PictureCodec(PictureCodecConfig(wide=16, blocks=1))
    sound = SoundCodec(SoundCodecConfig(widths=(8, 8, 8), blocks=1))
    network = Network(CONFIG, known_words(worlds))
    dynamics = {world: learnable(world).dynamics() for world in worlds}
    for module in (picture, sound, network, *dynamics.values()):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.05)
        module.eval().requires_grad_(False)
    reader = Reader(worlds).eval().requires_grad_(False)
    return Weights(picture, sound, network, reader, dynamics, {w: few_starts(w) for w in worlds})


def few_starts(world: str) -> Starts:
    every = starts(world, seed=1)
    return replace(every, state=every.state[:24], values=every.values[:24])
