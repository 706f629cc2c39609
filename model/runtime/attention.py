"""Attention behind one function: xformers on CUDA, torch's SDPA on CPU."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn import functional as F


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(D) + mask) v.

    `q`: (B, H, N, D), `k`, `v`: (B, H, M, D), `mask`: additive, broadcastable to (B, H, N, M).
    Returns (B, H, N, D).
    """
    if q.is_cuda and mask is None and q.dtype != torch.float32 and find_spec("xformers"):
        from xformers.ops import memory_efficient_attention

        out: Tensor = memory_efficient_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        )
        return out.transpose(1, 2)
    if not q.is_cuda and (torch.is_grad_enabled() or q.shape[2] == 1):
        # On CPU SDPA's backward is several times slower than these plain products, and so is its
        # forward for a single query.
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores + mask
        return scores.softmax(-1) @ v
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
