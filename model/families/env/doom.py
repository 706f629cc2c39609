"""ViZDoom's scenarios, with their sound. ViZDoom is deterministic to the bit, sound included."""

from __future__ import annotations

import logging
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vizdoom
from numpy.typing import NDArray

from lightcone.model.families.env.player import Box, Inputs
from lightcone.model.interface import (
    Axis,
    Button,
    GamepadBinding,
    Image,
    UnknownWorld,
    WorldInfo,
)

FPS = 35  # tics per second
SAMPLE_RATE = 22_050  # 630 samples a tic
WIDTH, HEIGHT = 320, 240
_NOT_ALONE = ("multi", "cig")  # scenarios that need other players

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Key:
    label: str
    keys: tuple[str, ...]
    gamepad: tuple[GamepadBinding, ...] = ()


def _pad(index: int) -> GamepadBinding:
    return GamepadBinding("button", index)


def _stick(index: int, direction: int) -> GamepadBinding:
    return GamepadBinding("axis", index, direction)


_BUTTONS = {
    "ATTACK": _Key("Attack", ("Space", "ControlLeft"), (_pad(7), _pad(0))),
    "USE": _Key("Use", ("KeyE",), (_pad(2),)),
    "JUMP": _Key("Jump", ("KeyJ",), (_pad(1),)),
    "CROUCH": _Key("Crouch", ("KeyC",), (_pad(11),)),
    "SPEED": _Key("Run", ("ShiftLeft",), (_pad(10),)),
    "STRAFE": _Key("Strafe", ("AltLeft",)),
    "MOVE_FORWARD": _Key("Forward", ("KeyW", "ArrowUp"), (_pad(12), _stick(1, -1))),
    "MOVE_BACKWARD": _Key("Back", ("KeyS", "ArrowDown"), (_pad(13), _stick(1, 1))),
    "MOVE_LEFT": _Key("Step left", ("KeyA",), (_stick(0, -1),)),
    "MOVE_RIGHT": _Key("Step right", ("KeyD",), (_stick(0, 1),)),
    "TURN_LEFT": _Key("Turn left", ("ArrowLeft",), (_pad(14), _stick(2, -1))),
    "TURN_RIGHT": _Key("Turn right", ("ArrowRight",), (_pad(15), _stick(2, 1))),
    "SELECT_NEXT_WEAPON": _Key("Next weapon", ("KeyX",), (_pad(5),)),
    "SELECT_PREV_WEAPON": _Key("Last weapon", ("KeyZ",), (_pad(4),)),
    **{f"SELECT_WEAPON{n}": _Key(f"Weapon {n}", (f"Digit{n}",)) for n in range(1, 8)},
}
_AXES = {  # degrees a tic
    "TURN_LEFT_RIGHT_DELTA": Axis("turn", "Turn", -10, 10, "x", GamepadBinding("axis", 2, 1)),
    "LOOK_UP_DOWN_DELTA": Axis("look", "Look", -5, 5, "y", GamepadBinding("axis", 3, 1)),
}
# Numbers that every scenario has, beside those that its configuration asks for. Not HITS_TAKEN,
# which goes on from an episode that was not played to its end.
_NUMBERS = (
    "HEALTH", "ARMOR", "SELECTED_WEAPON", "SELECTED_WEAPON_AMMO", "ATTACK_READY", "KILLCOUNT",
    "HITCOUNT", "ITEMCOUNT", "ANGLE", "POSITION_X", "POSITION_Y",
)  # fmt: skip
_ASIDE = {"MOVE_LEFT": ("TURN_LEFT", "ArrowLeft"), "MOVE_RIGHT": ("TURN_RIGHT", "ArrowRight")}


