"""The court's laws, and that its sound is where its contacts are."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model import judge
from model.worlds.court import simulator
from model.worlds.court.physics import (
    BALL_RADIUS,
    BUTTONS,
    CONTACTS,
    FLOOR,
    GRAVITY,
    PLAYER_MARGIN,
    RESTITUTION,
    WIDTH,
    CourtState,
)


def start(count: int = 1, seed: int = 0) -> CourtState:
    numbers = torch.rand(
        count, simulator.START_NUMBERS, generator=torch.Generator().manual_seed(seed)
    )
    return simulator.starts(numbers)


def hold(frames: int, *names: str, count: int = 1) -> torch.Tensor:
    actions = torch.zeros(count, frames, len(BUTTONS))
    for name in names:
        actions[:, :, BUTTONS.index(name)] = 1
    return actions


def dropped_ball(height: float) -> CourtState:
    """The ball in the air far from player and hoop."""
    one = torch.ones(1)
    return replace(
        start(),
        px=0.2 * one,
        bx=0.66 * one,
        by=height * one,
        bvx=0 * one,
        bvy=0 * one,
        held=0 * one,
    )


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_nothing_leaves_the_court(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    truth = simulator.random_trajectories(16, 48, g, torch.device("cpu"), skip=0)
    s = truth.states
    for value in vars(s).values():
        assert value.isfinite().all()
    assert (s.px >= PLAYER_MARGIN - 1e-5).all()
    assert (s.px <= WIDTH - PLAYER_MARGIN + 1e-5).all()
    assert (s.py >= FLOOR - 1e-5).all()
    free = s.held < 0.5
    assert (s.by[free] > FLOOR).all()
    assert ((s.bx > 0) & (s.bx < WIDTH)).all()
    assert (truth.strength >= 0).all()


def test_holding_right_runs_right_in_the_first_frame() -> None:
    state = replace(start(), px=torch.full((1,), 0.5))
    truth = simulator.simulate(state, 24, actions=hold(24, "right"))
    x = truth.states.px[0]
    assert x[0] > 0.5
    assert (x.diff() > 0).all()
    assert x[-1] - 0.5 > 0.4


def test_both_directions_cancel() -> None:
    state = replace(start(), px=torch.full((1,), 0.5))
    truth = simulator.simulate(state, 12, actions=hold(12, "left", "right"))
    assert (truth.states.px - 0.5).abs().max() < 1e-5


def test_the_ball_falls_as_gravity_says() -> None:
    truth = simulator.simulate(dropped_ball(0.9), 8, actions=hold(8))
    y, t = truth.states.by[0], torch.arange(1, 9) / 24
    torch.testing.assert_close(y, 0.9 - 0.5 * GRAVITY * t**2, atol=0.012, rtol=0.0)


def test_the_ball_bounces_with_its_restitution() -> None:
    truth = simulator.simulate(dropped_ball(0.9), 60, actions=hold(60))
    y = truth.states.by[0]
    bounce = int(truth.strength[0, :, CONTACTS.index("bounce")].nonzero()[0])
    rebound = y[bounce:].max() - FLOOR - BALL_RADIUS
    expected = (0.9 - FLOOR - BALL_RADIUS) * RESTITUTION["floor"] ** 2
    assert abs(float(rebound) - expected) < 0.05


def test_missed_shots_rebound_and_some_go_in() -> None:
    truth = simulator.seeded_trajectories(range(200), 96)
    kinds = (truth.strength > 0).sum((0, 1))
    for kind in ("rim", "board", "swish", "bounce", "step", "land", "pickup", "throw"):
        assert kinds[CONTACTS.index(kind)] > 5, kind


def test_seeds_give_their_own_clip_whatever_is_beside_them() -> None:
    alone = simulator.seeded_trajectories([42], 24)
    beside = simulator.seeded_trajectories([42, 7, 9], 24)
    torch.testing.assert_close(alone.states.px[0], beside.states.px[0])
    torch.testing.assert_close(simulator.listen(alone)[0], simulator.listen(beside)[0])


def test_contacts_are_heard_when_they_happen() -> None:
    truth = simulator.seeded_trajectories(range(16), 72)
    sound = simulator.listen(truth)
    matched = found = true = 0
    for i in range(16):
        times = judge.contact_times(truth.strength[i], truth.when[i])
        score = judge.score_onsets(judge.onsets(sound[i]), times)
        matched, found, true = matched + score.matched, found + score.found, true + score.true
    assert true > 50
    assert 2 * matched / (found + true) > 0.85


def test_three_looks_or_more_and_captions_that_prompts_understand() -> None:
    truth = simulator.seeded_trajectories(range(64), 2)
    captions = simulator.captions(truth.states)
    assert len({caption.split()[0] for caption in captions}) >= 3
    for caption in captions:
        assert set(caption.split()) <= set(simulator.INFO.words)


def test_the_player_is_found_where_he_is() -> None:
    truth = simulator.seeded_trajectories(range(8), 12)
    clip = simulator.film(truth)
    first = truth.states[:, 0]
    error = (judge.player_x(clip.frames, first) - truth.states.px).abs()
    assert error.max() < 0.06
