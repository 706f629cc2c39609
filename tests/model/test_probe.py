"""The probe family: what its worlds show, and that its model keeps the seam's contract."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightcone.model.families.probe.model import (
    HANG_S,
    PROBES,
    ProbeModel,
    ProbeState,
    read_axis,
    read_colour,
    read_frame_code,
    read_ground,
    text_colour,
)
from lightcone.model.interface import (
    Chunk,
    ImageError,
    PromptError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    collect,
)

ALL = sorted(PROBES)


class Sleeper:
    """Counts the seconds that a model waits."""

    def __init__(self) -> None:
        self.naps: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.naps.append(seconds)


def opened() -> ProbeModel:
    return ProbeModel(0)


def image_of(world: str) -> np.ndarray | None:
    info = PROBES[world]
    if info.image == "none":
        return None
    return np.full((info.height, info.width, 3), (200, 60, 60), np.uint8)


def start(model: ProbeModel, world: str, prompt: str = "") -> ProbeState:
    image = image_of(world) if PROBES[world].image == "required" else None
    return model.start(world, 1, model.prepare(world, prompt, image))


def go(model: ProbeModel, state: ProbeState, *held: str, **axes: float) -> tuple[ProbeState, Chunk]:
    info = PROBES[state.world]
    actions = info.actions(held, axes, info.frames_of(state.chunk))
    [state], [chunk] = collect(model, [state], [actions])
    return state, chunk


@pytest.mark.parametrize("world", ALL)
def test_pictures_show_their_world_frame_and_inputs(world: str) -> None:
    model, info = opened(), PROBES[world]
    state, frame = start(model, world), 0
    for chunk_index in range(3):
        assert (state.chunk, state.frame) == (chunk_index, frame)
        state, chunk = go(model, state, "left", "shoot", turn=1.5)
        assert chunk.first_frame == frame
        assert chunk.frames.shape == (info.frames_of(chunk_index), info.height, info.width, 3)
        for picture in chunk.frames:
            assert read_frame_code(picture) == (frame, (True, False, False, True))
            assert read_axis(picture) == pytest.approx(1.5, abs=0.05)
            frame += 1


@pytest.mark.parametrize("world", ALL)
def test_it_sounds_in_the_frames_in_which_a_button_is_held(world: str) -> None:
    model, info = opened(), PROBES[world]
    state, _ = go(model, start(model, world))
    frames = info.frames_of(1)
    actions = info.actions([], frames=frames)
    actions[-1, 0] = 1
    _, [chunk] = collect(model, [state], [actions])
    if info.sample_rate is None:
        assert chunk.sound is None
        return
    assert chunk.sound is not None
    assert len(chunk.sound) == info.samples(chunk.first_frame, frames)
    last = info.samples(chunk.end_frame - 1, 1)
    assert np.abs(chunk.sound[-last:]).max() > 0.4
    assert not chunk.sound[:-last].any()


def test_a_long_chunk_comes_in_parts_between_which_its_time_is_spread() -> None:
    sleeper = Sleeper()
    model = ProbeModel(600, sleep=sleeper)
    state = start(model, "probe-long")
    parts: list[tuple[int, int, int]] = []
    actions = model.worlds["probe-long"].actions([], frames=9)
    model.step(
        [state, state],
        [actions] * 2,
        lambda row, part: parts.append((row, part.first_frame, len(part.frames))),
    )
    assert parts == [(0, 0, 4), (1, 0, 4), (0, 4, 4), (1, 4, 4), (0, 8, 1), (1, 8, 1)]
    assert sleeper.naps == pytest.approx([0.84 * 4 / 9, 0.84 * 4 / 9, 0.84 / 9])


def test_batches_and_fewer_steps_are_cheaper() -> None:
    sleeper = Sleeper()
    model = ProbeModel(100, sleep=sleeper)
    state, actions = start(model, "probe"), PROBES["probe"].actions([])
    collect(model, [state], [actions])
    collect(model, [state] * 3, [actions] * 3)
    collect(model, [state], [actions], steps=1)
    assert sleeper.naps == pytest.approx([0.1, 0.18, 0.05])
    with pytest.raises(UnsupportedSetting, match="not 3"):
        collect(model, [state], [actions], steps=3)


@given(st.lists(st.sampled_from([(), ("left",), ("jump", "shoot")]), min_size=1, max_size=6))
@settings(deadline=None)
def test_a_state_can_be_stepped_again_alone_or_in_a_batch(held: list[tuple[str, ...]]) -> None:
    model, info = opened(), PROBES["probe"]
    state, other = start(model, "probe"), start(model, "probe", "blue")
    for buttons in held:
        actions = info.actions(buttons)
        [alone], [chunk] = collect(model, [state], [actions])
        [_, again], [_, same] = collect(model, [other, state], [info.actions([]), actions])
        assert again == alone
        assert model.digest(again) == model.digest(alone)
        assert np.array_equal(chunk.frames, same.frames)
        state = alone


def test_digests_differ_where_pictures_do() -> None:
    model = opened()
    state = start(model, "probe")
    one, _ = go(model, state)
    two, _ = go(model, state, "left")
    assert model.digest(one) != model.digest(two)
    assert len(model.digest(one)) == 16


@pytest.mark.parametrize("world", ALL)
def test_a_restored_snapshot_goes_on_equally(world: str) -> None:
    model, info = opened(), PROBES[world]
    word = {"grammar": info.words[-1:], "free": ("snow",), "none": ("",)}[info.prompt][0]
    word = "fine" if world == "probe-faulty" else word
    state = start(model, world)
    for _ in range(2):
        state, _ = go(model, state)
    state, _ = model.apply(state, model.prepare(world, word, running=True), "blend", 4)
    restored = ProbeModel(0).restore(model.snapshot(state))
    for _ in range(2):
        state, chunk = go(model, state, "jump")
        restored, same = go(model, restored, "jump")
        assert np.array_equal(chunk.frames, same.frames)
        assert model.digest(state) == model.digest(restored)


def test_snapshots_of_others_and_damaged_ones_are_refused() -> None:
    model = opened()
    good = model.snapshot(start(model, "probe"))
    other = Snapshot(good.world, "staged-1", good.frame, good.arrays, good.meta)
    broken = Snapshot(good.world, good.fingerprint, good.frame, good.arrays, {"chunk": 1})
    for snapshot, reason in ((other, "another model"), (broken, "damaged")):
        with pytest.raises(SnapshotError, match=reason):
            model.restore(snapshot)
    with pytest.raises(SnapshotError, match="not open"):
        ProbeModel(0, ["probe-35"]).restore(good)


def test_prompts_colour_the_ground_at_once_or_little_by_little() -> None:
    model = opened()
    state, chunk = go(model, start(model, "probe", "red"))
    assert read_ground(chunk.frames[0]) == "red"
    blue = model.prepare("probe", "blue", running=True)
    cut, shows = model.apply(state, blue, "cut", 3)
    assert shows == 2
    assert read_ground(go(model, cut)[1].frames[0]) == "blue"
    blended, shows = model.apply(state, blue, "blend", 3)
    assert shows == 6
    grounds = []
    for _ in range(4):
        blended, chunk = go(model, blended)
        grounds.append(read_colour(chunk.frames[0])[2])
    assert all(a < b for a, b in pairwise(grounds[:3]))
    assert grounds[3] == grounds[2]


def test_a_blend_counts_chunks_of_different_lengths() -> None:
    model = opened()
    state = start(model, "probe-long")
    blue = model.prepare("probe-long", "blue", running=True)
    assert model.apply(state, blue, "blend", 3)[1] == 9 + 12


def test_free_text_is_a_colour_and_has_a_length() -> None:
    model = opened()
    _, chunk = go(model, start(model, "probe-text", "a lighthouse; at dusk"))
    wanted = text_colour("a lighthouse; at dusk")
    assert read_colour(chunk.frames[0]) == pytest.approx(wanted, abs=1)
    with pytest.raises(PromptError, match="longer than 500"):
        model.prepare("probe-text", "a" * 501)


def test_prompts_that_a_world_does_not_take() -> None:
    model = opened()
    with pytest.raises(PromptError, match="unknown words in the prompt: purple"):
        model.prepare("probe", "purple")
    with pytest.raises(PromptError, match="takes no prompt"):
        model.prepare("probe-60", "red")


def test_images_are_required_optional_or_refused() -> None:
    model = opened()
    with pytest.raises(ImageError, match="needs an image"):
        model.prepare("probe-image")
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare("probe-60", image=image_of("probe"))
    with pytest.raises(ImageError, match="not \\(96, 160, 3\\)"):
        model.prepare("probe-wide", image=image_of("probe"))
    with pytest.raises(ImageError, match="only when it starts"):
        model.prepare("probe", image=image_of("probe"), running=True)
    state, chunk = go(model, start(model, "probe-image"))
    assert read_ground(chunk.frames[0]) == "red"
    green = model.prepare("probe-image", "green", running=True)
    _, chunk = go(model, model.apply(state, green, "cut", 1)[0])
    assert read_ground(chunk.frames[0]) == "green"


def test_both_axes_are_shown() -> None:
    model = opened()
    _, chunk = go(model, start(model, "probe-y", "green"), turn=-3.0, look=2.0)
    assert read_axis(chunk.frames[0]) == pytest.approx(-3.0, abs=0.05)
    assert read_axis(chunk.frames[0], 1) == pytest.approx(2.0, abs=0.05)
    assert read_ground(chunk.frames[0]) == "green"


def test_a_faulty_state_does_not_touch_its_neighbours() -> None:
    sleeper = Sleeper()
    model = ProbeModel(100, sleep=sleeper)
    actions = PROBES["probe-faulty"].actions([])
    fine = start(model, "probe-faulty")

    def under(word: str, state: ProbeState = fine) -> ProbeState:
        conditioning = model.prepare("probe-faulty", word, running=True)
        return model.apply(state, conditioning, "cut", 1)[0]

    with pytest.raises(RuntimeError, match="raises"):
        collect(model, [fine, under("raise")], [actions] * 2)
    assert sleeper.naps == []
    collect(model, [fine], [actions])
    collect(model, [under("slow")], [actions])
    collect(model, [under("hang")], [actions])
    collect(model, [under("fine", under("raise"))], [actions])
    assert sleeper.naps == pytest.approx([0.1, 0.3, HANG_S, 0.1, 0.1])


@pytest.mark.parametrize("world", ALL)
def test_costs_grow_with_the_batch(world: str) -> None:
    cost = ProbeModel(10).cost(world)
    assert list(cost.step_ms) == [1, 2, 3, 4, 6, 8]
    assert all(a < b for a, b in pairwise(cost.step_ms.values()))
    assert cost.step_ms[4] > 22
    assert cost.state_bytes > 0


def test_unknown_probes_are_refused() -> None:
    with pytest.raises(UnknownWorld, match="no probe 'probe-x'"):
        ProbeModel(0, ["probe", "probe-x"])


def test_states_of_different_worlds_are_not_stepped_together() -> None:
    model = opened()
    states = [start(model, "probe"), start(model, "probe-wide")]
    with pytest.raises(ValueError, match="one world"):
        collect(model, states, [PROBES["probe"].actions([])] * 2)
