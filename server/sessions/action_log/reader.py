"""Reads and checks an action log."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, get_args

import numpy as np

from lightcone.model.interface import Actions, How
from lightcone.server.errors import LightconeError
from lightcone.server.sessions.action_log.entries import (
    ActionLog,
    Entry,
    LoggedChunk,
    LoggedFork,
    LoggedPrompt,
    LoggedReturn,
    LogStart,
    Shape,
)
from lightcone.server.sessions.action_log.lines import CHECK_BYTES, VERSION, last_line

MAX_FRAMES = 4096  # of one chunk
MAX_SHAPE = 4096  # each number of a chunk's shape


class LogError(LightconeError):
    """The log can not be read; the message names what is wrong with it."""


def read_log(path: Path) -> ActionLog:
    """Raises LogError, which names the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LogError(f"{path}: {error.strerror or error}") from error
    try:
        return parse_log(data)
    except LogError as error:
        raise LogError(f"{path}: {error}") from error


def parse_log(data: bytes) -> ActionLog:
    """Raises LogError."""
    lines = data.split(b"\n")
    parser = _Parser(_parse_start(lines[0]))
    at = len(lines[0]) + 1
    for number, line in enumerate(lines[1:], 2):
        value = _json(line, f"line {number}") if line else {}
        if "end" in value or not line:
            break
        try:
            parser.add(value)
        except (KeyError, TypeError, ValueError) as error:
            missing = isinstance(error, KeyError)
            reason = f"{error} is missing" if missing else str(error)
            raise LogError(f"line {number}: {reason}") from error
        at += len(line) + 1
    else:
        line = b""
    if not line:
        raise LogError(f"the log ends early, after {parser.chunks} chunks")
    check = blake2b(data[:at], digest_size=CHECK_BYTES).hexdigest()
    if data[at:] != last_line(parser.chunks, check):
        raise LogError("the log is damaged: its bytes do not fit the check in its last line")
    return ActionLog(parser.start, tuple(parser.entries))


class _Parser:
    """Adds one entry after the other. Raises KeyError, TypeError or ValueError with a reason."""

    def __init__(self, start: LogStart) -> None:
        self.start = start
        self.entries: list[Entry] = []
        self.chunks = 0
        self._row = np.zeros(len(start.controls), np.float32)
        self._ends = [start.frame]  # frames that chunks on the way to the present end at

    def add(self, line: Mapping[str, Any]) -> None:
        if "prompt" in line:
            self.entries.append(self._prompt(line))
        elif "rewind" in line or "restored" in line:
            self.entries.append(self._return(line))
        elif "fork" in line:
            self.entries.append(LoggedFork(_whole(line, "f"), _text(line, "fork")))
        elif "f" in line:
            self.entries.append(self._chunk(line))
            self.chunks += 1
        else:
            raise ValueError("no kind of line that a log has")

    def _chunk(self, line: Mapping[str, Any]) -> LoggedChunk:
        frame, frames = _whole(line, "f"), _whole(line, "n", 1, MAX_FRAMES)
        self._follows(frame)
        actions = np.repeat(self._row[None], frames, axis=0)
        if "a" in line:
            rows = _rows(line["a"], len(self.start.controls))
            if not 1 <= len(rows) <= frames:
                raise ValueError(f"{len(rows)} rows of actions for {frames} frames")
            actions[: len(rows)] = rows
            actions[len(rows) :] = rows[-1]
        self._row = actions[-1]
        self._ends.append(frame + frames)
        return LoggedChunk(frame, actions, _shape(line["b"]), _digest(line))

    def _prompt(self, line: Mapping[str, Any]) -> LoggedPrompt:
        frame, how = _whole(line, "f"), line["how"]
        self._follows(frame)
        if how not in get_args(How):
            raise ValueError(f"how must be one of {', '.join(get_args(How))}")
        return LoggedPrompt(frame, _text(line, "prompt"), how, _whole(line, "chunks", 1))

    def _return(self, line: Mapping[str, Any]) -> LoggedReturn:
        crash = "restored" in line
        frame = _whole(line, "restored" if crash else "rewind")
        snapshot = _bytes(line, "snapshot")
        if snapshot is not None:
            self._ends = [frame]
        elif frame not in self._ends:
            raise ValueError(f"the session went back to frame {frame}, where no chunk ends")
        while self._ends[-1] > frame:
            self._ends.pop()
        return LoggedReturn(frame, crash, snapshot)

    def _follows(self, frame: int) -> None:
        if frame != self._ends[-1]:
            raise ValueError(f"frame {frame} does not follow: frame {self._ends[-1]} comes next")


def _parse_start(line: bytes) -> LogStart:
    value = _json(line, "this is no action log")
    if "lightcone_log" not in value:
        raise LogError("this is no action log")
    if value["lightcone_log"] != VERSION:
        version = str(value["lightcone_log"])[:20]
        raise LogError(f"a log of version {version}; this reads version {VERSION}")
    try:
        controls = value["controls"]
        if not isinstance(controls, list) or not all(isinstance(c, str) for c in controls):
            raise ValueError("controls must be a list of names")
        snapshot = _bytes(value, "snapshot")
        seed = None if snapshot and value["seed"] is None else _whole(value, "seed")
        return LogStart(
            world=_text(value, "world"),
            seed=seed,
            fingerprint=_text(value, "fingerprint"),
            fps=_whole(value, "fps", 1),
            controls=tuple(controls),
            prompt=_text(value, "prompt"),
            image=_bytes(value, "image"),
            snapshot=snapshot,
            frame=_whole(value, "frame"),
            steps=None if value["steps"] is None else _whole(value, "steps", 1, MAX_SHAPE),
            threads=_whole(value, "threads", 1, MAX_SHAPE),
        )
    except KeyError as error:
        raise LogError(f"line 1: {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise LogError(f"line 1: {error}") from error


def _json(line: bytes, where: str) -> dict[str, Any]:
    """Raises LogError."""

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is no number here")

    try:
        value = json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise LogError(f"{where}: not JSON") from error
    if not isinstance(value, dict):
        raise LogError(f"{where}: not an object")
    return value


def _whole(line: Mapping[str, Any], name: str, least: int = 0, most: int = 2**63 - 1) -> int:
    value = line[name]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, not {str(value)[:40]!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}")
    return value


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


def _bytes(line: Mapping[str, Any], name: str) -> bytes | None:
    value = line.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name} must be base64")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise ValueError(f"{name} must be base64: {error}") from error


def _digest(line: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(_text(line, "d"))
    except ValueError as error:
        raise ValueError("d must be hexadecimal") from error


def _shape(value: object) -> Shape:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError("b must be [batch, row, threads, steps]")
    named = dict(zip(("batch", "row", "threads", "steps"), value, strict=True))
    batch, threads, steps = (
        _whole(named, name, 1, MAX_SHAPE) for name in ("batch", "threads", "steps")
    )
    return Shape(batch, _whole(named, "row", 0, batch - 1), threads, steps)


def _rows(value: object, controls: int) -> Actions:
    if not isinstance(value, list) or not all(
        isinstance(row, list) and all(type(number) in (int, float) for number in row)
        for row in value
    ):
        raise ValueError("a must be rows of numbers")
    if any(len(row) != controls for row in value):
        raise ValueError(f"rows of actions do not fit the {controls} controls")
    try:
        with np.errstate(over="ignore"):
            rows = np.array(value, np.float32).reshape(len(value), controls)
    except OverflowError as error:
        raise ValueError("an action is too large") from error
    if not np.isfinite(rows).all():
        raise ValueError("an action is too large")
    return rows
