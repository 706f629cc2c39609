"""What a session has in its cache, computed anew of its clean latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.passes import Rows
from lightcone.model.families.wan.network.sampler import blocks_of
from lightcone.model.families.wan.state import VideoState, WanState
from lightcone.model.families.wan.weights import VideoWeights, Weights

S = TypeVar("S", bound=VideoState)


def after_recache(weights: Weights, state: WanState) -> WanState:
    """Its window under the text of the next chunk, in one pass, as LongLive does where a prompt is
    switched. A sink that is further away than the window stays as it is."""
    window = weights.variant.window
    latents = state.latents(window)
    if not latents:
        return state
    sink, newest = Past(), state.seen.newest
    if latents > window.size:
        sink = Past(state.past.blocks[: window.sink // window.chunk])
        newest = newest[window.sink :]
    text = weights.transformer.text_keys(state.prompt.text(state.chunk)[None])
    rows = Rows([sink], [latents - len(newest)], text)
    [blocks] = blocks_of(weights.transformer, window, rows, newest[None], weights.store)
    return replace(state, past=sink.followed_by(blocks, window))


def recomputed(weights: VideoWeights, state: S, rows_at: Callable[[Past, int], Rows]) -> S:
    """With keys and decoder tails, chunk after chunk as they were made, of a snapshot's. `rows_at`
    gives what the chunk at a position of the video was made with, after its past."""
    window, (sink, newest) = weights.variant.window, (state.seen.sink, state.seen.newest)
    start = state.chunk * window.chunk - len(newest)
    past, tails = Past(), state.tails
    for first, latents in ((0, sink[: min(start, len(sink))]), (start, newest)):
        for i in range(0, len(latents), window.chunk):
            chunk, rows = latents[None, i : i + window.chunk], rows_at(past, first + i)
            [blocks] = blocks_of(weights.transformer, window, rows, chunk, weights.store)
            past = past.followed_by(blocks, window)
    for i, latent in enumerate(newest):
        _, tails = weights.decoder(latent[None], tails, first=start + i == 0)
    return replace(state, past=past, tails=tails)  # type: ignore[type-var]
