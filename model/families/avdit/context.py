"""How a state comes to be: from chunks of play that were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.avdit.network.cache import Past
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.sampler import Context, remember
from lightcone.model.families.avdit.prompts import words_in
from lightcone.model.families.avdit.state import AvditState, Known, Prompted
from lightcone.model.families.avdit.weights import Weights
from lightcone.model.interface import Actions, ModelError


def begin(weights: Weights, world: str, seed: int, like: Tensor, words: str = "") -> AvditState:
    """A state that has seen nothing; it can observe, not step. `words` are those of a caption."""
    c = weights.transformer.config
    nothing = Latents.zeros(c, like, 1)
    text = like.new_zeros(c.words)
    known = [weights.words.index(word) for word in words_in(words) if word in weights.words]
    for word in known:
        text[word] = 1 / len(known)
    return AvditState(
        world=world,
        chunk=0,
        frame=0,
        seed=seed,
        past=Past(),
        last=Known(nothing.map(lambda x: x[0]), like.new_zeros(c.frames, c.controls), text),
        before=nothing.last(c).map(lambda x: x[0]),
        prompt=Prompted(text, text),
        tails=() if weights.sound is None else weights.sound.decoder_state(1),
    )


def started(
    weights: Weights, world: str, seed: int, words: Sequence[str], like: Tensor
) -> AvditState:
    """After one of the moments of recorded play whose words fit best; the seed chooses which."""
    starts = weights.starts
    text = like.new_zeros(weights.transformer.config.words)
    for word in words:
        text[weights.words.index(word)] = 1 / len(words)
    fits = (starts.text.to(like) @ text).tolist() if words else [0.0] * len(starts.text)
    best = [i for i, fit in enumerate(fits) if fit > max(fits) - 1e-6]
    chosen = best[int(np.random.default_rng(seed).integers(len(best)))]
    latents = starts.latents.map(lambda x: x[chosen].to(like))
    state = begin(weights, world, seed, like)
    shown = text if words else starts.text[chosen].to(like)
    state = replace(state, prompt=Prompted(shown, shown))
    return after_chunks(weights, state, latents, starts.actions[chosen].to(like))


def observed(
    weights: Weights,
    state: AvditState,
    frames: NDArray[np.uint8],
    sound: NDArray[np.float32] | None,
    actions: Actions,
    numbers: NDArray[np.float32] | None,
    columns: Sequence[str],
) -> AvditState:
    """The state after true chunks. Raises ModelError where they are not whole chunks, or have no
    numbers where the model was trained with them."""
    c = weights.transformer.config
    like = state.last.actions
    count, rest = divmod(len(frames), c.frames)
    if rest or not count or len(actions) != len(frames):
        raise ModelError(f"{len(frames)} frames and {len(actions)} actions are no whole chunks")
    video = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).unflatten(0, (-1, c.group))
    picture = weights.picture.encode(video.to(like.device))
    heard = like.new_zeros(count, c.sound_latents, c.sound_channels)
    if weights.sound is not None:
        if sound is None:
            raise ModelError(f"{state.world} was trained with sound")
        coded = weights.sound.encode(torch.from_numpy(sound.copy())[None].to(like))[0].T
        heard = coded.unflatten(0, (count, -1))
    values = like.new_zeros(count, c.frames, 0)
    if c.numbers:
        if numbers is None:
            raise ModelError(f"{state.world} was trained with the numbers of its state")
        encoded = torch.from_numpy(weights.numbers.encode(numbers, columns)).to(like)
        values = encoded.unflatten(0, (count, -1))
    latents = Latents(picture.unflatten(0, (count, c.latents)).flatten(1, 2), heard, values)
    held = torch.from_numpy(actions.copy()).to(like).unflatten(0, (count, -1))
    return after_chunks(weights, state, latents, held)


def after_chunks(
    weights: Weights, state: AvditState, latents: Latents, actions: Tensor
) -> AvditState:
    """The state after C chunks of latents, (C, ...), and actions (C, frames, controls)."""
    c = weights.transformer.config
    for i in range(len(actions)):
        last = state.last
        pasts = [state.past]
        if state.seen:
            context = Context(
                pasts,
                last.latents.map(lambda x: x[None]),
                state.before.map(lambda x: x[None]),
                last.actions[None],
                last.text[None],
            )
            pasts = remember(weights.transformer, context)
        known = Known(latents.map(lambda x, i=i: x[i].clone()), actions[i], state.prompt.after)  # type: ignore[misc]
        before = last.latents.map(lambda x: x[None]).last(c).map(lambda x: x[0])
        state = replace(state, past=pasts[0], last=known, before=before, seen=state.seen + 1)
    if weights.sound is None:
        return state
    sound = latents.sound.flatten(0, 1).T[None]
    _, tails = weights.sound.decode(sound, state.tails)
    return replace(state, tails=tails)
