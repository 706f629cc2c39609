"""What the judge makes of pictures: the simulator's own pass, broken ones do not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from lightcone.model.evaluation import experiments
from lightcone.model.evaluation.findings import Figure
from lightcone.model.evaluation.measures import (
    memory,
    physics,
    pictures,
    pond,
)
from lightcone.model.evaluation.measures.corridors import (
    drawn,
    state_of,
)
from lightcone.model.evaluation.measures.response import (
    first_change,
    response,
)
from lightcone.model.evaluation.orders import (
    CorridorsOrders,
    PondOrders,
    along,
)
from lightcone.model.evaluation.play import (
    Actor,
    Simulated,
    Still,
    play,
    watch,
)
from lightcone.model.evaluation.scenes import (
    actions_of,
    legible_moments,
    moments,
)
from lightcone.model.families.staged.network.config import DEFAULT_SIZE
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.reading.readable import readable
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.simulators.court.physics import (
    GRAVITY,
    RESTITUTION,
)
from lightcone.model.simulators.pond.water import WAVE_SPEED

SEEDS = [5, 6]


def test_psnr_on_the_whole_and_where_it_moves() -> None:
    a = torch.zeros(1, 2, 3, 96, 128, dtype=torch.uint8)
    b = a.clone()
    assert float(pictures.psnr(a, b).mean()) == pictures.PEAK
    b[0, 1, :, 40:50, 60:70] = 200
    moves = pictures.moving(b)
    assert not moves[0, 0].any()
    assert moves[0, 1, 45, 65]
    assert not moves[0, 1, 0, 0]
    assert pictures.psnr_within(a, b, moves) < float(pictures.psnr(a, b)[0, 1])
    assert pictures.psnr_within(a, b, ~moves & True) > 40
    assert pictures.psnr_within(a, b, torch.zeros_like(moves)) != pictures.PEAK  # NaN


def test_a_disc_around_a_point_has_the_size_asked_for() -> None:
    disc = pictures.around(torch.tensor([[0.5, 0.5]]), torch.tensor([0.25]), 96, 128)
    assert float(disc.sum()) == pytest.approx(torch.pi * (0.25 * 96) ** 2, rel=0.02)


def test_the_simulator_run_by_the_judge_is_the_simulator() -> None:
    for world in SIMULATED:
        simulator = open_simulator(world)
        truth = simulator.seeded_trajectories(SEEDS, 3 * FRAMES)
        run = Simulated(world).begin(truth[:, :FRAMES], SEEDS)
        play(run, truth.actions[:, FRAMES:])
        facts = open_simulator(world).facts(truth)[:, -1]
        assert torch.equal(run.facts, facts)
        assert torch.equal(run.pictures(), simulator.render(truth.states)[:, -FRAMES:])


def test_gravity_and_restitution_come_out_of_heights() -> None:
    run = Simulated("court").begin(experiments.dropped_balls(SEEDS), SEEDS)
    play(run, actions_of("court", len(SEEDS), 72))
    y = run.whole.states.ball.y
    gravity, restitution = physics.falls(y)
    assert gravity == pytest.approx(GRAVITY, rel=0.01)
    assert restitution == pytest.approx(RESTITUTION["floor"], rel=0.03)
    noisy = y + 0.003 * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    assert physics.falls(noisy)[0] == pytest.approx(GRAVITY, rel=0.05)
    slow = torch.nn.functional.interpolate(y[:, None], scale_factor=1.25, mode="linear")[:, 0]
    assert physics.falls(slow)[0] < 0.75 * GRAVITY
    assert physics.falls(torch.full((1, 72), 0.3))[0] != GRAVITY  # NaN: nothing falls
    shivers = torch.tensor([0.1, 0.2]).repeat(1, 36)
    assert math.isnan(physics.falls(shivers)[0])  # a bounce in every other frame


def test_the_crest_of_a_wave_moves_at_the_speed_of_waves() -> None:
    high, flat = experiments.waves([5])
    rest = actions_of("pond", 1, 24)
    seen, without = (watch(Simulated("pond").begin(m, [5]), rest) for m in (high, flat))
    speed = physics.slope(physics.crests(seen, without)[:, 2:]) * 24
    assert speed == pytest.approx(WAVE_SPEED, rel=0.04)
    stands = physics.crests(seen[:, :1].expand_as(seen), without[:, :1].expand_as(seen))
    assert abs(physics.slope(stands)) < 0.001


def test_a_slower_walk_is_matched_to_earlier_frames() -> None:
    begun = experiments.open_ways([5])
    held = actions_of("corridors", 1, 24, forward=1.0)
    true = watch(Simulated("corridors").begin(begun, [5]), held)
    assert physics.slope(physics.matched(true[:, :16], true)[:, 4:]) == pytest.approx(1, abs=0.02)
    double = true[:, ::2]  # twice as fast
    assert physics.slope(physics.matched(double[:, :10], true)[:, 2:]) == pytest.approx(2, abs=0.1)


def test_facts_of_the_corridors_give_back_their_picture() -> None:
    found = moments("corridors", SEEDS)
    run = Simulated("corridors").begin(found, SEEDS)
    run.step(actions_of("corridors", len(SEEDS), FRAMES, forward=1.0))
    again = drawn(state_of(run.facts, found.states[:, -1]), DEFAULT_SIZE)
    assert float(pictures.psnr(again, run.pictures()[:, -1]).min()) > 40


def test_facts_of_the_pond_give_back_its_state() -> None:
    truth = open_simulator("pond").seeded_trajectories(range(12), 8)
    facts, states = open_simulator("pond").facts(truth)[:, -1], truth.states[:, -1]
    found = pond.state_of(facts, states[torch.zeros(12, dtype=torch.long)])
    for name in ("surface", "speed", "bx", "by", "px", "py", "lean", "aboard", "stroke", "clock"):
        torch.testing.assert_close(getattr(found, name), getattr(states, name), atol=2e-4, rtol=0)


def test_orders_on_the_pond() -> None:
    test, orders = PondOrders(Reader()), torch.tensor([2, 1])
    begun = experiments.paddlers(SEEDS)
    state = pond.state_of(open_simulator("pond").facts(begun)[:, -1], begun.states[:, -1])

    def seen_after(order: torch.Tensor) -> torch.Tensor:
        run = Simulated("pond").begin(begun, SEEDS)
        play(run, test.actions(order))
        return along(readable("pond").where(run.chunk.states[:, -1]))

    assert test.nearest(state, seen_after(orders), orders).tolist() == [1, 1]
    assert test.nearest(state, seen_after(torch.tensor([1, 2])), orders).tolist() == [0, 0]


def test_orders_that_nobody_could_follow_are_not_counted() -> None:
    test = PondOrders(Reader())
    high = experiments.falls(SEEDS).states[:, -1]
    high = replace(high, py=high.py + 3)  # in the air until it is over
    assert test.nearest(high, torch.zeros(2, 2), torch.tensor([0, 2])).isnan().all()


@pytest.mark.parametrize(
    ("actor", "obeys"), [(Simulated("corridors"), 1.0), (Still("corridors"), 0.4)]
)
def test_orders_in_the_corridors(actor: Actor, obeys: float) -> None:
    test, begun = CorridorsOrders(), legible_moments("corridors", SEEDS)
    run = actor.begin(begun, SEEDS)
    right = []
    for order in range(1, 7):
        orders = torch.full((len(SEEDS),), order)
        before, held = run.facts, test.actions(orders)
        frames = watch(run, held)
        looks = frames[:, list(test.looks)]
        right.append(test.obeyed(begun.states[:, -1], before, looks, orders))
    share = float(torch.stack(right).float().mean())
    assert share == 1 if obeys == 1 else share <= obeys


def only(found: tuple[Figure, ...]) -> Figure:
    (figure,) = found
    return figure


@pytest.mark.parametrize("world", SIMULATED)
def test_the_simulator_answers_as_soon_as_the_simulator(world: str) -> None:
    figure = only(response(world, Simulated(world), [5]).figures)
    assert figure.value == 1
    assert figure.trivial["last frame"] == 0


def test_the_first_changed_pixel() -> None:
    a = torch.zeros(2, 4, 3, 96, 128, dtype=torch.uint8)
    b = a.clone()
    b[0, 2, :, 5:8, 5:8] = 90
    assert first_change(a, b).tolist() == [2, 4]
    b[1, 1, :, 0, 0] = 5  # too little to see
    assert first_change(a, b).tolist() == [2, 4]


def test_the_simulator_remembers_its_walls() -> None:
    found = memory.memory(Simulated("corridors"), SEEDS, away=(4.0,)).figures
    figures = {f.name: f for f in found}
    loss = figures["memory: loss after 4 s"]
    assert loss.value == pytest.approx(0, abs=0.5)
    assert loss.reached
    assert loss.trivial["another wall"] > 10
    away = figures["memory: PSNR while away, 4 s"]
    assert away.value == 60
    assert away.trivial["last frame"] < 30, "a still picture is not where one looks"
