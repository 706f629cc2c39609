"""Numbers and names of the court that its model and its simulator share.

Lengths are in picture heights (the court is 4/3 wide and 1 high), times in seconds.
"""

from __future__ import annotations

from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS

SUBSTEPS = 4  # of a frame, at which contacts can be

WIDTH = 4 / 3
FLOOR = 0.13
HOOP_FROM_WALL = 0.20

RUN_SPEED = 0.62
JUMP_SPEED = 0.80
PLAYER_MARGIN = 0.07
STRIDES_PER_LENGTH = 3.6
GUARD = 0.20  # how far from the player the rival stands

BALL_RADIUS = 0.042
RIM_HALF = 0.066
BOARD_GAP = 0.026
PICKUP_PAUSE = 0.55  # after a throw

CLOSE_ZOOM = 1.7
LOOK_UP = 0.22  # from the player's feet to what a following camera looks at

BUTTONS = ("left", "right", "jump", "shoot", *CAMERA_BUTTONS)
CONTACTS = ("bounce", "rim", "board", "wall", "swish", "step", "land", "pickup", "throw")
