"""A result that `lightcone bench ... --json` has written, read again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightcone.bench.errors import BenchError
from lightcone.bench.results.envelope import SCHEMA

NOT_MEASURED = {"pressed", "share", "receipt_error_frames"}
"""Numbers of a sample that are no duration."""


@dataclass(frozen=True)
class Result:
    """`series` are all raw durations in milliseconds by name, such as `samples.photon`."""

    file: str
    command: str
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    content: Mapping[str, Any]
    series: Mapping[str, list[float]]


def read(path: Path) -> Result:
    """Raises BenchError, with one readable line, where it is no such file."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        raise BenchError(f"{path} can not be read: {error.strerror}") from error
    except ValueError as error:
        raise BenchError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or "schema" not in content:
        raise BenchError(f"{path} is no result of `lightcone bench ... --json`")
    if content["schema"] != SCHEMA:
        raise BenchError(f"{path} has schema {content['schema']!r}, and this is {SCHEMA}")
    parts = {name: content.get(name) for name in ("settings", "machine")}
    if missing := [name for name, part in parts.items() if not isinstance(part, dict)]:
        raise BenchError(f"{path} says nothing of {' and '.join(missing)}")
    return Result(
        file=str(path),
        command=str(content.get("command")),
        settings=content["settings"],
        machine=content["machine"],
        content=content,
        series=dict(_series(content)),
    )


def _series(content: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, list[float]]]:
    """From every list that is named `samples` or `samples_ms`."""
    for name, value in content.items():
        if name == "samples_ms" and isinstance(value, list):
            yield f"{where}{name}", [float(each) for each in value if _number(each)]
        elif name == "samples" and isinstance(value, list):
            yield from _columns(value, f"{where}{name}.")
        elif isinstance(value, dict):
            yield from _series(value, f"{where}{name}.")


def _columns(rows: list[Any], where: str) -> Iterator[tuple[str, list[float]]]:
    rows = [row for row in rows if isinstance(row, dict)]
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [float(row[name]) for row in rows if _number(row.get(name))]
        if values and name not in NOT_MEASURED:
            yield where + name, values


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
