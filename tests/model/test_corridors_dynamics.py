"""What the learned corridors know without learning: clocks, distances, and where things are in
the picture."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from lightcone.model.families.staged.corridors import facts
from lightcone.model.families.staged.corridors.constants import RADIUS
from lightcone.model.families.staged.corridors.dynamics import (
    Dynamics,
    fit,
    loss_weights,
)
from lightcone.model.families.staged.corridors.geometry import (
    MAPS,
    TEXTURES,
    Geometry,
    View,
)
from lightcone.model.families.staged.corridors.relations import (
    Near,
    first_quarter,
)
from lightcone.model.families.staged.corridors.textures import SIZE
from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.simulators.corridors import (
    simulator,
    textures,
)

CPU = torch.device("cpu")


def truth(worlds: int = 16, frames: int = 6) -> simulator.Trajectory:
    generator = torch.Generator().manual_seed(3)
    return simulator.random_trajectories(worlds, frames, generator, CPU)


def test_clocks_run_exactly_and_what_stands_stays() -> None:
    worlds = truth()
    f = simulator.facts(worlds)
    with torch.no_grad():
        made = Dynamics()(f[:, 0], worlds.actions[:, 1:])
    assert made.shape == f[:, 1:].shape
    assert torch.equal(made[..., facts.STATIC], f[:, 1:, facts.STATIC])
    pressed = slice(facts.FLAGS.start, facts.FLAGS.start + 2)
    assert torch.equal(made[..., pressed], f[:, 1:, pressed])
    flicker = slice(facts.AT["flicker_sin"], facts.AT["flicker_sin"] + 2)
    torch.testing.assert_close(made[..., flicker], f[:, 1:, flicker], atol=1e-4, rtol=0)
    assert loss_weights().shape == (facts.COUNT,)


def test_dynamics_can_be_learned_from() -> None:
    worlds = truth()
    f = simulator.facts(worlds)
    model = Dynamics()
    error = ((model(f[:, 0], worlds.actions[:, 1:]) - f[:, 1:]).abs() * loss_weights()).sum()
    error.backward()
    learned = {n: p for n, p in model.named_parameters() if p.requires_grad}
    for name, parameter in learned.items():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_turning_is_fitted_and_one_looks_where_the_simulator_does() -> None:
    worlds = truth(64, 24)
    f, actions = simulator.facts(worlds), worlds.actions
    model = Dynamics()
    fit(model, f[:, 3:5], actions[:, 4:5])
    with torch.no_grad():
        made = model(f[:, 0], actions[:, 1:])
    for name in ("turning", "heading_sin", "heading_cos"):
        at = facts.AT[name]
        torch.testing.assert_close(made[..., at], f[:, 1:, at], atol=1e-3, rtol=0)


def test_no_obstacle_is_nearer_than_a_body_is_wide() -> None:
    worlds = truth(64, 24)
    f = simulator.facts(worlds).flatten(0, 1)
    near = Near()
    first = first_quarter(facts.plan_of(f[:, facts.STATIC]))
    quarter = near.quarter(f[:, :2], first)
    where = (f[:, :2] + 1) * facts.HALF
    found = near.obstacles(where, f[:, facts.DOORS_AT], quarter).view(len(f), 4, -1)
    gap = found[..., -2].atanh() / 8 + RADIUS
    assert gap.min() > RADIUS - 0.02
    assert (found[..., -1] > 0.9).any()
    torch.testing.assert_close(near.room[quarter], f[:, facts.DERIVED])


def test_geometry_repaints_the_picture() -> None:
    worlds = truth(12, 1)
    states = worlds.states
    by_day = replace(states, style=0 * states.style, light=0 * states.light)
    with torch.no_grad():
        view = Geometry(DEFAULT_SIZE)(simulator.facts(worlds))
    assert view.maps.shape == (12, 1, MAPS, 24, 32)
    assert view.busy.shape == (12, 1, 24, 32)
    assert view.maps.isfinite().all()
    assert view.maps.abs().max() < 1.5
    assert int(view.texture.max()) < TEXTURES
    drawn = simulator.render(by_day)[:, 0].float().flatten(2)
    made = _painted(view).flatten(2)
    for k in range(12):
        both = torch.stack([drawn[k].flatten(), made[k].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.75


def _painted(view: View) -> Tensor:
    """The surfaces of a view (N, 1, ...) without light, one texel for each point:
    (N, 3, 96, 128)."""
    size = SIZE
    u, v = view.place[:, 0].unbind(-1)
    row = view.texture[:, 0] * size + (v * size).long()
    texels = textures.atlas(CPU)[:, row * size + (u * size).long()]  # (3, N, 4, 24, 32)
    picture = texels.transpose(0, 1).flatten(1, 2)
    points = torch.nn.functional.pixel_shuffle(picture, 2)
    return torch.nn.functional.interpolate(points, scale_factor=2)
