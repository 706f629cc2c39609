"""The staged family behind the seam, over random weights: pure steps, batches, settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from staged_states import (
    action_log,
    after,
    copied,
    play,
    prompted,
    start,
    unchanged,
)
from torch import Tensor

from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.state import StagedState
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    ModelError,
    UnknownWorld,
    UnsupportedSetting,
    collect,
)
from lightcone.model.simulators.catalogue import SIMULATED


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_seed_and_an_action_log_give_the_same_latents_twice(weights: Weights, steps: int) -> None:
    model, log = StagedModel(weights, steps=steps), action_log(9)
    assert torch.equal(play(model, start(model, 5), log), play(model, start(model, 5), log))


def test_other_seeds_and_other_actions_give_other_latents(model: StagedModel) -> None:
    log = action_log(3)
    first = play(model, start(model, 5), log)
    assert not torch.equal(first, play(model, start(model, 6), log))
    assert not torch.equal(first, play(model, start(model, 5), action_log(3, seed=1)))


def test_a_step_leaves_the_given_states_as_they_were(model: StagedModel) -> None:
    """At every phase of the window; in a batch, and alone."""
    states = [start(model, 1), start(model, 2)]
    for actions in action_log(9):
        for batch in ([states[0]], states):
            before = [copied(state) for state in batch]
            made, _ = collect(model, batch, [actions] * len(batch))
            assert all(unchanged(s, b) for s, b in zip(batch, before, strict=True))
        states = made


def test_a_state_can_be_stepped_twice_and_forked(model: StagedModel) -> None:
    """Rewinding and forking at every phase of the window give what was given before."""
    log, other = action_log(12), action_log(12, seed=4)
    states = [start(model, 1), *after(model, start(model, 1), log)]
    ends = play(model, states[0], log)
    for at in (0, 1, 2, 3, 5, 8):
        play(model, states[at], other)  # a fork goes its own way
        assert torch.equal(play(model, states[at], log[at:]), ends[at:])


def test_states_in_a_batch_are_the_states_alone(model: StagedModel) -> None:
    """Whatever the phase of each one's window."""
    logs = [action_log(12, seed=i) for i in range(3)]
    ahead = (0, 1, 5)
    states, alone = [], []
    for i, chunks in enumerate(ahead):
        early = [start(model, i), *after(model, start(model, i), logs[i][:chunks])][-1]
        states.append(early)
        alone.append(play(model, early, logs[i][chunks : chunks + 7]))
    for step in range(7):
        actions = [log[chunks + step] for log, chunks in zip(logs, ahead, strict=True)]
        states, chunks_made = collect(model, states, actions)
        for i, state in enumerate(states):
            torch.testing.assert_close(state.last.picture[0], alone[i][step], atol=1e-4, rtol=1e-3)
            assert chunks_made[i].first_frame == 2 * (ahead[i] + step)


def test_a_row_does_not_depend_on_the_rows_beside_it(model: StagedModel) -> None:
    """To the bit: a batch of the same size gives a row what it gives it beside any others."""
    log = action_log(6)
    states = [after(model, start(model, i), log[:i])[-1] for i in (1, 2, 3, 4)]
    actions = action_log(4, seed=8)
    together, _ = collect(model, states, actions)
    for row, state in enumerate(states):
        padded, _ = collect(model, [state] * 4, [actions[row]] * 4)
        assert model.digest(padded[row]) == model.digest(together[row])


def test_states_of_several_worlds_are_no_batch(model: StagedModel) -> None:
    with pytest.raises(ModelError, match="one world"):
        collect(model, [start(model, 1), start(model, 1, world="pond")], action_log(2))


def test_a_step_takes_as_many_passes_as_are_asked_for(weights: Weights) -> None:
    model = StagedModel(weights, ["court"], steps=4)
    assert model.steps == (4, 2, 1)
    state, [actions] = start(model, 5), action_log(1)
    ends = [model.digest(collect(model, [state], [actions], n)[0][0]) for n in (None, 4, 2, 1)]
    assert ends[0] == ends[1]
    assert len(set(ends)) == 3
    with pytest.raises(UnsupportedSetting, match="3"):
        collect(model, [state], [actions], 3)


