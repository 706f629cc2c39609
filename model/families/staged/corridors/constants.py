"""Numbers and names of the corridors that their model and their simulator share.

Lengths are in cells (a cell is as wide as the rooms are high), angles in radians, times in
seconds.
"""

from __future__ import annotations

import math

from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS

SUBSTEPS = 3  # of a frame, at which contacts can be

WALK_SPEED = 1.6
TURN_SPEED = 2 * math.pi / 2.5
TURN_MOST = 3.0  # times TURN_SPEED, that the axis may ask for
RADIUS = 0.24  # of the player
DOOR_HALF = 0.06  # half the thickness of a door
FLICKER_SECONDS = 1.0  # after which the lantern's flicker repeats

WALLS = ("brick", "planks", "plaster", "rock", "tiles")
FLOORS = ("wood", "stone", "carpet")

BUTTONS = (
    "forward", "back", "strafe_left", "strafe_right", "turn_left", "turn_right", "use",
    *CAMERA_BUTTONS,
)  # fmt: skip
AXES = ("turn",)
ACTIONS = (*BUTTONS, *AXES)
CONTACTS = (*(f"step_{floor}" for floor in FLOORS), "bump", "door")
