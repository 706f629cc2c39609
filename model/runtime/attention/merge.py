"""Results of attention to parts of the keys, put together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Partial = tuple[Tensor, Tensor]
"""What queries get from some of their keys, (..., D), and the log of the sum of the exponentials of
their scores, (...); -inf where there are no such keys."""


def merged(parts: Sequence[Partial]) -> Tensor:
    """What they get from all keys: each part weighs as much as its sum (as in flash decoding, Dao
    et al. 2023)."""
    if len(parts) == 1:
        return parts[0][0]
    sums = torch.stack([lse for _, lse in parts])
    shares = (sums - sums.logsumexp(0)).exp()[..., None]
    out = [
        torch.where(share > 0, share * x, 0.0) for share, (x, _) in zip(shares, parts, strict=True)
    ]
    return torch.stack(out).sum(0).to(parts[0][0].dtype)
