"""Which keys the queries of a batch see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Span = tuple[int, int]
"""Places of keys, from the first to before the second."""


@dataclass(frozen=True)
class Plan:
    """Of rows side by side, whose keys are laid out in equally many places, not all of which hold
    one.

    `queries`, `keys`: of each row, empty places included. `spans`: by row the places that are seen,
    ascending and apart, such as a sink and a window; there may be empty ones. `causal`: the last
    query of a row sees all of them, each one before it a key less; the last span is at least as
    long as there are queries. `repeat`: how many neighbouring rows of the tensors share one of the
    plan. Raises ValueError.
    """

    queries: int
    keys: int
    spans: tuple[tuple[Span, ...], ...]
    causal: bool = False
    repeat: int = 1

    def __post_init__(self) -> None:
        for row in self.spans:
            places = [place for span in row for place in span]
            if not row or places != sorted(places) or places[0] < 0 or places[-1] > self.keys:
                raise ValueError(f"{row} are no spans of {self.keys} places")
            if not self.lengths(row):
                raise ValueError("a row sees nothing")
            if self.causal and row[-1][1] - row[-1][0] < self.queries:
                raise ValueError(f"{self.queries} causal queries need as many keys at the end")

    @staticmethod
    def first(queries: int, lengths: Sequence[int], keys: int | None = None) -> Plan:
        """Of keys that come first in each row."""
        most = max(lengths) if keys is None else keys
        return Plan(queries, most, tuple(((0, length),) for length in lengths))

    @staticmethod
    def lengths(row: Sequence[Span]) -> int:
        return sum(end - start for start, end in row)

    @property
    def whole(self) -> bool:
        """Every query sees every key."""
        full = all(self.lengths(row) == self.keys for row in self.spans)
        return full and not (self.causal and self.queries > 1)

    def parts(self) -> Iterator[Plan]:
        """Plans of one span in each row, whose results together are those of this one."""
        most = max(len(row) for row in self.spans)
        for i in range(most):
            at = i - most  # from the end, where the causal ones are
            yield _Part(
                self.queries,
                self.keys,
                tuple((row[at] if len(row) >= -at else (0, 0),) for row in self.spans),
                self.causal and at == -1,
                self.repeat,
            )

    def mask(self, like: Tensor) -> Tensor:
        """Additive, of `like`'s device and number format: (B or 1, 1, queries or 1, keys)."""
        device = like.device
        most = max(len(row) for row in self.spans)
        rows = [[*row, *[(0, 0)] * (most - len(row))] for row in self.spans]
        at = torch.arange(self.keys, device=device)
        bounds = torch.tensor(rows, device=device)[..., None]  # (B, spans, 2, 1)
        seen = ((at >= bounds[:, :, 0]) & (at < bounds[:, :, 1])).any(1)[:, None]  # (B, 1, keys)
        if self.causal:
            last = torch.tensor([row[-1][1] for row in self.spans], device=device)
            newest = last[:, None] - self.queries + torch.arange(self.queries, device=device)
            seen = seen & (at <= newest[..., None])  # (B, queries, keys)
        mask = torch.zeros(seen.shape, device=device, dtype=like.dtype)
        mask = mask.masked_fill_(~seen, float("-inf"))[:, None]
        if self.repeat > 1 and len(self.spans) > 1:
            mask = mask[:, None].expand(-1, self.repeat, -1, -1, -1).flatten(0, 1)
        return mask


class _Part(Plan):
    """One whose rows may see nothing: others see what they do."""

    def __post_init__(self) -> None: ...