class DoomPlayer:
    """One scenario. Without the library libopenal1 it is silent, and a warning says so.

    `size` is one of ViZDoom's resolutions (`resolutions`). `numbers` are the names of `state`;
    `boxes` needs `labels`. Both are for recordings: no session shows them.
    """

    def __init__(
        self,
        world: str,
        scenario: str,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        labels: bool = False,
    ) -> None:
        known = scenarios()
        if scenario not in known:
            others = ", ".join(known)
            raise UnknownWorld(f"ViZDoom has no scenario '{scenario}' (known: {others})")
        sounds = find_library("openal") is not None
        if not sounds:
            _log.warning(
                "'%s' is silent: libopenal1 is missing (apt-get install libopenal1)", world
            )
        self._game = _game(scenario, sounds, size, labels)
        available = [button.name for button in self._game.get_available_buttons()]
        names = [name for name in available if name in _BUTTONS]
        axes = [name for name in available if name in _AXES]
        self._columns = [available.index(name) for name in (*names, *axes)]
        self._count = len(available)
        own = [variable.name for variable in self._game.get_available_game_variables()]
        names_of_state = tuple(dict.fromkeys((*own, *_NUMBERS)))
        self.numbers = tuple(name.lower() for name in names_of_state)
        self._variables = [getattr(vizdoom.GameVariable, name) for name in names_of_state]
        self._boxes: list[Box] = []
        self._size = size
        self._picture = np.zeros((size[1], size[0], 3), np.uint8)
        self._sound = np.zeros(SAMPLE_RATE // FPS, np.float32) if sounds else None
        self.info = WorldInfo(
            name=world,
            title=f"ViZDoom: {scenario.replace('_', ' ')}",
            description="A scenario of ViZDoom with Freedoom: real, not generated.",
            width=size[0],
            height=size[1],
            buttons=tuple(_button(name, available) for name in names),
            axes=tuple(_AXES[name] for name in axes),
            fps=FPS,
            sample_rate=SAMPLE_RATE if sounds else None,
            chunk_frames=(2,),
        )

    def reset(self, seed: int) -> None:
        if not self._game.is_running():
            self._game.init()
        self._game.set_seed(seed)
        self._game.new_episode()

    def step(self, inputs: Inputs) -> bool:
        action = [0.0] * self._count
        for column, value in zip(self._columns, inputs, strict=True):
            action[column] = float(value)
        self._game.make_action(action, 1)
        state = self._game.get_state()
        if self._sound is not None:
            self._sound = np.zeros_like(self._sound) if state is None else _mono(state)
        if state is not None:  # else the episode is over: the last picture stays
            self._picture = np.array(state.screen_buffer)
        self._boxes = [] if state is None else _boxes(state, self._size)
        return bool(self._game.is_episode_finished())

    def picture(self) -> Image:
        return self._picture

    def sound(self) -> NDArray[np.float32] | None:
        return self._sound

    def state(self) -> NDArray[np.float32]:
        """After the last frame: (numbers,)."""
        values = [self._game.get_game_variable(variable) for variable in self._variables]
        return np.array(values, np.float32)

    def boxes(self) -> list[Box]:
        """What is seen in the last frame."""
        return self._boxes

    def close(self) -> None:
        self._game.close()


def resolutions() -> tuple[tuple[int, int], ...]:
    """(width, height) that ViZDoom renders, smaller ones first."""
    names = (name.removeprefix("RES_").split("X") for name in vizdoom.ScreenResolution.__members__)
    return tuple(sorted((int(width), int(height)) for width, height in names))


def scenarios() -> tuple[str, ...]:
    """Those for one player that ViZDoom brings along."""
    folder = Path(vizdoom.scenarios_path)
    names = sorted(path.stem for path in folder.glob("*.cfg") if path.with_suffix(".wad").exists())
    return tuple(name for name in names if not name.startswith(_NOT_ALONE))


def _game(scenario: str, sounds: bool, size: tuple[int, int], labels: bool) -> vizdoom.DoomGame:
    game = vizdoom.DoomGame()
    game.load_config(str(Path(vizdoom.scenarios_path) / f"{scenario}.cfg"))
    game.set_window_visible(False)
    game.set_mode(vizdoom.Mode.PLAYER)
    game.set_screen_resolution(getattr(vizdoom.ScreenResolution, f"RES_{size[0]}X{size[1]}"))
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_labels_buffer_enabled(labels)
    game.set_audio_buffer_enabled(sounds)
    if sounds:
        game.set_audio_sampling_rate(vizdoom.SamplingRate.SR_22050)
        game.set_audio_buffer_size(1)  # tics
        game.add_game_args("+snd_efx 0")  # with it, some versions abort
    return game


def _button(name: str, available: list[str]) -> Button:
    key = _BUTTONS[name]
    turn, arrow = _ASIDE.get(name, ("", ""))
    keys = (*key.keys, arrow) if arrow and turn not in available else key.keys
    return Button(name.lower(), key.label, keys, key.gamepad)


def _boxes(state: vizdoom.GameState, size: tuple[int, int]) -> list[Box]:
    width, height = size
    return [
        Box(
            label.object_name, label.object_category, label.object_id,
            label.x / width, label.y / height, label.width / width, label.height / height,
        )
        for label in state.labels or ()
    ]  # fmt: skip


def _mono(state: vizdoom.GameState) -> NDArray[np.float32]:
    stereo = np.asarray(state.audio_buffer, np.float32)  # (630, 2), 16 bits
    mono: NDArray[np.float32] = stereo.mean(1) / 32768
    return mono
