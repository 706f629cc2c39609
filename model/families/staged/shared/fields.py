"""Records of tensors that are indexed and stacked as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Fields:
    """The base of such a record: a frozen dataclass of tensors, or of further records, that share
    their first axes, (B,) for one moment of B worlds, (B, T) for T frames of them."""

    def __getitem__(self, index: Any) -> Self:
        """Index every field as one indexes a tensor."""
        return type(self)(**{k: v[index] for k, v in vars(self).items()})

    @classmethod
    def stack(cls, states: Sequence[Self], dim: int) -> Self:
        """Stack the fields of several states along a new axis."""
        stacked: dict[str, Any] = {}
        for f in fields(cls):
            parts = [getattr(s, f.name) for s in states]
            whole = type(parts[0]).stack if isinstance(parts[0], Fields) else torch.stack
            stacked[f.name] = whole(parts, dim)
        return cls(**stacked)

    def flatten(self) -> Self:
        """Fields (B, T, ...) -> (B * T, ...)."""
        return type(self)(
            **{k: v.flatten() if isinstance(v, Fields) else v.flatten(0, 1)
               for k, v in vars(self).items()}
        )  # fmt: skip

    @property
    def axes(self) -> torch.Size:
        """(B,) or (B, T), and what the first field has beyond."""
        return self._first().shape

    @property
    def device(self) -> torch.device:
        return self._first().device

    def _first(self) -> Tensor:
        first = next(iter(vars(self).values()))
        return first._first() if isinstance(first, Fields) else first
