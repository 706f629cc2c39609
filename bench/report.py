"""Reports for people: the figures of the JSON, one indented line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(report: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in report.items():
        name = key.replace("_", " ")
        if not isinstance(value, Mapping):
            yield f"{indent}{name}: {_text(value)}"
        elif all(not isinstance(each, Mapping | list) for each in value.values()):
            yield f"{indent}{name}: " + "  ".join(f"{k} {_text(v)}" for k, v in value.items())
        else:
            yield f"{indent}{name}:"
            yield from lines(value, indent + "  ")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return f"{len(value)}, in the JSON"
    return str(value)
