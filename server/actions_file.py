"""The actions file of `lightcone generate`: JSON lines `{"t": 1.25, "buttons": ["right"]}`.

From media time `t` (seconds) on, exactly these buttons are held, until the next line. Times
never decrease. Empty lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.errors import LightconeError

MAX_T = 1e9  # seconds


class ActionsFileError(LightconeError):
    """The file can not be read, or line `line` (from 1; 0: the file) is wrong."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.line = line
        self.reason = reason


@dataclass(frozen=True)
class Held:
    """From `t` seconds on, `buttons` are held."""

    t: float
    buttons: frozenset[str]


@dataclass(frozen=True)
class Timeline:
    """What is held when; `lines` in order of time."""

    lines: tuple[Held, ...] = ()

    def held(self, frame: int, fps: int) -> frozenset[str]:
        """What frame `frame` shows: what is held when it is due, and whatever was pressed
        since the frame before, so that a short tap is not lost."""
        now, before = frame / fps, (frame - 1) / fps
        held: frozenset[str] = frozenset()
        tapped: frozenset[str] = frozenset()
        for line in self.lines:
            if line.t > now:
                break
            if line.t > before:
                tapped |= line.buttons - held
            held = line.buttons
        return held | tapped


def read_actions(path: Path, buttons: Iterable[str]) -> Timeline:
    """Parse the file for a world with these buttons. Raises ActionsFileError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ActionsFileError(path, 0, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ActionsFileError(path, 0, "not UTF-8 text") from error
    return parse_actions(text, buttons, path)


def parse_actions(text: str, buttons: Iterable[str], path: Path) -> Timeline:
    """Raises ActionsFileError, which names `path`."""
    known = tuple(buttons)
    lines: list[Held] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            held = _parse_line(line, known)
            if lines and held.t < lines[-1].t:
                raise ValueError(f"t {held.t:g} is before the line above ({lines[-1].t:g})")
        except ValueError as error:
            raise ActionsFileError(path, number, str(error)) from error
        lines.append(held)
    return Timeline(tuple(lines))


def _parse_line(line: str, known: tuple[str, ...]) -> Held:
    """Raises ValueError with a reason."""
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError('expected an object {"t": ..., "buttons": [...]}')
    if extra := sorted(value.keys() - {"t", "buttons"}):
        raise ValueError(f"unknown member '{extra[0]}'")
    return Held(_time(value), _buttons(value, known))


def _time(value: dict[str, Any]) -> float:
    t = value.get("t")
    if isinstance(t, bool) or not isinstance(t, int | float):
        raise ValueError("t must be a number of seconds")
    if not 0 <= t <= MAX_T:
        raise ValueError(f"t must be from 0 to {MAX_T:g}")
    return float(t)


def _buttons(value: dict[str, Any], known: tuple[str, ...]) -> frozenset[str]:
    names = value.get("buttons")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("buttons must be a list of names")
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"unknown button '{unknown[0]}' (known: {', '.join(known)})")
    return frozenset(names)
