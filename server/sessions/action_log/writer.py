"""Writes an action log."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, BinaryIO

import numpy as np

from lightcone.model.interface import Actions, How
from lightcone.server.sessions.action_log.entries import LogStart, Shape
from lightcone.server.sessions.action_log.lines import CHECK_BYTES, VERSION, last_line, line_of


class LogWriter:
    """Writes a log into an open file, each line as soon as it is known."""

    def __init__(self, file: BinaryIO, start: LogStart) -> None:
        self._file = file
        self._check = blake2b(digest_size=CHECK_BYTES)
        self._chunks = 0
        self._first = start.frame
        self._last_row = np.zeros(len(start.controls), np.float32)
        self._write(_start_line(start))

    @property
    def first_frame(self) -> int:
        """To go back beyond this frame takes a snapshot."""
        return self._first

    def chunk(self, frame: int, actions: Actions, shape: Shape, digest: bytes) -> None:
        """`actions` (frames, controls)."""
        rows = np.ascontiguousarray(actions, np.float32)
        line: dict[str, Any] = {"f": frame, "n": len(rows)}
        changes = _changes(self._last_row, rows)
        if changes:
            line["a"] = [[_number(value) for value in row] for row in rows[:changes].tolist()]
        self._last_row = rows[-1]
        line["b"] = [shape.batch, shape.row, shape.threads, shape.steps]
        line["d"] = digest.hex()
        self._chunks += 1
        self._write(line)

    def prompt(self, frame: int, text: str, how: How, chunks: int) -> None:
        self._write({"prompt": text, "how": how, "chunks": chunks, "f": frame})

    def rewind(self, frame: int, snapshot: bytes | None = None) -> None:
        self._return("rewind", frame, snapshot)

    def restored(self, frame: int, snapshot: bytes | None = None) -> None:
        self._return("restored", frame, snapshot)

    def fork(self, frame: int, session: str) -> None:
        self._write({"fork": session, "f": frame})

    def last_line(self) -> bytes:
        """With which the log would be whole now."""
        return last_line(self._chunks, self._check.hexdigest())

    def end(self) -> None:
        """Nothing may be written after this."""
        self._file.write(self.last_line())
        self._file.flush()

    def _return(self, kind: str, frame: int, snapshot: bytes | None) -> None:
        line: dict[str, Any] = {kind: frame}
        if snapshot is not None:
            line["snapshot"] = _base64(snapshot)
            self._first = min(self._first, frame)
        self._write(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = line_of(line)
        self._check.update(data)
        self._file.write(data)


def _start_line(start: LogStart) -> dict[str, Any]:
    return {
        "lightcone_log": VERSION,
        "world": start.world,
        "seed": start.seed,
        "prompt": start.prompt,
        "fingerprint": start.fingerprint,
        "fps": start.fps,
        "controls": list(start.controls),
        "steps": start.steps,
        "threads": start.threads,
        "frame": start.frame,
        "image": None if start.image is None else _base64(start.image),
        "snapshot": None if start.snapshot is None else _base64(start.snapshot),
    }


def _changes(before: Actions, rows: Actions) -> int:
    """How many rows there are up to the last one that differs from the one before it."""
    previous = np.concatenate([before[None], rows[:-1]])
    differs = [a.tobytes() != b.tobytes() for a, b in zip(previous, rows, strict=True)]
    return max((i + 1 for i, different in enumerate(differs) if different), default=0)


def _number(value: float) -> float | int:
    """Whole numbers without a point, but for -0.0, which is none."""
    whole = value.is_integer() and (value != 0 or str(value) == "0.0")
    return int(value) if whole else value


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
