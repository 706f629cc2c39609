"""A network for pictures of another size, as a beginning for training there."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.families.staged.network.config import (
    PictureSize,
    TransformerConfig,
)
from lightcone.model.families.staged.network.network import Network


def resized(network: Network, size: PictureSize) -> Network:
    """The same for pictures of that size: what was learned for places in the picture, and what
    is painted, is interpolated between its old places; all else stays."""
    config = replace(network.config, height=size.height)
    other = Network(config, network.knowledge)
    state = other.state_dict()
    for name, value in network.state_dict().items():
        if name == "transformer.place":
            state[name] = _places(value, network.config, config)
        elif value.shape != state[name].shape:
            state[name] = _stretched(value, state[name].shape[-2:])
        else:
            state[name] = value
    other.load_state_dict(state)
    return other


def _places(place: Tensor, config: TransformerConfig, other: TransformerConfig) -> Tensor:
    """Those of picture tokens, then of sound tokens: (tokens, width)."""
    picture, sound = place.split([config.picture_tokens, config.frames])
    grid = picture.T.unflatten(1, (config.token_rows, config.token_columns))
    stretched = _stretched(grid, torch.Size([other.token_rows, other.token_columns]))
    return torch.cat([stretched.flatten(1).T, sound])


def _stretched(x: Tensor, shape: torch.Size) -> Tensor:
    """(..., h, w) -> (..., *shape)."""
    flat = F.interpolate(x.flatten(0, -3)[None], size=tuple(shape), mode="bilinear")[0]
    return flat.unflatten(0, x.shape[:-2])
