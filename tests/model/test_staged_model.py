"""The staged family behind the seam, over random weights: pure steps, batches, prompts, snapshots,
and refused weights."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_worlds import small_weights
from torch import Tensor

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.staged.court.facts import AT
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.network.kv_cache import Ring
from lightcone.model.families.staged.state import StagedState
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    Actions,
    How,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WeightsError,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.model.simulators.catalogue import SIMULATED


@pytest.fixture(scope="module")
def weights() -> Weights:
    return small_weights()


@pytest.fixture(scope="module")
def model(weights: Weights) -> StagedModel:
    return StagedModel(weights)


def action_log(chunks: int, seed: int = 0, actions: int = 7) -> list[Actions]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 2, (2, actions)).astype(np.float32) for _ in range(chunks)]


def start(model: StagedModel, seed: int, prompt: str = "", world: str = "court") -> StagedState:
    return model.start(world, seed, model.prepare(world, prompt))


def prompted(
    model: StagedModel, state: StagedState, prompt: str, how: How, chunks: int = 1
) -> tuple[StagedState, int]:
    conditioning = model.prepare(state.world, prompt, running=True)
    return model.apply(state, conditioning, how, chunks)


def after(model: StagedModel, state: StagedState, log: Sequence[Actions]) -> list[StagedState]:
    """The states after each chunk."""
    states = []
    for actions in log:
        [state], _ = collect(model, [state], [actions])
        states.append(state)
    return states


def play(model: StagedModel, state: StagedState, log: Sequence[Actions]) -> Tensor:
    return torch.cat([s.last.picture for s in after(model, state, log)])


def copied(state: StagedState) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in state.tensors().items()}


def unchanged(state: StagedState, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


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


def test_a_compact_state_holds_no_memory_of_a_batch(model: StagedModel) -> None:
    log = action_log(4)
    states = [start(model, i) for i in range(3)]
    states, _ = collect(model, states, log[:3])
    kept = states[1].compact()
    for tensor in kept.tensors().values():
        assert tensor.untyped_storage().nbytes() <= tensor.numel() * tensor.element_size()
    assert torch.equal(play(model, kept, log), play(model, states[1], log))


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


# prompts


def test_prompts_choose_a_start_and_unknown_words_are_named(model: StagedModel) -> None:
    grammar = model.part("court").grammar
    state = start(model, 0, "beach at night, red against blue, hoop left")
    said = dict(zip(grammar.names, state.prompt.values, strict=True))
    words = {name: grammar.words[name][value] for name, value in said.items() if value >= 0}
    assert words["look"] == "beach"
    assert words["time"] == "night"
    assert (words["shirt"], words["rival"]) == ("red", "blue")
    assert words["side"] == "left"
    with pytest.raises(PromptError) as refused:
        model.prepare("court", "night on a spaceship")
    assert refused.value.words == ("on", "a", "spaceship")


def test_a_prompt_that_is_too_long_is_refused(model: StagedModel) -> None:
    with pytest.raises(PromptError, match="at most 500 characters"):
        model.prepare("court", "night " * 100)


def test_what_a_prompt_leaves_open_the_seed_chooses(model: StagedModel) -> None:
    looks = {start(model, seed, "night").prompt.values for seed in range(12)}
    assert len(looks) > 1


def test_a_cut_shows_at_once_and_a_blend_little_by_little(model: StagedModel) -> None:
    state = after(model, start(model, 3, "beach day"), action_log(1))[-1]
    cut, frame = prompted(model, state, "gym night", "cut", 12)
    assert frame == state.frame == 2
    assert torch.equal(cut.prompt.text(state.chunk), cut.prompt.after)
    blend, frame = prompted(model, state, "gym night", "blend", 4)
    assert frame == state.frame + 3 * 2
    way = [blend.prompt.text(state.chunk + i) for i in range(4)]
    gaps = [float((text - blend.prompt.after).norm()) for text in way]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0
    assert state.prompt.values != blend.prompt.values, "the given state has changed"


def test_a_new_prompt_in_a_blend_begins_where_it_was(model: StagedModel) -> None:
    state, _ = prompted(model, start(model, 3, "beach day"), "gym night", "blend", 8)
    [state] = after(model, state, action_log(1))
    again, _ = prompted(model, state, "park", "blend", 8)
    torch.testing.assert_close(again.prompt.before, state.prompt.text(state.chunk))


def test_recache_leaves_nothing_of_the_old_prompt(model: StagedModel) -> None:
    """States that differ in their cache alone have the same one after it."""
    state = after(model, start(model, 3, "beach day"), action_log(5))[-1]
    before = copied(state)
    fresh, frame = prompted(model, state, "gym night", "recache")
    assert frame == state.frame
    assert unchanged(state, before)
    noise = Ring(torch.randn_like(state.ring.keys), torch.randn_like(state.ring.values))
    other, _ = prompted(model, replace(state, ring=noise), "gym night", "recache")
    assert torch.equal(other.ring.keys, fresh.ring.keys)
    assert not torch.equal(fresh.ring.keys, state.ring.keys)


@pytest.mark.parametrize("chunks", [1, 2, 3, 7])
def test_recache_of_the_same_prompt_gives_the_keys_that_are_there(
    model: StagedModel, chunks: int
) -> None:
    """In the first T layer, whose keys do not depend on older ones, of all that the next chunk
    reads; but for the sink, which is read as training reads sinks."""
    window = model.network.config.window
    state = after(model, start(model, 3, "gym, red"), action_log(chunks))[-1]
    same, _ = prompted(model, state, "red", "recache")
    for chunk in range(max(0, state.chunk - window + 1), state.chunk):
        slot = 1 + chunk % window
        for found, known in (
            (same.ring.keys, state.ring.keys),
            (same.ring.values, state.ring.values),
        ):
            torch.testing.assert_close(
                found[0, ..., slot, :], known[0, ..., slot, :], atol=1e-4, rtol=1e-3
            )


def test_standing_facts_follow_a_prompt_and_lost_chances_are_named(model: StagedModel) -> None:
    state = start(model, 3, "hoop left")
    moved, _ = prompted(model, state, "hoop right", "cut")
    side = AT["hoop_side"]
    assert float(state.last.state[0, -1, side]) == -1
    assert float(moved.last.state[0, -1, side]) == 1
    with pytest.raises(PromptError) as refused:
        prompted(model, state, "red, ball flying", "cut")
    assert refused.value.words == ("flying",)


def test_a_prompt_says_only_what_can_be_had_together(model: StagedModel) -> None:
    def words(state: StagedState) -> dict[str, str]:
        grammar = model.part(state.world).grammar
        said = zip(grammar.names, state.prompt.values, strict=True)
        return {n: grammar.words[n][v] for n, v in said if v >= 0}

    gym = words(start(model, 1, "gym, rain"))
    assert (gym["look"], gym["weather"]) == ("gym", "clear")
    outdoors, _ = prompted(model, start(model, 1, "gym"), "rain", "cut")
    assert words(outdoors)["weather"] == "rain"
    assert words(outdoors)["look"] != "gym"
    alone = start(model, 1, "alone, red")
    assert "rival" not in words(alone)
    two, _ = prompted(model, alone, "red against red", "cut")
    assert words(two)["players"] == "rivals"
    assert words(two)["rival"] != "red"
    assert float(two.last.state[0, -1, AT["rivals"]]) == 1
    one, _ = prompted(model, two, "alone", "cut")
    assert "rival" not in words(one)
    assert float(one.last.state[0, -1, AT["rivals"]]) == -1


def test_conditioning_is_for_what_it_was_prepared_for(model: StagedModel) -> None:
    state = start(model, 1)
    with pytest.raises(ModelError, match="something else"):
        model.start("pond", 1, model.prepare("court"))
    with pytest.raises(ModelError, match="something else"):
        model.start("court", 1, model.prepare("court", running=True))
    with pytest.raises(ModelError, match="something else"):
        model.apply(state, model.prepare("court", "night"), "cut", 1)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_step_tells_neither_strength_nor_moment_of_contacts_that_are_not(
    model: StagedModel, name: str
) -> None:
    actions = model.worlds[name].actions([])
    [state], _ = collect(model, [start(model, 0, world=name)], [actions])
    strength, when = state.last.state[..., model.part(name).facts.CONTACTS_AT].chunk(2, -1)
    assert bool(((strength == 0) | (strength > 0.1)).all())
    assert bool((when[strength == 0] == 0).all())


@pytest.fixture(scope="module")
def half() -> StagedModel:
    """A model in bfloat16."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "lightcone.model.families.staged.model.compute_dtype", lambda device: torch.bfloat16
        )
        return StagedModel(small_weights())


