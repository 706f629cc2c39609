"""The numbers of the corridors' textures: those of walls, then of doors, floors and ceilings."""

from __future__ import annotations

from lightcone.model.families.staged.corridors.constants import FLOORS, WALLS

SIZE = 128  # texels along one side
VARIANTS = 8  # of each wall material and of doors: bands and pictures

DOOR = len(WALLS) * VARIANTS
FLOOR = DOOR + VARIANTS
CEILING = FLOOR + len(FLOORS)
LAMP = CEILING + 1
COUNT = LAMP + 1
