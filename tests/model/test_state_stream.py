"""What every state stream keeps to, whatever its world."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.striking import (
    Striking,
    contact_cross_entropy,
    single,
)
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.training import dynamics as train_dynamics

WORLDS = 8


def shaken(world: str) -> nn.Module:
    torch.manual_seed(0)
    model = learnable(world).dynamics()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model.requires_grad_(False)


def truth(world: str, frames: int) -> tuple[Tensor, Tensor]:
    """Facts (B, T, COUNT) and actions (B, T, actions)."""
    worlds = open_simulator(world).random_trajectories(
        WORLDS, frames, torch.Generator().manual_seed(0), torch.device("cpu"), skip=4
    )
    return open_simulator(world).facts(worlds), worlds.actions


@pytest.mark.parametrize("world", SIMULATED)
def test_a_prediction_stays_a_state_for_as_long_as_one_likes(world: str) -> None:
    facts, actions = truth(world, 4)
    made = shaken(world)(facts[:, 0], actions[:, :1].expand(-1, 120, -1))
    assert made.shape == (WORLDS, 120, facts.shape[2])
    assert made.isfinite().all()
    assert made[..., learnable(world).facts.FLAGS].abs().max() <= 1
    static = learnable(world).facts.STATIC
    assert torch.equal(made[:, -1, static], facts[:, 0, static])


def test_what_rests_on_the_court_stays_where_it_is() -> None:
    facts, _ = truth("court", 4)
    at = learnable("court").facts.AT
    begun = facts[:, 0].clone()
    moving = [at[name] for name in ("player_vx", "rival_vx", "ball_vx")]
    begun[:, moving] = 0
    begun[:, [at["player_holds"], at["rival_holds"]]] = -1
    model = learnable("court").dynamics()
    with torch.no_grad():
        model.leave.bias[at["player_x"]] = 0.01  # an error that adds up
    made = model(begun, torch.zeros(WORLDS, 240, 7))
    moved = (made[:, -1] - begun)[:, [at["player_x"], at["ball_x"]]]
    assert moved.abs().max() < 1e-3


def test_body_and_gaze_rest_where_they_are() -> None:
    facts, _ = truth("corridors", 4)
    at = learnable("corridors").facts.AT
    begun = facts[:, 0].clone()
    begun[:, [at["vx"], at["vy"], at["turning"]]] = 0
    made = shaken("corridors")(begun, torch.zeros(WORLDS, 240, 11))
    for name in ("x", "y", "gait_sin", "heading_sin", "heading_cos", "zoom", "rear"):
        torch.testing.assert_close(made[:, -1, at[name]], begun[:, at[name]], atol=1e-4, rtol=0)


@pytest.mark.parametrize("world", SIMULATED)
def test_two_chunks_are_one_run(world: str) -> None:
    model, (facts, actions) = shaken(world), truth(world, 5)
    first = model(facts[:, 0], actions[:, 1:3])
    second = model(first[:, -1], actions[:, 3:5])
    whole = model(facts[:, 0], actions[:, 1:5])
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


def test_training_of_a_state_stream_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_dynamics, "WORLDS", 8)
    monkeypatch.setattr(train_dynamics, "FRAMES", 24)
    for steps in ("1", "2"):
        args = ["--world", "court", "--out", str(tmp_path), "--steps", steps, "--device", "cpu"]
        train_dynamics.main(args)
    saved = torch.load(train_dynamics.dynamics_path(tmp_path, "court"), weights_only=True)
    assert saved["step"] == 2


def test_a_missed_contact_costs_more_than_a_false_one() -> None:
    """Contacts are rare; by a plain error the best guess would be that there never is one."""

    class Constant(nn.Module):
        def __init__(self, facts: Tensor) -> None:
            super().__init__()
            self.facts = facts

        def forward(self, state: Tensor, actions: Tensor) -> Tensor:
            return self.facts

    at, weights = slice(0, 2), torch.ones(2)  # one kind: strength, when
    struck, nothing = torch.tensor([[[0.5, 0.5]]]), torch.tensor([[[0.0, 0.5]]])

    def cost(predicted: Tensor, true: Tensor) -> float:
        states = torch.cat([true, true], 1)
        return float(train_dynamics.loss(Constant(predicted), at, weights, states, states[:, :1]))

    assert cost(nothing, struck) > 1.5 * cost(struck, nothing)


def test_a_contact_that_is_not_predicted_at_all_can_still_be_learned() -> None:
    striking = Striking(facts=2, given=0, kinds=1)
    with torch.no_grad():
        striking.leave.bias[0] = -4.0
    state = torch.zeros(1, 2)
    strength = striking(state, state, torch.zeros(1, 0))[:, :1]
    assert strength < 1e-6
    contact_cross_entropy(strength, torch.ones(1, 1)).sum().backward()
    assert striking.leave.bias.grad is not None
    assert striking.leave.bias.grad[0] < -1


def test_a_contact_that_is_predicted_in_two_frames_counts_once() -> None:
    strength = torch.tensor([[[0.4, 0.9, 0.5, 0.3], [0.8, 0.2, 0.6, 0.0]]])  # (1, 2, 4)
    earlier = torch.tensor([[False, False, True, False]])
    kept = single(strength, strength > 0.1, earlier)
    assert kept.tolist() == [[[False, True, False, True], [True, False, False, False]]]