def test_chunks_have_the_promised_shape(model: StagedModel) -> None:
    [state], [chunk] = collect(model, [start(model, 0)], action_log(1))
    assert chunk.decode_s > 0
    assert chunk.frames.shape == (2, 96, 128, 3)
    assert chunk.frames.dtype == np.uint8
    assert chunk.sound is not None
    assert chunk.sound.shape == (2000,)
    assert chunk.sound.dtype == np.float32
    assert np.abs(chunk.sound).max() <= 1
    assert (state.chunk, state.frame) == (1, chunk.end_frame) == (1, 2)


def test_the_state_does_not_grow(model: StagedModel) -> None:
    sizes = [
        sum(t.numel() for t in s.tensors().values())
        for s in after(model, start(model, 0), action_log(40))
    ]
    assert len(set(sizes[model.network.config.window :])) == 1
    assert model.cost("court").state_bytes == 4 * sizes[-1]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_state_holds_no_memory_of_a_batch(model: StagedModel, batch: int) -> None:
    states = [start(model, i) for i in range(batch)]
    for actions in action_log(2):
        states, _ = collect(model, states, [actions] * batch)
    for tensor in held(states[-1]):
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


def held(state: StagedState) -> list[Tensor]:
    """Its tensors as they are in memory, but for the first chunk, whose facts are of the starts."""
    past = [x for chunk in state.past[1:] for x in (chunk.picture, chunk.sound, chunk.state)]
    text = [state.prompt.before, state.prompt.after]
    return [state.ring.keys, state.ring.values, *past, *text, *state.sound_state]


@pytest.mark.parametrize("name", SIMULATED)
def test_every_world_steps(model: StagedModel, name: str) -> None:
    info = model.worlds[name]
    [state], [chunk] = collect(model, [start(model, 0, world=name)], [info.actions([])])
    assert chunk.frames.shape == (2, info.height, info.width, 3)
    assert state.last.state.isfinite().all()


def test_a_cost_is_measured_once(model: StagedModel) -> None:
    cost = model.cost("pond")
    assert list(cost.step_ms) == sorted(cost.step_ms)
    assert min(cost.step_ms) == 1
    assert all(ms > 0 for ms in cost.step_ms.values())
    assert model.cost("pond") is cost


@pytest.mark.parametrize("name", SIMULATED)
def test_a_step_has_neither_strength_nor_moment_of_contacts_that_are_not(
    model: StagedModel, name: str
) -> None:
    actions = model.worlds[name].actions([])
    [state], _ = collect(model, [start(model, 0, world=name)], [actions])
    strength, when = state.last.state[..., model.part(name).facts.CONTACTS_AT].chunk(2, -1)
    assert bool(((strength == 0) | (strength > 0.1)).all())
    assert bool((when[strength == 0] == 0).all())


@pytest.mark.parametrize("name", SIMULATED)
def test_worlds_run_in_bfloat16(half: StagedModel, name: str) -> None:
    state, _ = prompted(half, start(half, 0, world=name), "music", "recache")
    [state], [chunk] = collect(half, [state], [half.worlds[name].actions([])])
    assert state.last.picture.dtype == torch.bfloat16
    assert state.last.state.dtype == torch.float32
    assert chunk.frames.std() > 0


def test_settings_that_can_not_be_had_are_named(weights: Weights) -> None:
    with pytest.raises(UnsupportedSetting, match="3"):
        StagedModel(weights, steps=3)
    with pytest.raises(UnsupportedSetting, match="warp"):
        StagedModel(weights, device="warp")
    with pytest.raises(UnknownWorld, match="atlantis"):
        StagedModel(weights, ["atlantis"])
