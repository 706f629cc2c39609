"""The court's laws: runners, ball, rival and camera."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lightcone.model.families.staged.court.constants import (
    BALL_RADIUS,
    BUTTONS,
    CLOSE_ZOOM,
    CONTACTS,
    FLOOR,
    PLAYER_MARGIN,
    WIDTH,
)
from lightcone.model.families.staged.shared.camera import CLOSE, FIXED
from lightcone.model.simulators.court import simulator
from lightcone.model.simulators.court.physics import GRAVITY, RESTITUTION
from lightcone.model.simulators.court.state import FREE, PLAYER, RIVAL, Ball, Body, CourtState

ONE = torch.ones(1)


def standing(x: float, facing: float = 1.0) -> Body:
    still = 0 * ONE
    return Body(x * ONE, FLOOR * ONE, still, still, facing * ONE, still, still, still)


def ball_at(x: float, y: float) -> Ball:
    return Ball(x * ONE, y * ONE, 0 * ONE, 0 * ONE, 0 * ONE)


def alone() -> CourtState:
    """The player at 0.5, the ball at rest out of reach, a hoop on the right, nobody else."""
    state = simulator.starts(torch.full((1, simulator.START_NUMBERS), 0.5))
    return replace(
        state,
        player=standing(0.5),
        rival=standing(WIDTH / 2),
        ball=ball_at(0.15, FLOOR + BALL_RADIUS),
        holder=FREE * ONE,
        rivals=0 * ONE,
        hoop_side=ONE,
        camera=replace(state.camera, zoom=ONE, mode=FIXED * ONE, x=WIDTH / 2 * ONE, y=ONE / 2),
    )


def duel(**fields: object) -> CourtState:
    """The same with a rival at 0.9."""
    state = replace(alone(), rivals=ONE, rival=standing(0.9), spot=0.8 * ONE)
    return replace(state, **fields)  # type: ignore[arg-type]


def hold(frames: int, *names: str) -> Tensor:
    actions = torch.zeros(1, frames, len(BUTTONS))
    for name in names:
        actions[:, :, BUTTONS.index(name)] = 1
    return actions


def dropped_ball(height: float) -> CourtState:
    """The ball in the air far from player and hoop."""
    return replace(alone(), player=standing(0.2), ball=ball_at(0.66, height))


def struck(truth: simulator.Trajectory, kind: str) -> list[int]:
    """The frames in which the first world has such a contact."""
    frames: list[int] = truth.strength[0, :, CONTACTS.index(kind)].nonzero()[:, 0].tolist()
    return frames


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_nothing_leaves_the_court(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    truth = simulator.random_trajectories(16, 48, g, torch.device("cpu"), skip=0)
    s = truth.states
    for part in (s.player, s.rival, s.ball, s.camera, s.pulse):
        for value in vars(part).values():
            assert value.isfinite().all()
    for body in (s.player, s.rival):
        assert (body.x >= PLAYER_MARGIN - 1e-5).all()
        assert (body.x <= WIDTH - PLAYER_MARGIN + 1e-5).all()
        assert (body.y >= FLOOR - 1e-5).all()
    free = s.holder == FREE
    assert (s.ball.y[free] > FLOOR).all()
    assert ((s.ball.x > 0) & (s.ball.x < WIDTH)).all()
    assert (truth.strength >= 0).all()


def test_holding_right_runs_right_in_the_first_frame() -> None:
    truth = simulator.simulate(alone(), 24, actions=hold(24, "right"))
    x = truth.states.player.x[0]
    assert x[0] > 0.5
    assert (x.diff() > 0).all()
    assert x[-1] - 0.5 > 0.4


def test_both_directions_cancel() -> None:
    truth = simulator.simulate(alone(), 12, actions=hold(12, "left", "right"))
    assert (truth.states.player.x - 0.5).abs().max() < 1e-5


def test_the_ball_falls_as_gravity_says() -> None:
    truth = simulator.simulate(dropped_ball(0.9), 8, actions=hold(8))
    y, t = truth.states.ball.y[0], torch.arange(1, 9) / 24
    torch.testing.assert_close(y, 0.9 - 0.5 * GRAVITY * t**2, atol=0.012, rtol=0.0)


def test_the_ball_bounces_with_its_restitution() -> None:
    truth = simulator.simulate(dropped_ball(0.9), 60, actions=hold(60))
    y = truth.states.ball.y[0]
    rebound = y[struck(truth, "bounce")[0] :].max() - FLOOR - BALL_RADIUS
    expected = (0.9 - FLOOR - BALL_RADIUS) * RESTITUTION["floor"] ** 2
    assert abs(float(rebound) - expected) < 0.05


def test_missed_shots_rebound_and_some_go_in() -> None:
    truth = simulator.seeded_trajectories(range(200), 96)
    kinds = (truth.strength > 0).sum((0, 1))
    for kind in CONTACTS:
        assert kinds[CONTACTS.index(kind)] > 5, kind


def test_seeds_give_their_own_clip_whatever_is_beside_them() -> None:
    one = simulator.seeded_trajectories([42], 24)
    beside = simulator.seeded_trajectories([42, 7, 9], 24)
    torch.testing.assert_close(one.states.player.x[0], beside.states.player.x[0])
    torch.testing.assert_close(simulator.listen(one)[0], simulator.listen(beside)[0])


def test_the_rival_picks_up_carries_to_his_spot_and_throws_at_the_hoop() -> None:
    state = duel(player=standing(0.1), ball=ball_at(1.0, FLOOR + BALL_RADIUS))
    truth = simulator.simulate(state, 96, actions=hold(96))
    picked, thrown = struck(truth, "pickup")[0], struck(truth, "throw")[0]
    assert picked < 12
    assert (truth.states.holder[0, picked:thrown] == RIVAL).all()
    assert abs(float(truth.states.rival.x[0, thrown]) - 0.8) < 0.05
    flight = truth.states.ball[:, thrown:].y[0]
    assert flight.max() > truth.states.hoop_y[0, 0]
    assert truth.states.player.x[0, -1] == truth.states.player.x[0, 0]  # he left the player alone


def test_the_rival_stands_between_the_player_who_has_the_ball_and_the_hoop() -> None:
    state = duel(player=standing(0.4), ball=ball_at(0.45, 0.29), holder=PLAYER * ONE)
    truth = simulator.simulate(state, 48, actions=hold(48))
    gap = truth.states.rival.x[0, -1] - truth.states.player.x[0, -1]
    assert 0.1 < gap < 0.3


def test_running_into_the_carrier_from_the_front_takes_the_ball() -> None:
    def meet(facing: float) -> Tensor:
        state = duel(
            player=standing(0.55),
            rival=standing(0.8, facing),
            ball=ball_at(0.8 + 0.05 * facing, 0.29),
            holder=RIVAL * ONE,
            spot=(0.8 + 0.4 * facing) * ONE,  # he runs on where he looks
        )
        truth = simulator.simulate(state, 8, actions=hold(8, "right"))
        return truth.states.holder[0]

    assert meet(-1.0)[-1] == PLAYER
    assert (meet(1.0) == RIVAL).all()


def test_where_there_is_no_rival_nothing_happens_to_him() -> None:
    state = replace(alone(), ball=ball_at(WIDTH / 2, FLOOR + BALL_RADIUS))
    truth = simulator.simulate(state, 24, actions=hold(24))
    assert (truth.states.holder == FREE).all()
    assert (truth.states.rival.x == truth.states.rival.x[0, 0]).all()


def test_the_camera_changes_nothing_in_the_world() -> None:
    pressed = hold(24)
    pressed[:, 3, BUTTONS.index("camera")] = pressed[:, 7, BUTTONS.index("camera")] = 1
    seen = simulator.simulate(duel(), 24, actions=pressed).states
    plain = simulator.simulate(duel(), 24, actions=hold(24)).states
    assert (seen.camera.mode[0, 8:] == CLOSE).all()
    torch.testing.assert_close(seen.camera.zoom[0, -1], torch.tensor(CLOSE_ZOOM))
    for name in ("player", "rival", "ball"):
        for field, value in vars(getattr(seen, name)).items():
            torch.testing.assert_close(value, vars(getattr(plain, name))[field])
