"""From a prompt and a still to a state: how a session starts, and what a new prompt changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lightcone.model.families.staged.prompts import Grammar, Values
from lightcone.model.families.staged.reading.still import Moment
from lightcone.model.families.staged.world import World
from lightcone.model.interface import Image, ImageError, PromptError, WorldInfo


@dataclass(frozen=True)
class Conditioning:
    """A prompt and a still, read: the attributes that the prompt names, and for a still its
    moment and its latents, (1, depth, h, w)."""

    world: str
    running: bool
    asked: Mapping[str, int]
    moment: Moment | None = None
    picture: Tensor | None = None


def asked_of(info: WorldInfo, grammar: Grammar, prompt: str, running: bool) -> dict[str, int]:
    """Raises PromptError."""
    if len(prompt) > info.prompt_length:
        reason = f"a prompt has at most {info.prompt_length} characters, not {len(prompt)}"
        raise PromptError((), (), reason)
    return grammar.asked(prompt, begun=running)


def check_image(info: WorldInfo, image: Image, running: bool) -> None:
    """Raises ImageError."""
    if running:
        raise ImageError("a session that runs takes no image")
    shape = (info.height, info.width, 3)
    if image.dtype != np.uint8 or image.shape != shape:
        size = f"{info.width}x{info.height}"
        raise ImageError(f"an image of {info.name} is {size} RGB of uint8, not {image.shape}")


def chosen_start(world: World, asked: Mapping[str, int], seed: int) -> Moment:
    """One of the known starts that fit what is asked; `seed` chooses which, and all that is left
    open."""
    grammar, starts = world.grammar, world.starts
    # Unless asked otherwise one starts with a wide view, in the first of the styles.
    asked = {n: 0 for n in ("view", "style") if n in grammar.names} | dict(asked)
    fits = [grammar.fit(values, asked) for values in starts.values]
    best = [i for i, fit in enumerate(fits) if fit == max(fits)]
    chosen = best[int(np.random.default_rng(seed).integers(len(best)))]
    known = starts.values[chosen]
    pairs = zip(grammar.names, known, grammar.settled(known, asked), strict=True)
    values = tuple(new if n in grammar.changeable else old for n, old, new in pairs)
    facts = starts.state[None, chosen]
    return Moment(with_standing_facts(world, facts, known, values), values)


def with_standing_facts(world: World, facts: Tensor, values: Values, wanted: Values) -> Tensor:
    """Facts (1, frames, COUNT) with the standing facts of a start that fits the wanted values
    where they differ from `values`: of the best, that which changes least."""
    grammar, starts, static = world.grammar, world.starts, world.facts.STATIC
    held = [i for i, n in enumerate(grammar.names) if n in grammar.held]
    if all(values[i] == wanted[i] for i in held):
        return facts
    fits = torch.tensor([[v[i] == wanted[i] for i in held] for v in starts.values]).sum(1)
    change = starts.state[:, -1, static] - facts[0, -1, static].cpu()
    change = change.square().mean(1)
    found = int((fits - change / (1 + change)).argmax())
    out = facts.clone()
    out[..., static] = starts.state[found, -1, static].to(facts)
    return out