@pytest.mark.parametrize("name", SIMULATED)
def test_worlds_run_in_bfloat16(half: StagedModel, name: str) -> None:
    state, _ = prompted(half, start(half, 0, world=name), "music", "recache")
    [state], [chunk] = collect(half, [state], [half.worlds[name].actions([])])
    assert state.last.picture.dtype == torch.bfloat16
    assert state.last.state.dtype == torch.float32
    assert chunk.frames.std() > 0


@pytest.mark.parametrize("name", SIMULATED)
def test_a_still_begins_a_session(model: StagedModel, name: str) -> None:
    image = np.full((96, 128, 3), 200, np.uint8)
    state = model.start(name, 1, model.prepare(name, image=image))
    plain = start(model, 1, world=name)
    assert not torch.equal(state.last.picture, plain.last.picture)
    assert torch.equal(state.last.picture[:, :12], state.last.picture[:, 12:])


def test_images_that_can_not_be_taken_are_named(model: StagedModel) -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    with pytest.raises(ImageError, match="128x96"):
        model.prepare("court", image=image[:48])
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare("court", image=image, running=True)


# snapshots


@pytest.mark.parametrize("chunks", [0, 1, 8])
def test_a_snapshot_goes_on_as_the_state_does(model: StagedModel, chunks: int) -> None:
    log = action_log(chunks + 6)
    state, _ = prompted(model, start(model, 3, "beach"), "gym", "blend", 9)
    state = [state, *after(model, state, log[:chunks])][-1]
    snapshot = unpack(pack(model.snapshot(state)))
    assert (snapshot.world, snapshot.frame) == ("court", 2 * chunks)
    restored = model.restore(snapshot)
    assert model.digest(restored) == model.digest(state)
    expected = [collect(model, [s], [log[-1]])[1][0] for s in (state, restored)]
    assert np.array_equal(expected[0].frames, expected[1].frames)
    assert np.array_equal(expected[0].sound, expected[1].sound)  # type: ignore[arg-type]
    assert torch.equal(play(model, restored, log[chunks:]), play(model, state, log[chunks:]))


