"""The facts of the corridors: near unit size, and how plan, place and sound show in them."""

from __future__ import annotations

import torch

from lightcone.model.families.staged.corridors import facts
from lightcone.model.families.staged.corridors.constants import CONTACTS
from lightcone.model.families.staged.corridors.plans import plans
from lightcone.model.simulators.corridors import simulator

CPU = torch.device("cpu")


def truth() -> simulator.Trajectory:
    return simulator.random_trajectories(64, 48, torch.Generator().manual_seed(0), CPU)


def test_facts_are_near_unit_size_and_in_their_order() -> None:
    worlds = truth()
    f = simulator.facts(worlds)
    assert f.shape == (64, 48, facts.COUNT)
    assert f.dtype == torch.float32
    assert f.isfinite().all()
    assert f.abs().max() < 2.5
    assert (f[..., facts.FLAGS].abs() == 1).all()
    assert torch.equal(f[..., facts.STATIC], f[:, :1, facts.STATIC].expand(-1, 48, -1))
    contacts = f[..., facts.CONTACTS_AT]
    assert torch.equal(contacts[..., : len(CONTACTS)], worlds.strength)
    slices = (facts.CONTINUOUS, facts.FLAGS, facts.STATIC, facts.CONTACTS_AT, facts.FIELD)
    assert [part.start for part in slices[1:]] == [part.stop for part in slices[:-1]]


def test_plan_and_room_can_be_read_from_them_even_in_half_precision() -> None:
    worlds = truth()
    f, tables, s = simulator.facts(worlds), plans(CPU), worlds.states
    plan = facts.plan_of(f[..., facts.STATIC].bfloat16().float())
    assert torch.equal(plan, s.plan.long())
    size = f[..., facts.AT["size"]] * facts.SIZE_SCALE + facts.SIZE_MIDDLE
    torch.testing.assert_close(size, tables.at(tables.size, s.plan, s.x, s.y))


def test_appearance_is_not_among_them() -> None:
    worlds = truth()
    numbers = torch.rand(64, len(simulator.APPEARANCE))
    other = simulator.Trajectory(
        simulator.restyle(worlds.states, numbers),
        worlds.actions,
        worlds.strength,
        worlds.when,
        worlds.phase,
    )
    assert torch.equal(simulator.facts(worlds), simulator.facts(other))
