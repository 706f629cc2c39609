"""Attention behind one function: xformers on CUDA, torch's SDPA on CPU. What the queries of a batch
see is a typed plan, which each of them turns into what it needs."""

from lightcone.model.runtime.attention.attend import Planned, attend
from lightcone.model.runtime.attention.plan import Plan, Span

__all__ = ["Plan", "Planned", "Span", "attend"]
