"""A still as the start of a session: its facts are what it shows, as far as a reader sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.staged.prompts import (
    Grammar,
    Values,
)
from lightcone.model.families.staged.reading.reader import (
    Reader,
    Reading,
)


@dataclass(frozen=True)
class Moment:
    """Where a session starts: `state` (1, frames, COUNT) are its facts, `values` its prompt."""

    state: Tensor
    values: Values


def read_still(
    reader: Reader,
    world: str,
    image: NDArray[np.uint8],
    names: Sequence[str],
    grammar: Grammar,
    asked: Mapping[str, int],
    states: Tensor,
    values: Sequence[Values],
) -> Moment:
    """The facts of `image` (H, W, 3).

    One picture shows no speeds and not all of the rest: that is of the start, among `states`
    (N, frames, COUNT) and their `values`, which comes nearest to what is read. `names` are those
    of the facts. What the prompt has `asked` for is not read.
    """
    picture = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    reading = reader.read(world, picture)
    seen = {name: int(value) for name, value in reading.values().items()}
    seen |= _dressed(reading, grammar, asked)
    seen |= asked
    shown = _facts(reading, grammar, seen)
    known = [names.index(name) for name in shown]
    read = torch.stack(list(shown.values()), -1) if shown else states.new_zeros(1, 0)  # (1, facts)
    distance = (states[:, -1, known] - read).square().sum(-1)
    fits = torch.tensor([float(grammar.fit(v, seen)) for v in values])
    nearest = int((distance - fits).argmin())
    state = states[None, nearest].clone()
    state[..., known] = read[:, None]
    return Moment(state, grammar.settled(values[nearest], seen))


def _dressed(reading: Reading, grammar: Grammar, asked: Mapping[str, int]) -> dict[str, int]:
    """Who wears what on a court: the shirt that is seen most clearly, unless the prompt names
    another, is the player's."""
    if "shirt" not in grammar.words:
        return {}
    shirts = grammar.words["shirt"]
    things = reading.world.things
    seen = {k: float(reading.counts[0, things.index(s), 1]) for k, s in enumerate(shirts)}
    clear = sorted(seen, key=lambda k: -seen[k])
    player = asked.get("shirt", clear[0])
    others = [k for k in clear if k != player]
    rival = asked.get("rival", others[0])
    there = reading.exactly_one(shirts[rival])
    seen_ones = {"shirt": player, "players": int(there)}
    return {**seen_ones, "rival": rival} if there else seen_ones


def _facts(reading: Reading, grammar: Grammar, seen: Mapping[str, int]) -> dict[str, Tensor]:
    if "shirt" not in grammar.words:
        return reading.known_facts()
    shirts = grammar.words["shirt"]
    rival = shirts[seen["rival"]] if seen.get("players") and "rival" in seen else None
    return reading.known_facts(shirts[seen["shirt"]], rival)
