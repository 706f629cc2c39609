"""What the model of a staged world is built around, beside its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from torch import Tensor, nn

from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.network.config import PictureSize

Fit = Callable[[nn.Module, Tensor, Tensor], None]
"""Of a model of facts, to facts (B, 2, COUNT) and the actions (B, 1, ...) between them."""


class Facts(Protocol):
    """A module such as `families.staged.court.facts`: which facts a world has, and where they are
    in tensors (..., COUNT)."""

    NAMES: tuple[str, ...]
    COUNT: int
    CONTINUOUS: slice
    FLAGS: slice
    STATIC: slice
    CONTACTS_AT: slice


@dataclass(frozen=True)
class Learnable:
    """Geometry is by hand; dynamics are learned."""

    facts: Facts
    geometry: Callable[[PictureSize], nn.Module]
    dynamics: Callable[[], nn.Module]
    loss_weights: Callable[[], Tensor]  # (COUNT,)
    moments: int  # of a frame, at which contacts can be
    fit: Fit | None  # of laws that are fitted at once; the rest is trained
    maps: int  # of the geometry
    textures: int  # 0 where the world is flat
    things: int  # that have sprites


def learnable(world: str) -> Learnable:
    """Raises UnknownWorld."""
    moments = definition(world).moments
    facts, geometry, dynamics = (
        import_module(f"lightcone.model.families.staged.{world}.{part}")
        for part in ("facts", "geometry", "dynamics")
    )
    return Learnable(
        facts=cast(Facts, facts),
        geometry=geometry.Geometry,
        dynamics=dynamics.Dynamics,
        loss_weights=dynamics.loss_weights,
        moments=moments,
        fit=getattr(dynamics, "fit", None),
        maps=geometry.MAPS,
        textures=getattr(geometry, "TEXTURES", 0),
        things=getattr(geometry, "THINGS", 0),
    )
