"""What a world is to everything outside `model/`: a pure step over explicit state.

numpy and the standard library only, so that callers can import it without torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

FPS = 24
SAMPLE_RATE = 24_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

Actions = NDArray[np.float32]
"""What is held during one chunk, frame by frame: (frames_per_chunk, buttons + axes). Columns of
buttons, 0 or 1, in the order of `WorldInfo.buttons`; then those of axes, within their `low` and
`high`, in the order of `WorldInfo.axes`."""

How = Literal["cut", "blend", "recache"]
"""How a running world takes a new prompt: at once, little by little, or at once with what is
remembered of the world computed anew under the new words."""

PROMPT_BREAK = ";"
"""Parts prompts that are said one after the other: what the later one names wins."""

AT_REST: Mapping[str, float] = MappingProxyType({})
"""No axis is moved."""


class ModelError(Exception):
    """Anything the model refuses at its edge; the message is one readable line."""


class UnknownWorld(ModelError):
    """No world has this name."""


class WeightsError(ModelError):
    """Weights are missing, corrupt, or made for another architecture."""


class UnsupportedSetting(ModelError):
    """A number of steps, a device, or a size of pictures that can not be had."""


class PromptError(ModelError):
    """A prompt holds words that the world does not know, or two that do not go together ("red
    board"); `words` names them."""

    def __init__(self, words: Sequence[str], known: Sequence[str]) -> None:
        self.words = tuple(words)
        self.known = tuple(known)
        unknown = [word for word in words if " " not in word]
        apart = [word for word in words if " " in word]
        told = []
        if unknown:
            those = f"(known: {', '.join(self.known)})"
            told.append(f"unknown words in the prompt: {', '.join(unknown)} {those}")
        if apart:
            told.append(f"words that do not go together: {', '.join(apart)}")
        super().__init__("; ".join(told))


@dataclass(frozen=True)
class GamepadBinding:
    """One input of the W3C standard gamepad layout.

    `kind` is "button" (pressed) or "axis" (beyond half way towards `direction`, -1 or +1).
    """

    kind: str
    index: int
    direction: int = 0


@dataclass(frozen=True)
class Button:
    """One control of a world: its name in action files and messages, and default bindings."""

    name: str
    label: str
    keys: tuple[str, ...]  # W3C UI Events `code` values
    gamepad: tuple[GamepadBinding, ...] = ()


@dataclass(frozen=True)
class Axis:
    """One control that has a strength: 0 at rest, from `low` to `high`.

    With `mouse` "x", sideways motion of the mouse moves it, right towards `high`. `gamepad` is
    of kind "axis"; the stick's end in `direction` is `high`.
    """

    name: str
    label: str
    low: float
    high: float
    mouse: Literal["x"] | None = None
    gamepad: GamepadBinding | None = None


@dataclass(frozen=True)
class WorldInfo:
    """The fixed facts of a world."""

    name: str
    title: str
    description: str
    width: int
    height: int
    frames_per_chunk: int
    buttons: tuple[Button, ...]
    words: tuple[str, ...] = ()  # what a prompt may say
    changing_words: tuple[str, ...] = ()  # those of `words` that a running world can follow
    axes: tuple[Axis, ...] = ()

    @property
    def samples_per_chunk(self) -> int:
        return self.frames_per_chunk * SAMPLES_PER_FRAME

    @property
    def chunk_seconds(self) -> float:
        return self.frames_per_chunk / FPS

    def actions(self, held: Sequence[str], axes: Mapping[str, float] = AT_REST) -> Actions:
        """Actions of one chunk in which exactly `held` is held and exactly `axes` are moved.
        Unknown names raise KeyError."""
        controls: tuple[Button | Axis, ...] = (*self.buttons, *self.axes)
        index = {control.name: i for i, control in enumerate(controls)}
        out = np.zeros((self.frames_per_chunk, len(controls)), np.float32)
        for name in held:
            out[:, index[name]] = 1.0
        for name, value in axes.items():
            out[:, index[name]] = value
        return out


@dataclass(frozen=True)
class Chunk:
    """One step's picture and the sound of exactly that time."""

    index: int
    frames: NDArray[np.uint8]  # (frames_per_chunk, H, W, 3) RGB
    sound: NDArray[np.float32]  # (frames_per_chunk * 1000,) mono, 24 kHz, within [-1, 1]


class World(Protocol):
    """A world: everything that changes is in the state, nothing is hidden between calls."""

    @property
    def info(self) -> WorldInfo: ...

    def start(self, seed: int, prompt: str = "", image: NDArray[np.uint8] | None = None) -> Any:
        """The state before the first chunk, which goes on from `image`, (H, W, 3) RGB of the
        world's size, where one is given. Raises PromptError."""
        ...

    def prompt(self, state: Any, prompt: str, how: How, chunks: int) -> tuple[Any, int]:
        """The state under a new prompt, and the index of the first chunk that shows it fully:
        the next one, or with "blend" the last of the next `chunks`. What the prompt does not
        name stays, so "" changes nothing. The given state stays as it was. Raises PromptError,
        also for words that only a start can follow."""
        ...

    def step(
        self, states: Sequence[Any], actions: Sequence[Actions]
    ) -> tuple[list[Any], list[Chunk]]:
        """The next chunk of each world. A failed step has changed nothing: the given states can
        be stepped again. After a step that succeeded, go on from the new ones."""
        ...
