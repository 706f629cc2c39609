"""Attention of a batch under a plan, where its tensors are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.runtime.attention.fused import Fused, fusible
from lightcone.model.runtime.attention.plan import Plan


class Planned:
    """A plan for tensors like one, which is given; what attention needs of it is made here, once,
    as that waits for the device."""

    def __init__(self, plan: Plan, like: Tensor) -> None:
        self.plan = plan
        self.fused = Fused(plan, like.device) if fusible(like) else None
        self._mask = None if plan.whole or self.fused is not None else plan.mask(like)

    def mask(self, q: Tensor) -> Tensor | None:
        """See `Plan.mask`; None where every query sees every key."""
        if self._mask is None and not self.plan.whole:
            return self.plan.mask(q)  # no kernel takes it, or gradients are wanted after all
        return self._mask


def attend(q: Tensor, k: Tensor, v: Tensor, planned: Planned | None = None) -> Tensor:
    """softmax(q k^T / sqrt(D)) v, of the keys that the plan names; of all without one.

    `q`: (B, H, N, D), `k`, `v`: (B, H, M, D). Returns (B, H, N, D).
    """
    if fusible(q):
        fused = Fused(None, q.device) if planned is None else planned.fused
        out = None if fused is None else fused(q, k, v)
        if out is not None:
            return out
    mask = None if planned is None else planned.mask(q)
    if not q.is_cuda and (torch.is_grad_enabled() or q.shape[2] == 1):
        # On CPU SDPA's backward is several times slower than these plain products, and so is its
        # forward for a single query.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores + mask
        return scores.softmax(-1) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
