"""The ring of a session that runs, computed anew under its new prompt (LongLive, Yang et al.
2025)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lightcone.model.families.staged.network.kv_cache import Ring, empty_ring
from lightcone.model.families.staged.network.sampler import FIRST, at_last_pass, reread
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.network.transformer import Transformer
from lightcone.model.families.staged.state import StagedState


def recached(
    transformer: Transformer,
    state: StagedState,
    scene_of: Callable[[Tensor, Tensor], Scene],
    steps: int,
) -> Ring:
    """One pass for each chunk that the next one reads. `scene_of` takes facts (1, 1 + frames,
    COUNT) and a text (1, text).

    The sink is read clean, as training reads sinks; the chunks after it at the noise level at
    which `sample` writes their keys in so many steps.
    """
    ring = empty_ring(transformer.config, transformer.place)
    sink, *recent = state.past
    last, since = sink, state.chunk - len(recent)
    if len(recent) == transformer.config.window:  # the oldest leaves it with the next chunk
        last, since = recent[0], since + 1
        recent = recent[1:]
    chunks = [(FIRST, sink, sink)]
    chunks += zip(range(since, state.chunk), recent, [last, *recent], strict=False)
    for at, chunk, before in chunks:
        known, tau = chunk, 1.0
        if at != FIRST:
            known, tau = at_last_pass(chunk, state.seed, at, steps)
        facts = torch.cat([before.state[:, -1:], chunk.state], 1)
        scene = scene_of(facts, state.prompt.after)
        reread(
            transformer, ring=ring, chunk=known, last=before, scene=scene, at=at, since=since,
            tau=tau,
        )  # fmt: skip
    return ring
