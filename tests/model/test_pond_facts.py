"""What the pond's facts, its geometry and its learned dynamics agree about with the simulator."""

from __future__ import annotations

import pytest
import torch

from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.families.staged.pond import (
    basin,
    dynamics,
    facts,
    geometry,
)
from lightcone.model.families.staged.pond.dynamics import Dynamics
from lightcone.model.families.staged.pond.geometry import Geometry
from lightcone.model.families.staged.shared import camera
from lightcone.model.families.staged.view import View
from lightcone.model.simulators.pond import (
    simulator,
    water,
)

ROWS, COLUMNS = DEFAULT_SIZE.rows, DEFAULT_SIZE.columns


@pytest.fixture(scope="module")
def truth() -> simulator.Trajectory:
    g = torch.Generator().manual_seed(7)
    return simulator.random_trajectories(48, 24, g, torch.device("cpu"), skip=0)


@pytest.fixture(scope="module")
def known(truth: simulator.Trajectory) -> torch.Tensor:
    return simulator.facts(truth)


@pytest.fixture(scope="module")
def view(known: torch.Tensor) -> View:
    return Geometry(DEFAULT_SIZE)(known)


def test_facts_are_laid_out_as_they_say(known: torch.Tensor) -> None:
    assert known.shape[-1] == facts.COUNT == len(facts.NAMES) == len(set(facts.NAMES))
    assert known.dtype == torch.float32
    parts = (facts.CONTINUOUS, facts.FLAGS, facts.STATIC, facts.CONTACTS_AT, facts.FIELD)
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert parts[-1].stop == facts.COUNT
    assert (known[..., facts.FLAGS].abs() == 1).all()
    assert (known[..., facts.STATIC] == known[:, :1, facts.STATIC]).all()


def test_facts_are_of_unit_size(known: torch.Tensor) -> None:
    assert known.abs().max() < dynamics._FAR
    assert known[..., facts.CONTINUOUS].std((0, 1)).max() < 2


def test_cells_are_where_the_camera_sees_them(truth: simulator.Trajectory, view: View) -> None:
    y, x = torch.meshgrid(
        1 - (torch.arange(ROWS) + 0.5) / ROWS, (torch.arange(COLUMNS) + 0.5) / ROWS, indexing="ij"
    )
    x, y = camera.to_world(truth.states.camera[..., None, None], x, y)
    place = torch.stack([2 * x / basin.WIDTH - 1, 1 - 2 * y], -1)
    torch.testing.assert_close(view.place[:, :, 0], place, atol=1e-4, rtol=0)
    sharp = truth.states.camera.zoom.log2()
    assert view.sharp is not None
    assert (view.sharp[..., 0] - sharp).abs().max() < 0.1


def test_maps_are_bounded_and_the_person_is_where_their_window_is(
    truth: simulator.Trajectory, view: View
) -> None:
    assert view.maps.shape[2:] == (geometry.MAPS, ROWS, COLUMNS)
    assert view.maps.abs().max() < 4
    assert ((view.busy >= 0) & (view.busy <= 1)).all()
    s = truth.states
    person = view.maps[:, :, 0]
    x, y = camera.to_picture(s.camera, s.px + 0.135 * s.lean.sin(), s.py + 0.135 * s.lean.cos())
    inside = (x > 0.3) & (x < 1.03) & (y > 0.3) & (y < 0.7) & (s.camera.zoom < 1.2)
    mass = person.sum((-1, -2))
    middle = (person.sum(-2) * (torch.arange(COLUMNS) + 0.5)).sum(-1) / mass / ROWS
    assert inside.sum() > 50
    assert (middle - x)[inside].abs().max() < 0.02


def test_the_waterline_of_the_maps_is_that_of_the_picture(
    truth: simulator.Trajectory, view: View
) -> None:
    s = truth.states
    over = view.maps[:, :, geometry.OVER_WATER] > 0  # (B, T, ROWS, COLUMNS)
    x = (torch.arange(COLUMNS) + 0.5) / ROWS
    at = camera.to_world(s.camera[..., None], x, x)[0]
    level = basin.LEVEL + water.sample(s.surface.flatten(0, 1), at.flatten(0, 1)).view_as(at)
    y = camera.to_picture(s.camera[..., None], at, level)[1]
    rows = 1 - over.sum(-2) / ROWS  # height of the lowest cell that is over water
    seen = (y > 0.05) & (y < 0.95)
    assert (rows[seen] - (1 - (1 - y[seen]).mul(ROWS).round() / ROWS)).abs().max() < 1.5 / ROWS


def test_dynamics_carry_facts_on_and_turn_the_clocks_as_they_are_defined(
    truth: simulator.Trajectory, known: torch.Tensor
) -> None:
    torch.manual_seed(0)
    model = Dynamics()
    out = model(known[:, 0], truth.actions[:, 1:7])
    assert out.shape == (len(known), 6, facts.COUNT)
    assert out.isfinite().all()
    clocks = slice(facts.CLOCK.start, facts.AT["gust"] + 1)
    torch.testing.assert_close(out[..., clocks], known[:, 1:7, clocks], atol=2e-3, rtol=0)
    assert torch.equal(out[..., facts.STATIC], known[:, 1:7, facts.STATIC])
    out.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert dynamics.loss_weights().shape == (facts.COUNT,)


def test_water_neither_comes_nor_goes(known: torch.Tensor) -> None:
    """Not even in a state stream that has learned nothing."""
    torch.manual_seed(0)
    made = Dynamics()(known[:, 0], torch.ones(len(known), 12, 6))[:, -1]
    level = made[:, facts.FIELD].unflatten(-1, (2, -1)).mean(-1)
    torch.testing.assert_close(level, torch.zeros_like(level), atol=1e-4, rtol=0)
