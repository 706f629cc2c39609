"""The actions file of `lightcone generate`: JSON lines, each from media time `t` (seconds) on.

    {"t": 1.25, "buttons": ["right"]}                          exactly these are held
    {"t": 1.5, "axes": {"turn": 0.5}}                          exactly these are moved
    {"t": 2, "prompt": "night", "how": "blend", "chunks": 12}  the world in other words

A line may say several of these; what it does not name goes on as it was. Times never decrease.
Empty lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeGuard, get_args

from lightcone.model.interface import (
    How,
    WorldInfo,
)
from lightcone.server.control.protocol import (
    MAX_BLEND,
    MAX_PROMPT,
)
from lightcone.server.errors import LightconeError

MAX_T = 1e9  # seconds
MEMBERS = {"t", "buttons", "axes", "prompt", "how", "chunks"}


class ActionsFileError(LightconeError):
    """The file can not be read, or line `line` (from 1; 0: the file) is wrong."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class NewPrompt:
    text: str
    how: How = "cut"
    chunks: int = 12


@dataclass(frozen=True)
class Line:
    """From `t` seconds on; None is as before. `number` is where it stands in its file."""

    t: float
    buttons: frozenset[str] | None = None
    axes: Mapping[str, float] | None = None
    prompt: NewPrompt | None = None
    number: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Timeline:
    """What happens when; `lines` in order of time."""

    lines: tuple[Line, ...] = ()

    def held(self, frame: int, fps: int) -> frozenset[str]:
        """What frame `frame` shows: what is held when it is due, and whatever was pressed
        since the frame before, so that a short tap is not lost."""
        now, before = frame / fps, (frame - 1) / fps
        held: frozenset[str] = frozenset()
        tapped: frozenset[str] = frozenset()
        for line in self.lines:
            if line.t > now:
                break
            if line.buttons is None:
                continue
            if line.t > before:
                tapped |= line.buttons - held
            held = line.buttons
        return held | tapped

    def axes(self, frame: int, fps: int) -> Mapping[str, float]:
        """How far each axis is moved when frame `frame` is due."""
        moved = [line.axes for line in self._until(frame / fps) if line.axes is not None]
        return moved[-1] if moved else {}

    def prompts_until(self, frame: int, fps: int) -> list[NewPrompt]:
        """All prompts up to when frame `frame` is due, in order."""
        return [line.prompt for line in self._until(frame / fps) if line.prompt is not None]

    def _until(self, now: float) -> list[Line]:
        return [line for line in self.lines if line.t <= now]


def read_actions(path: Path, info: WorldInfo) -> Timeline:
    """Parse the file for this world. Raises ActionsFileError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ActionsFileError(path, 0, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ActionsFileError(path, 0, "not UTF-8 text") from error
    return parse_actions(text, info, path)


def parse_actions(text: str, info: WorldInfo, path: Path) -> Timeline:
    """Raises ActionsFileError, which names `path`."""
    lines: list[Line] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            parsed = _parse_line(line, info)
            if lines and parsed.t < lines[-1].t:
                raise ValueError(f"t {parsed.t:g} is before the line above ({lines[-1].t:g})")
        except ValueError as error:
            raise ActionsFileError(path, number, str(error)) from error
        lines.append(replace(parsed, number=number))
    return Timeline(tuple(lines))


def _parse_line(line: str, info: WorldInfo) -> Line:
    """Raises ValueError with a reason."""
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError('expected an object {"t": ..., "buttons": [...]}')
    if extra := sorted(value.keys() - MEMBERS):
        raise ValueError(f"unknown member '{extra[0]}'")
    if not value.keys() & {"buttons", "axes", "prompt"}:
        raise ValueError("expected buttons, axes or a prompt")
    return Line(_time(value), _buttons(value, info), _axes(value, info), _prompt(value))


def _time(value: dict[str, Any]) -> float:
    t = value.get("t")
    if not _is_number(t):
        raise ValueError("t must be a number of seconds")
    if not 0 <= t <= MAX_T:
        raise ValueError(f"t must be from 0 to {MAX_T:g}")
    return float(t)


def _buttons(value: dict[str, Any], info: WorldInfo) -> frozenset[str] | None:
    if "buttons" not in value:
        return None
    names, known = value["buttons"], [button.name for button in info.buttons]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("buttons must be a list of names")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"unknown button '{unknown[0]}' (known: {', '.join(known)})")
    return frozenset(names)


def _axes(value: dict[str, Any], info: WorldInfo) -> dict[str, float] | None:
    if "axes" not in value:
        return None
    moved, known = value["axes"], {axis.name: axis for axis in info.axes}
    if not isinstance(moved, dict) or not all(_is_number(each) for each in moved.values()):
        raise ValueError('axes must be an object {"name": number}')
    if unknown := [name for name in moved if name not in known]:
        raise ValueError(f"unknown axis '{unknown[0]}' (known: {', '.join(known)})")
    for name, strength in moved.items():
        axis = known[name]
        if not axis.low <= strength <= axis.high:
            raise ValueError(f"axis {name} must be from {axis.low:g} to {axis.high:g}")
    return {name: float(strength) for name, strength in moved.items()}


def _prompt(value: dict[str, Any]) -> NewPrompt | None:
    if "prompt" not in value:
        if extra := sorted(value.keys() & {"how", "chunks"}):
            raise ValueError(f"{extra[0]} without a prompt")
        return None
    text, how, chunks = value["prompt"], value.get("how", "cut"), value.get("chunks", 12)
    if not isinstance(text, str) or len(text) > MAX_PROMPT:
        raise ValueError(f"prompt must be a text of at most {MAX_PROMPT} characters")
    if how not in get_args(How):
        raise ValueError(f"how must be one of {', '.join(get_args(How))}")
    if isinstance(chunks, bool) or not isinstance(chunks, int) or not 1 <= chunks <= MAX_BLEND:
        raise ValueError(f"chunks must be a whole number from 1 to {MAX_BLEND}")
    return NewPrompt(text, how, chunks)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