def test_a_snapshot_shares_nothing_with_the_state(model: StagedModel) -> None:
    state = start(model, 3)
    before = copied(state)
    for array in model.snapshot(state).arrays.values():
        array[...] = 0
    assert unchanged(state, before)


def test_a_snapshot_in_bfloat16(half: StagedModel, model: StagedModel) -> None:
    state = after(half, start(half, 3), action_log(4))[-1]
    snapshot = unpack(pack(half.snapshot(state)))
    [again], _ = collect(half, [half.restore(snapshot)], action_log(1))
    [expected], _ = collect(half, [state], action_log(1))
    assert half.digest(again) == half.digest(expected)
    with pytest.raises(SnapshotError, match="another model"):
        model.restore(snapshot)


def test_snapshots_that_do_not_fit_are_refused(model: StagedModel) -> None:
    snapshot = model.snapshot(start(model, 3))
    with pytest.raises(SnapshotError, match="another model"):
        model.restore(replace(snapshot, fingerprint="other"))
    with pytest.raises(SnapshotError, match="atlantis"):
        model.restore(replace(snapshot, world="atlantis"))
    for wrong in (
        replace(snapshot, world="pond"),  # has other facts
        replace(snapshot, meta={}),
        replace(snapshot, frame=7),
        replace(snapshot, arrays={**snapshot.arrays, "keys": snapshot.arrays["keys"][:, :, 1:]}),
        replace(snapshot, arrays={n: a for n, a in snapshot.arrays.items() if n != "tail.0"}),
    ):
        with pytest.raises(SnapshotError, match="no state of a staged world"):
            model.restore(wrong)


def test_a_fingerprint_names_the_weights_and_the_number_format(
    weights: Weights, model: StagedModel, half: StagedModel, tmp_path: Path
) -> None:
    assert StagedModel(weights, ["pond"], steps=2).fingerprint == model.fingerprint
    assert half.fingerprint != model.fingerprint
    weights.save(tmp_path)
    loaded = StagedModel(Weights.load(tmp_path)).fingerprint
    assert loaded == StagedModel(Weights.load(tmp_path)).fingerprint
    assert loaded != model.fingerprint, "on disk there are fewer digits"


# weights


def test_weights_survive_the_way_to_disk(
    weights: Weights, model: StagedModel, tmp_path: Path
) -> None:
    weights.save(tmp_path)
    loaded = StagedModel(Weights.load(tmp_path))
    log = action_log(2)
    torch.testing.assert_close(
        play(loaded, start(loaded, 2), log), play(model, start(model, 2), log), atol=0.05, rtol=0.05
    )


def test_bad_weights_are_named(weights: Weights, tmp_path: Path) -> None:
    settings = ModelSettings(weights=tmp_path)
    with pytest.raises(WeightsError, match="missing"):
        open_model(("court",), settings)
    weights.save(tmp_path)
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="corrupt"):
        open_model(("court",), settings)
    (tmp_path / "model.safetensors").write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    config["transformer"]["width"] = 64
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="another architecture"):
        open_model(("court",), settings)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match="corrupt"):
        open_model(("court",), settings)


def test_settings_that_can_not_be_had_are_named(weights: Weights) -> None:
    with pytest.raises(UnsupportedSetting, match="3"):
        StagedModel(weights, steps=3)
    with pytest.raises(UnsupportedSetting, match="warp"):
        StagedModel(weights, device="warp")
    with pytest.raises(UnknownWorld, match="atlantis"):
        StagedModel(weights, ["atlantis"])
