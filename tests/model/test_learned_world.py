"""A learned world over random weights: explicit state, replay, batches, and refused weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_worlds import small_weights

from lightcone.model.catalogue import open_world
from lightcone.model.families.staged.court.facts import AT
from lightcone.model.families.staged.learnable import SIMULATED
from lightcone.model.families.staged.model import (
    LearnedWorld,
    WorldState,
)
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    Actions,
    PromptError,
    UnknownWorld,
    UnsupportedSetting,
    WeightsError,
)


@pytest.fixture(scope="module")
def weights() -> Weights:
    return small_weights()


@pytest.fixture(scope="module")
def world(weights: Weights) -> LearnedWorld:
    return LearnedWorld(weights, "court")


def action_log(chunks: int, seed: int = 0, actions: int = 7) -> list[Actions]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, (2, actions)).astype(np.float32) for _ in range(chunks)]


def play(world: LearnedWorld, state: WorldState, log: list[Actions]) -> torch.Tensor:
    latents = []
    for actions in log:
        [state], _ = world.step([state], [actions])
        latents.append(state.last.picture.clone())
    return torch.cat(latents)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_seed_and_an_action_log_give_the_same_latents_twice(weights: Weights, steps: int) -> None:
    world, log = LearnedWorld(weights, "court", steps=steps), action_log(9)
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


@pytest.mark.parametrize("name", SIMULATED)
def test_every_world_steps(weights: Weights, name: str) -> None:
    world = LearnedWorld(weights, name)
    actions = world.info.actions([])
    [state], [chunk] = world.step([world.start(0)], [actions])
    assert chunk.frames.shape == (2, world.info.height, world.info.width, 3)
    assert state.last.state.isfinite().all()


def test_prompts_choose_a_start_and_unknown_words_are_named(world: LearnedWorld) -> None:
    state = world.start(0, "beach at night, red against blue, hoop left")
    said = dict(zip(world.grammar.names, state.prompt.values, strict=True))
    words = {name: world.grammar.words[name][value] for name, value in said.items() if value >= 0}
    assert words["look"] == "beach"
    assert words["time"] == "night"
    assert (words["shirt"], words["rival"]) == ("red", "blue")
    assert words["side"] == "left"
    with pytest.raises(PromptError) as refused:
        world.start(0, "night on a spaceship")
    assert refused.value.words == ("on", "a", "spaceship")


def test_what_a_prompt_leaves_open_the_seed_chooses(world: LearnedWorld) -> None:
    looks = {world.start(seed, "night").prompt.values for seed in range(12)}
    assert len(looks) > 1


def test_a_cut_shows_at_once_and_a_blend_little_by_little(world: LearnedWorld) -> None:
    state = world.start(3, "beach day")
    cut, applied = world.prompt(state, "gym night", "cut", 12)
    assert applied == state.index
    assert torch.equal(cut.prompt.text(state.index), cut.prompt.after)
    blend, applied = world.prompt(state, "gym night", "blend", 4)
    assert applied == state.index + 3
    way = [blend.prompt.text(state.index + i) for i in range(4)]
    gaps = [float((text - blend.prompt.after).norm()) for text in way]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0
    assert state.prompt.values != blend.prompt.values, "the given state has changed"


def test_a_new_prompt_in_a_blend_begins_where_it_was(world: LearnedWorld) -> None:
    state, _ = world.prompt(world.start(3, "beach day"), "gym night", "blend", 8)
    [state], _ = world.step([state], action_log(1))
    again, _ = world.prompt(state, "park", "blend", 8)
    torch.testing.assert_close(again.prompt.before, state.prompt.text(state.index))


def test_recache_leaves_nothing_of_the_old_prompt(world: LearnedWorld) -> None:
    """Worlds that differ in their prompt alone have the same cache after it."""
    state = world.start(3, "beach day")
    for actions in action_log(5):
        [state], _ = world.step([state], [actions])
    kept = state.keys.clone()
    fresh, applied = world.prompt(state, "gym night", "recache", 1)
    assert applied == state.index
    assert torch.equal(state.keys, kept), "the given state has changed"
    torn = replace(state, keys=torch.randn_like(state.keys), values=torch.randn_like(state.values))
    other, _ = world.prompt(torn, "gym night", "recache", 1)
    assert torch.equal(other.keys, fresh.keys)
    assert not torch.equal(fresh.keys, state.keys)


def test_standing_facts_follow_a_prompt_and_lost_chances_are_named(world: LearnedWorld) -> None:
    state = world.start(3, "hoop left")
    moved, _ = world.prompt(state, "hoop right", "cut", 1)
    side = AT["hoop_side"]
    assert float(state.last.state[0, -1, side]) == -1
    assert float(moved.last.state[0, -1, side]) == 1
    with pytest.raises(PromptError) as refused:
        world.prompt(state, "red, ball flying", "cut", 1)
    assert refused.value.words == ("flying",)


def test_a_prompt_says_only_what_can_be_had_together(world: LearnedWorld) -> None:
    def words(state: WorldState) -> dict[str, str]:
        said = zip(world.grammar.names, state.prompt.values, strict=True)
        return {n: world.grammar.words[n][v] for n, v in said if v >= 0}

    gym = words(world.start(1, "gym, rain"))
    assert (gym["look"], gym["weather"]) == ("gym", "clear")
    outdoors, _ = world.prompt(world.start(1, "gym"), "rain", "cut", 1)
    assert words(outdoors)["weather"] == "rain"
    assert words(outdoors)["look"] != "gym"
    alone = world.start(1, "alone, red")
    assert "rival" not in words(alone)
    two, _ = world.prompt(alone, "red against red", "cut", 1)
    assert words(two)["players"] == "rivals"
    assert words(two)["rival"] != "red"
    assert float(two.last.state[0, -1, AT["rivals"]]) == 1
    one, _ = world.prompt(two, "alone", "cut", 1)
    assert "rival" not in words(one)
    assert float(one.last.state[0, -1, AT["rivals"]]) == -1


@pytest.mark.parametrize("name", SIMULATED)
def test_a_step_tells_neither_strength_nor_moment_of_contacts_that_are_not(
    weights: Weights, name: str
) -> None:
    world = LearnedWorld(weights, name)
    [state], _ = world.step([world.start(0)], [world.info.actions([])])
    strength, when = state.last.state[..., world._facts.CONTACTS_AT].chunk(2, -1)
    assert bool(((strength == 0) | (strength > 0.1)).all())
    assert bool((when[strength == 0] == 0).all())


@pytest.mark.parametrize("name", SIMULATED)
def test_worlds_run_in_bfloat16(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "lightcone.model.families.staged.model.compute_dtype", lambda device: torch.bfloat16
    )
    world = LearnedWorld(small_weights(), name)
    state, _ = world.prompt(world.start(0), "music", "recache", 1)
    [state], [chunk] = world.step([state], [world.info.actions([])])
    assert state.last.picture.dtype == torch.bfloat16
    assert state.last.state.dtype == torch.float32
    assert chunk.frames.std() > 0


@pytest.mark.parametrize("name", SIMULATED)
def test_a_still_begins_a_world(weights: Weights, name: str) -> None:
    world = LearnedWorld(weights, name)
    image = np.full((96, 128, 3), 200, np.uint8)
    state, plain = world.start(1, image=image), world.start(1)
    assert not torch.equal(state.last.picture, plain.last.picture)
    assert torch.equal(state.last.picture[:, :12], state.last.picture[:, 12:])


def test_weights_survive_the_way_to_disk(weights: Weights, tmp_path: Path) -> None:
    weights.save(tmp_path)
    loaded, world = LearnedWorld(Weights.load(tmp_path), "court"), LearnedWorld(weights, "court")
    log = action_log(2)
    torch.testing.assert_close(
        play(loaded, loaded.start(2), log), play(world, world.start(2), log), atol=0.05, rtol=0.05
    )


def test_bad_weights_are_named(weights: Weights, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        open_world("court", weights=tmp_path)
    weights.save(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="corrupt"):
        open_world("court", weights=tmp_path)
    (tmp_path / "model.safetensors").write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    config["transformer"]["width"] = 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another architecture"):
        open_world("court", weights=tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="corrupt"):
        open_world("court", weights=tmp_path)
    with pytest.raises(UnknownWorld, match="atlantis"):
        open_world("atlantis")


def test_settings_that_can_not_be_had_are_named(weights: Weights, tmp_path: Path) -> None:
    weights.save(tmp_path)
    with pytest.raises(UnsupportedSetting, match="3"):
        open_world("court", weights=tmp_path, steps=3)
    with pytest.raises(UnsupportedSetting, match="warp"):
        open_world("court", weights=tmp_path, device="warp")
