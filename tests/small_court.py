"""A small court that has learned nothing: quick to make, save and step."""

from __future__ import annotations

import torch

from model.codec import PictureCodec, PictureCodecConfig, SoundCodec, SoundCodecConfig
from model.config import TransformerConfig
from model.dynamics import Dynamics, DynamicsConfig
from model.scene import FACTS
from model.transformer import Transformer
from model.world import LearnedWorld, Starts

CAPTIONS = ["gym red left low", "night blue right high", "beach white right low"]


def small_court(steps: int = 1) -> LearnedWorld:
    """The same weights every time."""
    torch.manual_seed(3)
    picture = PictureCodec(PictureCodecConfig(wide=16, blocks=1))
    sound = SoundCodec(SoundCodecConfig(widths=(8, 8, 8), blocks=1))
    transformer = Transformer(TransformerConfig(width=32, heads=2, layers="ST", window=3))
    dynamics = Dynamics(DynamicsConfig(width=16, layers=1))
    for module in (picture, sound, transformer, dynamics):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.05)
    starts = Starts(
        torch.randn(3, 48, 256), torch.randn(3, 2, 32), torch.rand(3, 2, FACTS), CAPTIONS
    )
    return LearnedWorld(picture, sound, transformer, dynamics, starts, steps=steps)
