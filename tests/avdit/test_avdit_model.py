"""The family behind the seam: states are never changed, batches are exact, snapshots go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_avdit import INFO, saved, source, weights

from lightcone.model.catalogue import (
    ModelSettings,
    family_of,
    learned_worlds,
    open_model,
    world_info,
)
from lightcone.model.families.avdit.model import AvditModel
from lightcone.model.interface import (
    Actions,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnsupportedSetting,
    WeightsError,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack


@pytest.fixture(scope="module")
def model() -> AvditModel:
    return AvditModel({"tiny": weights()}, steps=4)


def test_a_world_is_as_its_recordings_were(model: AvditModel) -> None:
    info = model.worlds["tiny"]
    assert (info.width, info.height, info.fps, info.sample_rate) == (64, 32, 35, 22_050)
    assert info.buttons == INFO.buttons
    assert info.axes == INFO.axes
    assert info.chunk_frames == (4,)
    assert info.words == ("red", "blue")


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_step_makes_a_chunk_and_leaves_its_state_alone(model: AvditModel, steps: int) -> None:
    state = model.start("tiny", 3, model.prepare("tiny"))
    actions = INFO.actions(["fire"], frames=4)
    [after], [chunk] = collect(model, [state], [actions], steps)
    [again], [same] = collect(model, [state], [actions], steps)
    assert chunk.frames.shape == (4, 32, 64, 3)
    assert chunk.sound is not None
    assert chunk.sound.shape == (2520,)
    assert (chunk.first_frame, after.frame, after.chunk) == (0, 4, 1)
    assert model.digest(after) == model.digest(again)
    assert np.array_equal(chunk.frames, same.frames)
    [other], _ = collect(model, [state], [INFO.actions([], frames=4)], steps)
    assert model.digest(other) != model.digest(after)


def test_a_session_goes_on_beyond_its_window_from_a_snapshot(model: AvditModel) -> None:
    state = model.start("tiny", 5, model.prepare("tiny", "blue"))
    actions = INFO.actions(["left"], {"turn": 0.5}, frames=4)
    for _ in range(9):
        [state], _ = collect(model, [state], [actions], 2)
    copy = model.restore(unpack(pack(model.snapshot(state))))
    for _ in range(3):
        [state], [one] = collect(model, [state], [actions], 2)
        [copy], [two] = collect(model, [copy], [actions], 2)
        assert model.digest(state) == model.digest(copy)
        assert np.array_equal(one.frames, two.frames)
        assert one.sound is not None
        assert np.array_equal(one.sound, two.sound)
    assert state.frame == 48


@pytest.mark.usefixtures("in_bfloat16")
def test_a_world_in_bfloat16_goes_on_from_a_snapshot() -> None:
    model = AvditModel({"tiny": weights()})
    state = model.start("tiny", 5, model.prepare("tiny", "blue"))
    actions = INFO.actions(["left"], {"turn": 0.5}, frames=4)
    [state], [chunk] = collect(model, [state], [actions])
    assert chunk.frames.shape == (4, 32, 64, 3)
    [on], _ = collect(model, [state], [actions])
    [restored], _ = collect(model, [model.restore(unpack(pack(model.snapshot(state))))], [actions])
    assert model.digest(on) == model.digest(restored)


def test_action_guidance_makes_actions_count_more_or_nothing(model: AvditModel) -> None:
    state = model.start("tiny", 3, model.prepare("tiny"))
    held, free = INFO.actions(["fire"], frames=4), INFO.actions([], frames=4)

    def picture(guidance: float, actions: Actions) -> NDArray[np.float32]:
        guided = AvditModel({"tiny": weights()}, steps=1, action_guidance=guidance)
        [after], _ = collect(guided, [state], [actions])
        return after.last.latents.picture.numpy()

    assert np.array_equal(picture(0, held), picture(0, free))
    change = picture(1, held) - picture(0, held)
    np.testing.assert_allclose(picture(3, held) - picture(0, held), 3 * change, atol=1e-4)
    other = AvditModel({"tiny": weights()}, action_guidance=3)
    assert other.fingerprint != model.fingerprint
    with pytest.raises(UnsupportedSetting, match="between 0 and 10, not 11"):
        AvditModel({"tiny": weights()}, action_guidance=11)


def test_forks_share_the_blocks_of_their_past(model: AvditModel) -> None:
    state = model.start("tiny", 5, model.prepare("tiny"))
    actions = [INFO.actions(["left"], frames=4), INFO.actions(["fire"], frames=4)]
    [one, two], _ = collect(model, [state, state], actions)
    shared = {id(block) for block in one.past.blocks} & {id(block) for block in two.past.blocks}
    assert len(shared) == len(state.past.blocks)
    assert model.digest(one) != model.digest(two)


def test_prompts_are_words_of_the_recordings(model: AvditModel) -> None:
    state = model.start("tiny", 0, model.prepare("tiny", "red"))
    cut, frame = model.apply(state, model.prepare("tiny", "blue", running=True), "cut", 1)
    assert frame == 0
    blended, frame = model.apply(state, model.prepare("tiny", "blue", running=True), "blend", 4)
    assert frame == 12
    actions = INFO.actions([], frames=4)
    digests = {
        model.digest(collect(model, [each], [actions])[0][0]) for each in (state, cut, blended)
    }
    assert len(digests) == 3
    with pytest.raises(PromptError, match=r"unknown words in the prompt: green \(known: red, blue"):
        model.prepare("tiny", "green")
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare("tiny", image=np.zeros((32, 64, 3), np.uint8))


def test_true_play_can_be_observed_and_reconstructed(model: AvditModel) -> None:
    episode = source().episodes[1]
    play = (episode.frames(0, 24), episode.sound(0, 24), np.asarray(episode.actions[:24]))
    numbers = np.asarray(episode.state)[:24]
    columns = ("health", "angle", "constant")
    whole = model.observe(None, "tiny", *play, numbers, columns)
    part = model.observe(
        None,
        "tiny",
        *(x[:n] for x, n in zip(play, (8, 5040, 8), strict=True)),
        numbers[:8],
        columns,
    )
    assert part.seen == 2
    assert whole.seen == 6
    named = model.observe(None, "tiny", *play, numbers, columns, "gym, Blue, against a wall")
    assert named.last.text.tolist() == [0.0, 1.0]  # the words that recordings had, without commas
    [after], [_chunk] = collect(model, [whole], [play[2][:4]])
    assert after.chunk == 1
    frames, sound = model.reconstruct("tiny", play[0], play[1])
    assert frames.shape == play[0].shape
    assert sound is not None
    assert sound.shape == play[1].shape
    with pytest.raises(ModelError, match="no whole chunks"):
        model.observe(None, "tiny", play[0][:6], play[1][:3780], play[2][:6], numbers[:6], columns)
    with pytest.raises(ModelError, match="numbers of its state"):
        model.observe(None, "tiny", *play)


def test_snapshots_of_other_weights_or_damaged_ones_are_refused(model: AvditModel) -> None:
    state = model.start("tiny", 0, model.prepare("tiny"))
    snapshot = model.snapshot(state)
    with pytest.raises(SnapshotError, match="other weights"):
        AvditModel({"tiny": weights(1)}).restore(snapshot)
    for name in ("picture", "tail.0"):
        arrays = {**snapshot.arrays, name: np.zeros((3, 3), np.float32)}
        with pytest.raises(SnapshotError, match="holds no state"):
            model.restore(type(snapshot)("tiny", snapshot.fingerprint, 0, arrays, snapshot.meta))


def test_weights_are_saved_and_found_by_the_catalogue(tmp_path: Path) -> None:
    saved(tmp_path / "here")
    saved(tmp_path / "here" / "below", "other")
    here = tmp_path / "here"
    assert learned_worlds(here) == ("tiny", "other")
    assert family_of("other", here).name == "avdit"
    assert world_info("tiny", here).fps == 35
    opened = open_model(("tiny", "other"), ModelSettings(weights=here))
    again = open_model(("tiny", "other"), ModelSettings(weights=here))
    assert opened.fingerprint == again.fingerprint
    [state], _ = collect(
        opened, [opened.start("other", 1, opened.prepare("other"))], [INFO.actions([], frames=4)]
    )
    assert state.frame == 4


def test_bad_weights_are_named_errors(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = folder / "config.json"
    good = config.read_text()
    config.write_text(good.replace('"width": 32', '"width": 48'))
    with pytest.raises(WeightsError, match="another architecture"):
        open_model(("tiny",), ModelSettings(weights=folder))
    config.write_text(good)
    (folder / "model.safetensors").write_bytes(b"spoiled")
    with pytest.raises(WeightsError, match="is corrupt"):
        open_model(("tiny",), ModelSettings(weights=folder))


def test_only_some_numbers_of_steps_are_possible(model: AvditModel) -> None:
    with pytest.raises(UnsupportedSetting, match="not 3"):
        AvditModel({"tiny": weights()}, steps=3)
    assert AvditModel({"tiny": weights()}, steps=2).steps == (2, 1)
    state = model.start("tiny", 0, model.prepare("tiny"))
    with pytest.raises(UnsupportedSetting, match="not 8"):
        collect(model, [state], [INFO.actions([], frames=4)], 8)


def test_a_cost_is_measured_by_batch_size(model: AvditModel) -> None:
    cost = model.cost("tiny")
    assert list(cost.step_ms) == [1, 2, 3, 4, 6, 8]
    assert min(cost.step_ms.values()) > 0
    assert cost.state_bytes > 0
