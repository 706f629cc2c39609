"""Reports for people: the figures of the JSON, one indented line for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def lines(report: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, value in report.items():
        name = key.replace("_", " ")
        if not isinstance(value, Mapping):
            yield f"{indent}{name}: {_text(value)}"
        elif "intervals" in value:
            yield f"{indent}{name}: {_spread(value)}"
        elif all(not isinstance(each, Mapping | list) for each in value.values()):
            yield f"{indent}{name}: " + "  ".join(f"{k} {_text(v)}" for k, v in value.items())
        else:
            yield f"{indent}{name}:"
            yield from lines(value, indent + "  ")


def _spread(values: Mapping[str, Any]) -> str:
    """Percentiles, each with the interval that it is in with 95 %."""
    parts = []
    for name, value in values.items():
        low, high = values["intervals"].get(name, (None, None))
        if name != "intervals":
            sure = "" if low is None else f" ({_text(low)} to {_text(high)})"
            parts.append(f"{name} {_text(value)}{sure}")
    return "  ".join(parts)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        return f"{len(value)}, in the JSON"
    return str(value)
