"""The camera's controls, which all worlds have."""

from __future__ import annotations

from lightcone.model.interface import Button, GamepadBinding

CAMERA_CONTROLS = (
    Button("zoom_in", "Closer", ("KeyE", "Equal"), (GamepadBinding("button", 5),)),
    Button("zoom_out", "Wider", ("KeyQ", "Minus"), (GamepadBinding("button", 4),)),
    Button("camera", "Camera", ("KeyC",), (GamepadBinding("button", 3),)),
)
CAMERA_BUTTONS = tuple(button.name for button in CAMERA_CONTROLS)
