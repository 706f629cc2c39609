"""The moments from which worlds are judged: as they come by their seeds, or set up so that one
thing can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lightcone.model.evaluation.play import Moments
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.simulators.clips import Trajectory


def moments(world: str, seeds: Sequence[int]) -> Moments:
    """A chunk of each seed's world, one second after it began."""
    return open_simulator(world).seeded_trajectories(seeds, FRAMES)


def quiet(states: Any) -> Any:
    """The same in clear weather and without music."""
    plain = {n: torch.zeros_like(states.style) for n in ("weather", "music")}
    return replace(states, **{n: v for n, v in plain.items() if hasattr(states, n)})


def legible(states: Any) -> Any:
    """The same in clear weather, painted and without music, seen by a camera that stands still
    and shows everything: what readers of pictures and sound read best."""
    return wide(replace(quiet(states), style=torch.zeros_like(states.style)))


def wide(states: Any) -> Any:
    """The same, seen by a camera that stands still and shows everything."""
    if hasattr(states, "camera"):
        return replace(states, camera=still_camera(states.camera))
    return replace(states, zoom=torch.ones_like(states.zoom), rear=torch.zeros_like(states.rear))


def still_camera(camera: cameras.Camera) -> cameras.Camera:
    none = torch.zeros_like(camera.x)
    return cameras.Camera(none + cameras.WIDTH / 2, none + 0.5, none + 1, none, none)


def legible_moments(world: str, seeds: Sequence[int]) -> Moments:
    found = moments(world, seeds)
    return with_states(found, legible(found.states))


def with_states(found: Moments, states: Any) -> Moments:
    return Trajectory(states, found.actions, found.strength, found.when, found.phase)


def at_rest(world: str, start: Any) -> Moments:
    """The first chunk after start states (B,), nothing held."""
    simulator = open_simulator(world)
    count = start.axes[0]
    nothing = torch.zeros(count, FRAMES, definition(world).info.controls)
    return simulator.simulate(start, FRAMES, actions=nothing)  # type: ignore[attr-defined]


def actions_of(world: str, count: int, frames: int, **held: Tensor | float) -> Tensor:
    """Actions (count, frames, controls) in which the named controls are held; each a number, or
    (count, frames)."""
    info = definition(world).info
    names = [*(b.name for b in info.buttons), *(a.name for a in info.axes)]
    out = torch.zeros(count, frames, len(names))
    for name, value in held.items():
        out[..., names.index(name)] = value
    return out
