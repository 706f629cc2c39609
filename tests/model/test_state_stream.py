"""What is the case on a court as numbers, where it is in the picture, and its prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.dynamics import Dynamics, DynamicsConfig
from model.scene import map_count, scene
from model.worlds.court.maps import Maps
from torch import Tensor

from model import train_dynamics
from model.cells import unpatchify
from model.config import TransformerConfig
from model.sampler import Scenery, anchor
from model.worlds.court import facts, maps, simulator


def trajectories(seed: int = 0) -> simulator.Trajectory:
    return simulator.random_trajectories(
        8, 12, torch.Generator().manual_seed(seed), torch.device("cpu")
    )


def random_dynamics() -> Dynamics:
    torch.manual_seed(0)
    model = Dynamics(DynamicsConfig(width=16, layers=1))
    torch.nn.init.normal_(model.leave.weight, std=0.3)
    return model.requires_grad_(False)


def test_facts_are_near_one_and_tell_places_back() -> None:
    truth = trajectories().states
    case = facts.facts(truth)
    assert case.shape == (8, 12, facts.COUNT)
    assert case.abs().max() < 3
    player, ball, hoop = facts.places(case)
    torch.testing.assert_close(player, torch.stack([truth.px, truth.py], -1))
    torch.testing.assert_close(ball, torch.stack([truth.bx, truth.by], -1))
    torch.testing.assert_close(hoop, torch.stack([truth.hoop_x, truth.hoop_y], -1))


def test_maps_are_bright_where_things_are_and_empty_elsewhere() -> None:
    case = facts.facts(trajectories().states)[:, 0]
    drawn = Maps(24, 32)(case)
    assert drawn.shape == (8, maps.MAPS, 24, 32)
    for bell, (x, y) in ((0, facts.places(case)[0].T), (23, facts.places(case)[1].T)):
        rise = 0.15 if bell == 0 else 0.0  # the player's middle is above the feet
        for world in range(8):
            row, column = divmod(int(drawn[world, bell].argmax()), 32)
            assert abs((column + 0.5) / 24 - float(x[world])) < 0.1
            assert abs((23.5 - row) / 24 - float(y[world]) - rise) < 0.15
    far = (facts.places(case)[0][:, None, None, 0] - (torch.arange(32) + 0.5) / 24).abs() > 0.4
    assert drawn[:, :23].abs().masked_select(far.expand(-1, 24, -1)[:, None]).max() < 0.01


def test_a_scene_is_of_the_frame_before_and_of_the_chunk() -> None:
    case = facts.facts(trajectories().states).unflatten(1, (-1, 2))
    told = scene(Maps(24, 32), case[:, :-1], case[:, 1:], torch.float32)
    assert told.facts.shape == (8, 5, 3 * facts.COUNT)
    assert told.maps.shape == (8, 5, map_count(2), 24, 32)
    assert torch.equal(told.facts[:, 0, : facts.COUNT], case[:, 0, 1])


@pytest.fixture(scope="module")
def case() -> Tensor:
    """Of 8 worlds."""
    return facts.facts(trajectories().states)[:, 0]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), frames=st.integers(1, 60))
def test_a_prediction_stays_a_state_for_as_long_as_one_likes(
    case: Tensor, seed: int, frames: int
) -> None:
    held = torch.rand(8, frames, 4, generator=torch.Generator().manual_seed(seed)).round()
    made = random_dynamics()(case, held)
    assert made.shape == (8, frames, facts.COUNT)
    assert made.abs().max() <= 3
    for sine in facts.ANGLES:
        length = made[..., sine : sine + 2].square().sum(-1)
        torch.testing.assert_close(length, torch.ones_like(length))
    fixed = made[..., facts.FLAGS :]
    assert torch.equal(fixed, case[:, None, facts.FLAGS :].expand_as(fixed))


def test_scenery_is_anchored_where_nothing_moves(case: Tensor) -> None:
    config = TransformerConfig()
    draw = Maps(*config.cells_shape)
    state = case[:, None, None].expand(-1, 1, 2, -1)
    empty = scene(draw, state, state, torch.float32).empty[:, 0]
    shown = anchor(torch.ones(8, 48, 256), Scenery(torch.zeros(8, 48, 256), empty), empty)
    cells = unpatchify(shown, config.rows, config.columns)  # (B, frames * channels, h, w)
    assert torch.equal(cells[:, 0], cells[:, -1])
    busy = maps.occupied(draw(case))
    bare, near = busy < 1e-4, busy > 0.5
    assert cells[:, 0][bare].max() < 0.01, "scenery was not put back"
    assert cells[:, 0][near].min() == 1, "what moves was painted over"
    assert bare.any()
    assert near.any()


def test_two_chunks_are_one_run(case: Tensor) -> None:
    model = random_dynamics()
    held = torch.rand(8, 4, 4).round()
    first = model(case, held[:, :2])
    second = model(first[:, -1], held[:, 2:])
    torch.testing.assert_close(torch.cat([first, second], 1), model(case, held))


def test_training_of_the_state_stream_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_dynamics, "WORLDS", 8)
    for steps in ("1", "2"):
        train_dynamics.main(["--out", str(tmp_path), "--steps", steps, "--device", "cpu"])
    assert torch.load(tmp_path / "dynamics.pt", weights_only=True)["step"] == 2
