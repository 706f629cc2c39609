"""What one can say about a pond: the words of prompts, and captions made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.simulators import (
    atmosphere,
    soundscape,
)
from lightcone.model.simulators.pond import (
    drawing,
    physics,
    scenery,
)
from lightcone.model.simulators.pond.physics import PondState

# Each attribute and its words, in the order in which captions say them.
WORDS: dict[str, tuple[str, ...]] = {
    "look": tuple(look.name for look in scenery.LOOKS),
    "weather": atmosphere.WEATHERS,
    "wind": ("calm", "breeze", "windy"),
    "style": atmosphere.STYLES,
    "suit": tuple(name for name, _ in drawing.SUITS),
    "paint": tuple(name for name, _ in drawing.PAINTS),
    "person": ("aboard", "swimming", "leaping"),
    "water": ("still", "waves"),
    "view": ("wide", "close"),
    "music": soundscape.MUSIC,
}
_SAID = {"look": "pond at {}", "suit": "{} suit", "paint": "{} board", "water": "water {}"}
NOUNS = {"suit": "suit", "board": "paint"}  # of which attribute the word before them is
_WINDS = (0.1, 0.4)  # from which strength on there is a breeze, and from which it is windy
_WAVES = 0.005  # rms height from which on one sees them
_CLOSE = 1.3  # zoom

KNOWN = tuple(
    dict.fromkeys(
        word
        for name, values in WORDS.items()
        for value in values
        for word in _SAID.get(name, "{}").format(value).split()
    )
)


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
    """What a viewer could say about each world, of words in KNOWN. Fields are (B, T); `keep` (B,
    len(WORDS)) tells which attributes are said, without it all are."""
    chosen = attributes(states)
    said = torch.ones_like(chosen) if keep is None else keep
    return [
        ", ".join(
            _SAID.get(name, "{}").format(values[value])
            for (name, values), value, wanted in zip(WORDS.items(), row, kept, strict=True)
            if wanted and value >= 0
        )
        for row, kept in zip(chosen.tolist(), said.tolist(), strict=True)
    ]
