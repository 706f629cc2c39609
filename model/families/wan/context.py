"""What a session has in its cache, computed anew of its clean latents."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.sampler import blocks_of
from lightcone.model.families.wan.network.transformer import TextKeys
from lightcone.model.families.wan.state import WanState
from lightcone.model.families.wan.weights import Weights


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
    text = _text(weights, state.prompt.text(state.chunk))
    start = latents - len(newest)
    blocks = blocks_of(weights.transformer, window, newest, text, sink, start, weights.store)
    return replace(state, past=sink.followed_by(blocks, window))


def recomputed(weights: Weights, state: WanState) -> WanState:
    """With keys and decoder tails, chunk after chunk as they were made, of a snapshot's."""
    window = weights.variant.window
    latents = state.latents(window)
    newest = state.seen.newest
    start = latents - len(newest)
    past = Past()
    if start:
        past = _read(weights, state, state.seen.sink, past, 0)
    past = _read(weights, state, newest, past, start)
    tails = state.tails
    for i, latent in enumerate(newest):
        _, tails = weights.decoder(latent[None], tails, first=start + i == 0)
    return replace(state, past=past, tails=tails)


def _read(weights: Weights, state: WanState, latents: Tensor, past: Past, start: int) -> Past:
    """Chunk by chunk, each under the text that it was made with."""
    window = weights.variant.window
    for i in range(0, len(latents), window.chunk):
        text = _text(weights, state.prompt.text((start + i) // window.chunk))
        chunk = latents[i : i + window.chunk]
        blocks = blocks_of(weights.transformer, window, chunk, text, past, start + i, weights.store)
        past = past.followed_by(blocks, window)
    return past


def _text(weights: Weights, text: Tensor) -> TextKeys:
    return weights.transformer.text_keys(text[None])
