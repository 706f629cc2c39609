"""A staged world that goes on from true frames."""

from __future__ import annotations

import numpy as np
import pytest
from small_worlds import small_weights

from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Judged
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.truth import Played
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.state import StagedState
from lightcone.model.interface import ModelError
from lightcone.model.simulators.catalogue import SIMULATED

FRAMES = 20  # more chunks than the window holds


@pytest.fixture(scope="module")
def model() -> StagedModel:
    return StagedModel(small_weights())


def play(world: str, model: StagedModel, seed: int = 3) -> Played:
    info = model.worlds[world]
    truth = SimulatorTruth(world, (info.width, info.height))
    return truth.play(seed, truth.player(seed), FRAMES).part(0, FRAMES)


def observed(model: StagedModel, played: Played, state: StagedState | None = None) -> StagedState:
    return model.observe(
        state, played.info.name, played.frames, played.sound, played.actions,
        played.numbers, played.names, played.text,
    )  # fmt: skip


@pytest.mark.parametrize("world", SIMULATED)
def test_a_true_moment_goes_on(model: StagedModel, world: str) -> None:
    assert isinstance(model, Judged)
    played = play(world, model)
    begun = observed(model, played.part(0, 4))
    kept = model.digest(begun)
    after = observed(model, played.part(4, FRAMES), begun)
    assert model.digest(begun) == kept
    assert (begun.frame, after.frame) == (2, FRAMES - 2)  # the first chunk is never counted
    assert np.allclose(after.last.state[0].numpy(), played.numbers[-2:])
    restored = model.restore(model.snapshot(after))
    assert model.digest(restored) == model.digest(after)
    answer = Candidate(model, world).free(after, played.actions[:6])
    assert answer.frames.shape == (6, *played.frames.shape[1:])
    assert answer.sound is not None
    assert len(answer.sound) == 6000


def test_what_is_observed_at_once_or_chunk_by_chunk_is_alike(model: StagedModel) -> None:
    played = play("court", model)
    whole, state = observed(model, played), None
    for first in range(0, FRAMES, 2):
        state = observed(model, played.part(first, first + 2), state)
    assert state is not None
    for name, tensor in whole.tensors().items():
        other = state.tensors()[name]
        assert tensor.shape == other.shape
        if not name.startswith(("sound", "tail")):  # what came before is heard through the codec
            assert np.allclose(tensor.numpy(), other.numpy(), atol=1e-3), name


def test_keys_are_those_of_chunks_that_were_made(model: StagedModel) -> None:
    """A chunk of the model's own, observed, leaves the state that making it left."""
    played = play("court", model)
    begun = observed(model, played.part(0, 4))
    made = model.generate([begun], [played.actions[4:6]])
    [after], _ = model.show([begun], made)
    again = model._observer("court").after(begun, made.latents)
    assert np.allclose(after.ring.keys.numpy(), again.ring.keys.numpy(), atol=1e-4)
    for tail, other in zip(after.sound_state, again.sound_state, strict=True):
        assert np.allclose(tail.numpy(), other.numpy(), atol=1e-5)


def test_the_codecs_alone(model: StagedModel) -> None:
    played = play("court", model)
    frames, sound = model.reconstruct("court", played.frames, played.sound)
    assert frames.shape == played.frames.shape
    assert frames.dtype == np.uint8
    assert sound is not None
    assert played.sound is not None
    assert sound.shape == played.sound.shape
    assert model.reconstruct("court", played.frames, None)[1] is None


def test_what_is_missing_is_named(model: StagedModel) -> None:
    played = play("court", model)
    frames, sound, actions = played.frames, played.sound, played.actions
    known = played.numbers, played.names
    with pytest.raises(ModelError, match="needs its facts"):
        model.observe(None, "court", frames, sound, actions)
    with pytest.raises(ModelError, match="player_x"):
        model.observe(None, "court", frames, sound, actions, played.numbers, played.names[1:])
    with pytest.raises(ModelError, match="no whole chunks"):
        model.observe(None, "court", frames[:3], sound, actions[:3], *known)
    with pytest.raises(ModelError, match="needs the caption"):
        model.observe(None, "court", frames, sound, actions, *known)
    with pytest.raises(ModelError, match="no caption"):
        model.observe(None, "court", frames, sound, actions, *known, "a purple gym")
    with pytest.raises(ModelError, match="has sound"):
        model.observe(None, "court", frames, None, actions, *known, played.text)
