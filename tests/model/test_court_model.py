"""What a learned court is built around: its facts, its geometry, its state stream."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.nn import functional as F

from lightcone.model.families.staged.court import (
    dynamics,
    facts,
)
from lightcone.model.families.staged.court.constants import BUTTONS, WIDTH
from lightcone.model.families.staged.court.geometry import (
    MAPS,
    Geometry,
)
from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.simulators.court import simulator
from lightcone.model.simulators.court.drawing import BALL


def truths(count: int = 16, frames: int = 12) -> simulator.Trajectory:
    return simulator.seeded_trajectories(range(count), frames)


def test_facts_are_numbers_near_unit_size() -> None:
    known = simulator.facts(truths())
    assert known.shape == (16, 12, facts.COUNT)
    assert known.isfinite().all()
    assert known.abs().max() < 4
    assert (known[..., facts.FLAGS].abs() == 1).all()
    assert (known[..., facts.STATIC] == known[:, :1, facts.STATIC]).all()
    angles = known[..., facts.ANGLES].reshape(16, 12, -1, 2)
    torch.testing.assert_close(angles.norm(dim=-1), torch.ones(angles.shape[:-1]))


def test_slices_of_the_facts_follow_each_other() -> None:
    parts = (facts.CONTINUOUS, facts.FLAGS, facts.STATIC, facts.CONTACTS_AT, facts.FIELD)
    assert [p.start for p in parts] == [0, *(p.stop for p in parts[:-1])]
    assert parts[-1].stop == facts.COUNT == len(facts.NAMES)


def test_the_balls_window_is_where_the_picture_shows_the_ball() -> None:
    truth = truths(24, 2)
    plain = torch.zeros_like(truth.states.time)
    states = replace(truth.states, time=plain, weather=plain, style=plain)
    picture = F.avg_pool2d(simulator.render(states).flatten(0, 1).float() / 255, 4)
    orange = (picture - torch.tensor(BALL)[:, None, None]).square().sum(1) < 0.05
    view = Geometry(DEFAULT_SIZE)(simulator.facts(truth))
    window = view.maps.flatten(0, 1)[:, Geometry(DEFAULT_SIZE).moving[2]]
    shown = window.flatten(1).amax(1) > 0.9
    covered = (orange & (window > 0.5)).flatten(1).any(1)
    assert shown.sum() > 20
    assert covered[shown].float().mean() > 0.9


def test_cells_know_their_place_in_the_world() -> None:
    truth = truths(24, 2)
    view = Geometry(DEFAULT_SIZE)(simulator.facts(truth))
    assert view.maps.shape == (24, 2, MAPS, 24, 32)
    assert view.place.shape == (24, 2, 1, 24, 32, 2)
    assert view.place.abs().max() < 1
    camera = truth.states.camera
    middle = view.place[..., 0, 11:13, 15:17, :].mean((2, 3))
    torch.testing.assert_close(middle[..., 0], 2 * camera.x / WIDTH - 1, atol=1e-4, rtol=0)
    torch.testing.assert_close(middle[..., 1], 1 - 2 * camera.y, atol=1e-4, rtol=0)
    assert ((view.busy >= 0) & (view.busy <= 1)).all()


def test_who_is_not_there_is_on_no_map() -> None:
    known = simulator.facts(truths())
    known[..., facts.AT["rivals"]] = -1
    elsewhere = known.clone()
    elsewhere[..., facts.AT["rival_x"]] += 0.3
    torch.testing.assert_close(
        Geometry(DEFAULT_SIZE)(known).maps, Geometry(DEFAULT_SIZE)(elsewhere).maps
    )


def test_the_state_stream_turns_clocks_by_definition_and_keeps_what_is_static() -> None:
    truth = truths()
    known = simulator.facts(truth)
    with torch.no_grad():
        made = dynamics.Dynamics()(known[:, 0], truth.actions[:, 1:])
    assert made.shape == (16, 11, facts.COUNT)
    assert torch.equal(made[..., facts.STATIC], known[:, 1:, facts.STATIC])
    clocks = slice(facts.AT["clock0_sin"], facts.CONTINUOUS.stop)
    torch.testing.assert_close(made[..., clocks], known[:, 1:, clocks], atol=1e-4, rtol=0)


def test_the_state_stream_does_not_read_its_contacts() -> None:
    truth = truths()
    known = simulator.facts(truth)
    silent = known.clone()
    silent[..., facts.CONTACTS_AT] = 0
    model = dynamics.Dynamics()
    torch.nn.init.normal_(model.leave.weight)
    with torch.no_grad():
        one, other = (model(f[:, 0], truth.actions[:, 1:]) for f in (known, silent))
    assert torch.equal(one, other)
    assert truth.actions.shape[-1] == len(BUTTONS)


def test_every_fact_that_changes_has_a_weight() -> None:
    weights = dynamics.loss_weights()
    assert weights.shape == (facts.COUNT,)
    assert (weights[facts.STATIC] == 0).all()
    assert (weights[: facts.FLAGS.stop] > 0).all()
