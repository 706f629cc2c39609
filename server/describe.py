"""A world's facts as control messages."""

from __future__ import annotations

from model.interface import FPS, SAMPLE_RATE, WorldInfo
from server.protocol import VERSION, Control, GamepadInput, Role, Welcome, WorldDescription


def describe(world_id: str, info: WorldInfo) -> WorldDescription:
    controls = [
        Control(
            name=button.name,
            label=button.label,
            keys=list(button.keys),
            gamepad=[
                GamepadInput.model_validate(
                    {"kind": pad.kind, "index": pad.index, "direction": pad.direction}
                )
                for pad in button.gamepad
            ],
        )
        for button in info.buttons
    ]
    return WorldDescription(
        id=world_id,
        world=info.name,
        title=info.title,
        description=info.description,
        width=info.width,
        height=info.height,
        fps=FPS,
        sample_rate=SAMPLE_RATE,
        frames_per_chunk=info.frames_per_chunk,
        controls=controls,
    )


def welcome(world_id: str, info: WorldInfo, role: Role) -> Welcome:
    return Welcome(version=VERSION, role=role, world=describe(world_id, info))
