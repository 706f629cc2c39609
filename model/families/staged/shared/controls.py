"""Controls that worlds share: all have those of the camera."""

from __future__ import annotations

from lightcone.model.interface import Button, GamepadBinding

SIDEWAYS = (
    Button(
        "left",
        "Left",
        ("ArrowLeft", "KeyA"),
        (GamepadBinding("button", 14), GamepadBinding("axis", 0, -1)),
    ),
    Button(
        "right",
        "Right",
        ("ArrowRight", "KeyD"),
        (GamepadBinding("button", 15), GamepadBinding("axis", 0, 1)),
    ),
)
CAMERA_CONTROLS = (
    Button("zoom_in", "Closer", ("KeyE", "Equal"), (GamepadBinding("button", 5),)),
    Button("zoom_out", "Wider", ("KeyQ", "Minus"), (GamepadBinding("button", 4),)),
    Button("camera", "Camera", ("KeyC",), (GamepadBinding("button", 3),)),
)
CAMERA_BUTTONS = tuple(button.name for button in CAMERA_CONTROLS)
