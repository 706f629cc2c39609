"""The words of the corridors: attributes of a clip's first frame, and captions."""

from __future__ import annotations

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors.definition import LIGHTS, WORDS
from lightcone.model.families.staged.corridors.plans import plans
from lightcone.model.simulators.corridors import (
    physics,
)
from lightcone.model.simulators.corridors.physics import CorridorsState

WIDE = 1.6  # mean free distance, in cells, from which a room is called wide
ZOOMED = 1.4  # from which a view is called close


def attributes(states: CorridorsState) -> Tensor:
    """The value of each attribute of WORDS at the first frame, -1 where it does not apply. Fields
    of `states` are (B, T). Returns (B, len(WORDS)), long."""
    first = states[:, 0]
    tables = plans(first.device)

    def here(table: Tensor) -> Tensor:
        return tables.at(table, first.plan, first.x, first.y)

    door = physics.door_ahead(first)
    view = torch.where(first.rear > 0.5, 2, (first.zoom > ZOOMED).long())
    values = {
        "room": here(tables.size) > WIDE,
        "walls": here(tables.material),
        "floor": here(tables.floor),
        "light": first.light,
        "style": first.style,
        "music": first.music,
        "door": torch.where(door < 0, -1, (door > 0.5).long()),
        "view": view,
    }
    return torch.stack([values[name].long() for name in WORDS], 1)


def captions(states: CorridorsState, keep: Tensor | None = None) -> list[str]:
    """A caption of each world, such as "wide corridors, brick walls, wood floor, at night,
    ink, closed door, silent". Fields are (B, T); of the attributes, those not in `keep`
    (B, len(WORDS)), bool, are left out."""
    values = attributes(states)
    if keep is not None:
        values = torch.where(keep, values, -1)
    return [_caption(dict(zip(WORDS, row, strict=True))) for row in values.tolist()]


def _caption(values: dict[str, int]) -> str:
    named = {name: WORDS[name][value] for name, value in values.items() if value >= 0}
    noun = {"walls": " walls", "floor": " floor", "door": " door", "view": " view"}
    parts = [f"{named.pop('room')} corridors" if "room" in named else "corridors"]
    if "light" in named:
        named["light"] = LIGHTS[named["light"]]
    if named.get("view") == "ahead":  # as one looks unless asked otherwise
        del named["view"]
    parts += [word + noun.get(name, "") for name, word in named.items()]
    return ", ".join(parts)
