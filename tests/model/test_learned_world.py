"""A learned world over random weights: explicit state, replay, batches, and refused weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_court import small_court

from model.interface import Actions, PromptError, UnknownWorld, UnsupportedSetting, WeightsError
from model.registry import open_world
from model.world import LearnedWorld, WorldState


@pytest.fixture(scope="module")
def world() -> LearnedWorld:
    return small_court()


def action_log(chunks: int, seed: int = 0) -> list[Actions]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, (2, 4)).astype(np.float32) for _ in range(chunks)]


def play(world: LearnedWorld, state: WorldState, log: list[Actions]) -> torch.Tensor:
    latents = []
    for actions in log:
        [state], _ = world.step([state], [actions])
        latents.append(state.last.picture.clone())
    return torch.cat(latents)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_seed_and_an_action_log_give_the_same_latents_twice(steps: int) -> None:
    world, log = small_court(steps), action_log(9)
    assert torch.equal(play(world, world.start(5), log), play(world, world.start(5), log))


def test_other_seeds_and_other_actions_give_other_latents(world: LearnedWorld) -> None:
    log = action_log(3)
    first = play(world, world.start(5), log)
    assert not torch.equal(first, play(world, world.start(6), log))
    assert not torch.equal(first, play(world, world.start(5), action_log(3, seed=1)))


def test_a_step_that_failed_can_be_repeated(world: LearnedWorld) -> None:
    """After the transformer has run and before the decoders have, a step is abandoned: the state
    gives what it would have given."""
    log = action_log(8)
    expected = play(world, world.start(1), log)
    state = world.start(1)
    got = []
    for actions in log:
        world.generate([state], action_log(1, seed=99))
        [state], _ = world.step([state], [actions])
        got.append(state.last.picture.clone())
    assert torch.equal(torch.cat(got), expected)


def test_worlds_in_a_batch_are_the_worlds_alone(world: LearnedWorld) -> None:
    logs = [action_log(7, seed=i) for i in range(3)]
    alone = [play(world, world.start(i), logs[i]) for i in range(3)]
    states = [world.start(i) for i in range(3)]
    for chunk in range(7):
        states, chunks = world.step(states, [log[chunk] for log in logs])
        for i, state in enumerate(states):
            torch.testing.assert_close(state.last.picture[0], alone[i][chunk], atol=1e-4, rtol=1e-3)
            assert chunks[i].index == chunk


def test_chunks_have_the_promised_shape(world: LearnedWorld) -> None:
    [state], [chunk] = world.step([world.start(0)], action_log(1))
    assert chunk.frames.shape == (2, 96, 128, 3)
    assert chunk.frames.dtype == np.uint8
    assert chunk.sound.shape == (2000,)
    assert chunk.sound.dtype == np.float32
    assert np.abs(chunk.sound).max() <= 1
    assert state.index == 1


def test_the_state_does_not_grow(world: LearnedWorld) -> None:
    state = world.start(0)
    size = state.keys.numel()
    for actions in action_log(40):
        [state], _ = world.step([state], [actions])
    assert state.keys.numel() == size


def test_prompts_choose_a_start_and_unknown_words_are_named(world: LearnedWorld) -> None:
    night = world.start(0, "night, blue")
    assert torch.equal(night.last.picture[0], world.starts.picture[1])
    with pytest.raises(PromptError) as refused:
        world.start(0, "night on a spaceship")
    assert refused.value.words == ("on", "a", "spaceship")


def test_weights_survive_the_way_to_disk(world: LearnedWorld, tmp_path: Path) -> None:
    world.save(tmp_path / "court")
    loaded = LearnedWorld.load(tmp_path / "court")
    log = action_log(2)
    torch.testing.assert_close(
        play(loaded, loaded.start(2), log), play(world, world.start(2), log), atol=0.05, rtol=0.05
    )


def test_bad_weights_are_named(world: LearnedWorld, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        open_world("court", weights=tmp_path)
    folder = tmp_path / "court"
    world.save(folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="corrupt"):
        open_world("court", weights=tmp_path)
    (folder / "model.safetensors").write_bytes(whole)
    config = json.loads((folder / "config.json").read_text())
    config["transformer"]["width"] = 64
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another architecture"):
        open_world("court", weights=tmp_path)
    (folder / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="corrupt"):
        open_world("court", weights=tmp_path)
    with pytest.raises(UnknownWorld, match="atlantis"):
        open_world("atlantis")


def test_settings_that_can_not_be_had_are_named(world: LearnedWorld, tmp_path: Path) -> None:
    world.save(tmp_path / "court")
    with pytest.raises(UnsupportedSetting, match="3"):
        open_world("court", weights=tmp_path, steps=3)
    with pytest.raises(UnsupportedSetting, match="warp"):
        open_world("court", weights=tmp_path, device="warp")
