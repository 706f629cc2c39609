"""Where and in which format keys and values of chunks are kept: each in memory of its own, or in an
arena of equal blocks whose bytes are taken at once; as they are, or as eight-bit numbers."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from threading import Lock

import torch
from torch import Tensor

from lightcone.model.interface import ModelError
from lightcone.model.runtime.fp8 import FORMAT, quantised

Shape = tuple[int, ...]

_ALIGNED = 256  # bytes: each tensor of a block begins at a multiple


@dataclass(frozen=True, eq=False)
class Kept:
    """Tensors of one chunk; nobody writes to them. Eight-bit ones have scales, by head."""

    values: tuple[Tensor, ...]
    scales: tuple[Tensor, ...]
    dtype: torch.dtype

    def read(self, index: int) -> Tensor:
        if not self.scales:
            return self.values[index]
        return self.values[index].to(self.dtype) * self.scales[index].to(self.dtype)

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (*self.values, *self.scales))


class Arena:
    """So many blocks of equal size. A block is free again when the last that holds it is gone, so
    forks share it. Thread-safe."""

    def __init__(self, blocks: int, block_bytes: int, device: torch.device) -> None:
        self._memory = torch.empty(blocks, block_bytes, dtype=torch.uint8, device=device)
        self._free = list(reversed(range(blocks)))
        self._lock = Lock()

    @property
    def free(self) -> int:
        """Blocks."""
        return len(self._free)

    def placed(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], int]:
        """Copies of them in a free block, and which it is. Raises ModelError where none is free."""
        with self._lock:
            if not self._free:
                raise ModelError(
                    f"all {len(self._memory)} blocks of keys and values are in use: fewer sessions "
                    "or moments (--max-sessions, --history-s), or a larger arena (--kv-gb)"
                )
            block = self._free.pop()
        at, out = 0, []
        for tensor in tensors:
            size = tensor.numel() * tensor.element_size()
            place = self._memory[block, at : at + size].view(tensor.dtype).view(tensor.shape)
            out.append(place.copy_(tensor))
            at += -(-size // _ALIGNED) * _ALIGNED
        return out, block

    def give_back(self, block: int) -> None:
        with self._lock:
            self._free.append(block)


class Store:
    def __init__(self, *, fp8: bool = False, arena: Arena | None = None) -> None:
        self._fp8, self._arena = fp8, arena

    def keep(self, *tensors: Tensor) -> Kept:
        """Raises ModelError where an arena is full."""
        if self._fp8:
            pairs = [quantised(tensor, (-2, -1)) for tensor in tensors]
            parts = [value for value, _ in pairs] + [scale for _, scale in pairs]
        else:
            parts = list(tensors)
        count = len(tensors)
        if self._arena is None:
            parts = [part.clone() for part in parts]
            return Kept(tuple(parts[:count]), tuple(parts[count:]), tensors[0].dtype)
        parts, block = self._arena.placed(parts)
        kept = Kept(tuple(parts[:count]), tuple(parts[count:]), tensors[0].dtype)
        weakref.finalize(kept, self._arena.give_back, block).atexit = False
        return kept


def block_bytes(shapes: Sequence[Shape], dtype: torch.dtype, *, fp8: bool) -> int:
    """Of a chunk's tensors of these shapes in an arena."""
    sizes = [prod(shape) * (FORMAT if fp8 else dtype).itemsize for shape in shapes]
    if fp8:
        sizes += [prod(shape[:-2]) * torch.float32.itemsize for shape in shapes]
    return sum(-(-size // _ALIGNED) * _ALIGNED for size in sizes)
