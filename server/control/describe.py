"""A world's facts as control messages."""

from __future__ import annotations

from dataclasses import asdict

from lightcone.model.interface import (
    Axis,
    Button,
    GamepadBinding,
    WorldInfo,
)
from lightcone.server.control.protocol import (
    AxisControl,
    Control,
    GamepadInput,
    SessionDescription,
)


def controls(info: WorldInfo) -> list[Control]:
    return [_control(button) for button in info.buttons]


def axes(info: WorldInfo) -> list[AxisControl]:
    return [_axis(axis) for axis in info.axes]


def describe(
    session_id: str, info: WorldInfo, history_s: float, *, play_recorded: bool, consent: str
) -> SessionDescription:
    return SessionDescription(
        id=session_id,
        world=info.name,
        title=info.title,
        description=info.description,
        width=info.width,
        height=info.height,
        fps=info.fps,
        sample_rate=info.sample_rate,
        chunk_frames=list(info.chunk_frames),
        controls=controls(info),
        axes=axes(info),
        prompt=info.prompt,
        prompt_length=info.prompt_length,
        words=list(info.changing_words),
        history_s=history_s,
        play_recorded=play_recorded,
        consent=consent,
    )


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
