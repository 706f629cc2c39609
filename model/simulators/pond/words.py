"""The words of prompts about a pond, and captions made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.pond.definition import PHRASES, WORDS
from lightcone.model.simulators.pond import (
    physics,
)
from lightcone.model.simulators.pond.physics import PondState

_WINDS = (0.1, 0.4)  # from which strength on there is a breeze, and from which it is windy
_WAVES = 0.005  # rms height from which on one sees them
_CLOSE = 1.3  # zoom


def attributes(states: PondState) -> Tensor:
    """The value of each attribute at frame 0, in the order of WORDS. Fields are (B, T); (B,
    len(WORDS)) long."""
    s = states[:, 0]
    strength = s.wind.abs()
    values = {
        "look": s.look,
        "weather": s.weather,
        "wind": (strength > _WINDS[0]).long() + (strength > _WINDS[1]).long(),
        "style": s.style,
        "suit": s.suit,
        "paint": s.paint,
        "person": torch.where(s.aboard > 0.5, 0, torch.where(physics.depth_of(s) > 0, 1, 2)),
        "water": s.surface.square().mean(1).sqrt() > _WAVES,
        "view": s.camera.zoom > _CLOSE,
        "music": s.music,
    }
    return torch.stack([values[name].long() for name in WORDS], 1)


def captions(states: PondState, keep: Tensor | None = None) -> list[str]:
    """What is seen of each world, in words of KNOWN. Fields are (B, T); `keep` (B, len(WORDS))
    gives the attributes that are named, without it all are."""
    chosen = attributes(states)
    named = torch.ones_like(chosen) if keep is None else keep
    return [
        ", ".join(
            PHRASES.get(name, "{}").format(values[value])
            for (name, values), value, wanted in zip(WORDS.items(), row, kept, strict=True)
            if wanted and value >= 0
        )
        for row, kept in zip(chosen.tolist(), named.tolist(), strict=True)
    ]
