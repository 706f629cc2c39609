"""What a CUDA graph does, on a CPU: operators on fixed memory, repeated without any Python of the
model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Tape(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self._operators: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._operators.append((func, args, kwargs or {}, out))
        return out

    def repeat(self) -> None:
        """Into the same results; views and what is written in place are there already."""
        for func, args, kwargs, out in self._operators:
            for place, found in zip(tensors(out), tensors(func(*args, **kwargs)), strict=True):
                if place.data_ptr() != found.data_ptr():
                    place.copy_(found)


class Recorder:
    """A `Record` that counts."""

    def __init__(self) -> None:
        self.recordings = self.repetitions = 0

    def __call__(self, work: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        self.recordings += 1
        with Tape() as tape:
            out = work()

        def repeat() -> None:
            self.repetitions += 1
            tape.repeat()

        return out, repeat


def tensors(found: Any) -> Iterator[Tensor]:
    if isinstance(found, Tensor):
        yield found
    elif isinstance(found, tuple | list):
        for each in found:
            yield from tensors(each)
