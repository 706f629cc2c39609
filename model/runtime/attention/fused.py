"""xformers' kernels, which are for CUDA; the biases that a plan becomes can be made anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from lightcone.model.runtime.attention.merge import merged
from lightcone.model.runtime.attention.plan import Plan

_FORMATS = (torch.float16, torch.bfloat16)
HAS_XFORMERS = find_spec("xformers") is not None


_wanted: ContextVar[bool] = ContextVar("kernels of xformers", default=True)


@contextmanager
def without_xformers() -> Iterator[None]:
    """For comparing: torch's SDPA on CUDA too."""
    token = _wanted.set(False)
    yield
    _wanted.reset(token)


def fusible(q: Tensor) -> bool:
    """Whether there are kernels for such queries. They are for inference."""
    fits = HAS_XFORMERS and q.is_cuda and q.dtype in _FORMATS and not torch.is_grad_enabled()
    return fits and _wanted.get()


def bias_of(plan: Plan, device: torch.device) -> Any:
    """The bias of xformers for a plan of one span in each row. None where every query sees every
    key, and the rows are an axis of the tensors; else rows lie one after the other."""
    from xformers.ops.fmha import attn_bias

    if plan.whole:
        return None
    rows = [span for (span,) in plan.spans for _ in range(plan.repeat)]
    queries, lengths = [plan.queries] * len(rows), [end - start for start, end in rows]
    if plan.causal or any(start for start, _ in rows):
        starts = [i * plan.keys + start for i, (start, _) in enumerate(rows)]
        kind = attn_bias.BlockDiagonalGappyKeysMask
        if plan.causal:
            kind = attn_bias.BlockDiagonalCausalWithOffsetGappyKeysMask
        return kind.from_seqlens(queries, [*starts, len(rows) * plan.keys], lengths, device=device)
    return attn_bias.BlockDiagonalPaddedKeysMask.from_seqlens(
        queries, plan.keys, lengths, device=device
    )


class Fused:
    """A plan as biases, one for each of its spans; without a plan every query sees every key."""

    def __init__(self, plan: Plan | None, device: torch.device) -> None:
        parts = [] if plan is None or plan.whole else list(plan.parts())
        self._biases = [bias_of(part, device) for part in parts]
        self._empty = [_empty_rows(part, device) for part in parts]

    def __call__(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor | None:
        """(B, H, N, D), (B, H, M, D) -> (B, H, N, D). None where no kernel takes them."""
        from xformers.ops import fmha

        q, k, v = (x.transpose(1, 2) for x in (q, k, v))  # (B, N, H, D)
        if not self._biases:
            kernel = _kernel(q, k, v, None)
            if kernel is None:
                return None
            out: Tensor = fmha.memory_efficient_attention_forward(q, k, v, op=kernel)
            return out.transpose(1, 2)
        shape = q.shape
        q, k, v = (x.reshape(1, -1, *x.shape[2:]) for x in (q, k, v))  # row after row
        several = len(self._biases) > 1
        parts = []
        for bias, empty in zip(self._biases, self._empty, strict=True):
            kernel = _kernel(q, k, v, bias, several)
            if kernel is None:
                return None
            if not several:
                found = fmha.memory_efficient_attention_forward(q, k, v, bias, op=kernel)
                whole: Tensor = found.view(shape).transpose(1, 2)
                return whole
            found, lse = fmha.memory_efficient_attention_partial(q, k, v, bias, op=kernel)
            found = found.view(shape).transpose(1, 2)  # (B, H, N, D)
            lse = lse.view(shape[2], *shape[:2]).transpose(0, 1)  # (1, H, B N) -> (B, H, N)
            if empty is not None:
                lse = lse.masked_fill(empty, float("-inf"))
            parts.append((found, lse))
        return merged(parts)


def _empty_rows(part: Plan, device: torch.device) -> Tensor | None:
    """Rows that see nothing of a part, (B, 1, 1). None where there are none."""
    rows = [start == end for ((start, end),) in part.spans for _ in range(part.repeat)]
    return torch.tensor(rows, device=device)[:, None, None] if any(rows) else None


def _kernel(q: Tensor, k: Tensor, v: Tensor, bias: Any, partial: bool = False) -> Any:
    """The first kernel that takes these, of the fastest first: FlashAttention 3 where it is
    installed, FlashAttention 2, CUTLASS, and for short queries Triton's split over keys."""
    from xformers.ops import fmha

    inputs = fmha.Inputs(q, k, v, bias, is_partial=partial)
    kernels = (fmha.flash3.FwOp, fmha.flash.FwOp, fmha.cutlass.FwOp, fmha.triton_splitk.FwOp)
    return next((each for each in kernels if not each.not_supported_reasons(inputs)), None)
