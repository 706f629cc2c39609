"""A world's facts as control messages."""

from __future__ import annotations

from dataclasses import asdict

from lightcone.model.interface import (
    FPS,
    SAMPLE_RATE,
    Axis,
    Button,
    GamepadBinding,
    WorldInfo,
)
from lightcone.server.control.protocol import (
    VERSION,
    AxisControl,
    Control,
    GamepadInput,
    Role,
    Welcome,
    WorldDescription,
)


def controls(info: WorldInfo) -> list[Control]:
    return [_control(button) for button in info.buttons]


def axes(info: WorldInfo) -> list[AxisControl]:
    return [_axis(axis) for axis in info.axes]


def describe(world_id: str, info: WorldInfo) -> WorldDescription:
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
        controls=controls(info),
        axes=axes(info),
        words=list(info.changing_words),
    )


def welcome(world_id: str, info: WorldInfo, role: Role) -> Welcome:
    return Welcome(version=VERSION, role=role, world=describe(world_id, info))


def _control(button: Button) -> Control:
    return Control(
        name=button.name,
        label=button.label,
        keys=list(button.keys),
        gamepad=[_gamepad(pad) for pad in button.gamepad],
    )


def _axis(axis: Axis) -> AxisControl:
    return AxisControl(
        name=axis.name,
        label=axis.label,
        low=axis.low,
        high=axis.high,
        mouse=axis.mouse,
        gamepad=None if axis.gamepad is None else _gamepad(axis.gamepad),
    )


def _gamepad(pad: GamepadBinding) -> GamepadInput:
    return GamepadInput.model_validate(asdict(pad))
