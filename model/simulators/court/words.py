"""The words of prompts about a court, and captions made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.court.constants import BALL_RADIUS, FLOOR
from lightcone.model.families.staged.court.definition import WORDS
from lightcone.model.simulators.court.state import FREE, CourtState

HIGH = 0.60  # from here on a hoop is high
CLOSE = 1.35  # from this zoom on a view is close
_RESTING = 0.05  # above the floor, picture heights; lower is no flight


def attributes(states: CourtState) -> Tensor:
    """Which word of each attribute is true in the first frame, -1 where none applies. Fields of
    `states` are (B, T); returns (B, len(WORDS)) long, in the order of WORDS."""
    s = states[:, 0]
    above = s.ball.y - BALL_RADIUS - FLOOR
    ball = torch.where(s.holder != FREE, 2, (above > _RESTING).long())
    values: dict[str, Tensor] = {
        "look": s.look,
        "time": s.time,
        "weather": s.weather,
        "style": s.style,
        "shirt": s.shirt,
        "rival": torch.where(s.rivals > 0.5, s.rival_shirt, -1.0),
        "players": s.rivals,
        "side": s.hoop_side > 0,
        "height": s.hoop_y > HIGH,
        "view": s.camera.zoom > CLOSE,
        "ball": ball,
        "music": s.music,
    }
    return torch.stack([values[name].long() for name in WORDS], 1)


def captions(states: CourtState, keep: Tensor | None = None) -> list[str]:
    """What each clip shows, e.g. "gym at night, ink, red against blue, hoop left high, close".

    `keep` (B, len(WORDS)), bool, gives the attributes that are named; without it all are.
    """
    values = attributes(states)
    if keep is not None:
        values = torch.where(keep, values, -1)
    return [_caption(row) for row in values.tolist()]


def _caption(values: list[int]) -> str:
    named = {
        name: words[value]
        for (name, words), value in zip(WORDS.items(), values, strict=True)
        if value >= 0
    }

    def phrase(*parts: tuple[str, str]) -> str:
        """Each is what introduces a word, and the attribute whose word it is."""
        return " ".join(f"{before}{named[name]}" for before, name in parts if name in named)

    hoop = phrase(("", "side"), ("", "height"))
    phrases = [
        phrase(("", "look"), ("at ", "time")),
        phrase(("", "weather")),
        phrase(("", "style")),
        phrase(("", "shirt"), ("against ", "rival")),
        phrase(("", "players")),
        f"hoop {hoop}" if hoop else "",
        phrase(("ball ", "ball")),
        phrase(("", "view")),
        phrase(("", "music")),
    ]
    return ", ".join(p for p in phrases if p)
