"""One of the worlds that a model has loaded: what is its own beside the network of all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.learnable import Facts, learnable
from lightcone.model.families.staged.prompts import Grammar, grammar
from lightcone.model.families.staged.weights import Starts, Weights
from lightcone.model.interface import UnknownWorld, WorldInfo


@dataclass(frozen=True)
class World:
    """What is a world's own."""

    info: WorldInfo
    grammar: Grammar
    facts: Facts
    moments: int  # of a frame, at which contacts can be
    dynamics: nn.Module
    starts: Starts


def load_world(weights: Weights, name: str, device: torch.device) -> World:
    """Raises UnknownWorld."""
    if name not in weights.dynamics:
        known = ", ".join(weights.network.worlds)
        raise UnknownWorld(f"the weights know no world '{name}' (known: {known})")
    return World(
        info=definition(name).shown_at(weights.size),
        grammar=grammar(name),
        facts=learnable(name).facts,
        moments=learnable(name).moments,
        dynamics=weights.dynamics[name].to(device),
        starts=weights.starts[name],
    )
