"""The words of the staged worlds name what their simulators can draw and play, in one order."""

from __future__ import annotations

from lightcone.model.families.staged.corridors import definition as corridors
from lightcone.model.families.staged.court import definition as court
from lightcone.model.families.staged.pond import definition as pond
from lightcone.model.simulators.corridors.drawing import LIGHTS
from lightcone.model.simulators.court.drawing import LOOKS, SHIRTS
from lightcone.model.simulators.pond.drawing import PAINTS, SUITS
from lightcone.model.simulators.pond.scenery import LOOKS as PONDS
from lightcone.model.simulators.pond.starts import APPEARANCE


def test_every_word_of_a_palette_has_its_colours() -> None:
    assert tuple(look.name for look in LOOKS) == court.LOOKS
    assert tuple(name for name, _ in SHIRTS) == court.SHIRTS
    assert tuple(look.name for look in PONDS) == pond.LOOKS
    assert tuple(name for name, _ in SUITS) == pond.SUITS
    assert tuple(name for name, _ in PAINTS) == pond.PAINTS
    assert tuple(light.name for light in LIGHTS) == tuple(corridors.LIGHTS)


def test_what_is_seen_of_the_pond_is_its_appearance() -> None:
    assert tuple(APPEARANCE) == pond.SEEN
