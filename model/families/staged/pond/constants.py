"""Numbers and names of the pond that its model and its simulator share.

Lengths are in picture heights (the picture is 4/3 wide and 1 high), times in seconds.
"""

from __future__ import annotations

from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS

SUBSTEPS = 4  # of a frame, at which contacts can be
GRAVITY = 1.8

BOARD_HALF = 0.13
BOARD_THICK = 0.034
BODY = 0.27  # height of the person
SPRAY_SECONDS = 1.0  # after which nothing of a splash is left in the air

CLOSE_ZOOM = 1.7  # of the view of the board
LOOK_UP = 0.4 * BODY  # from the person's feet to what a following camera looks at
GUST_PERIODS = (6.0, 4.0)

BUTTONS = ("left", "right", "jump", *CAMERA_BUTTONS)
CONTACTS = ("splash", "stroke", "climb", "land", "lap", "bump")
