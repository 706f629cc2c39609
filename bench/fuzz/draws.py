"""What a fuzzer's input is read as: choices and values, drawn one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

MAX_TEXT = 40
MAX_DEPTH = 4


class Provider(Protocol):
    """The part of `atheris.FuzzedDataProvider` that is used."""

    def ConsumeIntInRange(self, low: int, high: int) -> int: ...
    def ConsumeInt(self, size: int) -> int: ...
    def ConsumeFloat(self) -> float: ...
    def ConsumeBool(self) -> bool: ...
    def ConsumeBytes(self, size: int) -> bytes: ...
    def ConsumeUnicodeNoSurrogates(self, size: int) -> str: ...
    def remaining_bytes(self) -> int: ...


def pick(draw: Provider, among: Sequence[T]) -> T:
    return among[draw.ConsumeIntInRange(0, len(among) - 1)]


def text(draw: Provider) -> str:
    return draw.ConsumeUnicodeNoSurrogates(MAX_TEXT)


def value(draw: Provider, names: Sequence[str], depth: int = 0) -> object:
    """Anything that msgpack can hold; texts are often one of `names`."""
    kinds = 7 if depth < MAX_DEPTH else 5
    match draw.ConsumeIntInRange(0, kinds):
        case 0:
            return draw.ConsumeInt(8)
        case 1:
            return draw.ConsumeFloat()
        case 2:
            return pick(draw, names)
        case 3:
            return text(draw)
        case 4:
            return draw.ConsumeBytes(MAX_TEXT)
        case 5:
            return pick(draw, (None, True, False, 0, 1, -1, 2**53, float("nan"), ""))
        case 6:
            return [value(draw, names, depth + 1) for _ in range(draw.ConsumeIntInRange(0, 4))]
        case _:
            return entries(draw, names, depth + 1)


def entries(draw: Provider, names: Sequence[str], depth: int = 0) -> dict[str, object]:
    """A map of some names to anything."""
    keys = [pick(draw, names) if draw.ConsumeBool() else text(draw) for _ in range(_few(draw))]
    return {key: value(draw, names, depth) for key in keys}


def _few(draw: Provider) -> int:
    return draw.ConsumeIntInRange(0, 6)
