"""The family behind the seam: states are never changed, batches are exact, snapshots go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lightcone.model.catalogue import ModelSettings, offered_worlds, open_model, world_info
from lightcone.model.families.wan.model import WanModel
from lightcone.model.families.wan.state import WanState
from lightcone.model.families.wan.variants import VARIANTS
from lightcone.model.families.wan.weights import Place, opened
from lightcone.model.interface import (
    Chunk,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    UnsupportedSetting,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack

TINY = VARIANTS["wan:tiny"]
HELD = TINY.info.actions([])


@pytest.fixture(scope="module")
def model() -> WanModel:
    found = open_model(("wan:tiny",), ModelSettings(steps=2))
    assert isinstance(found, WanModel)
    return found


@pytest.fixture(scope="module")
def run(model: WanModel) -> list[WanState]:
    """A session after 0, 1, 2 ... chunks; its window holds four."""
    states = [started(model)]
    for _ in range(7):
        states.append(after(model, states[-1], 1)[0])
    return states


def started(model: WanModel, seed: int = 3, prompt: str = "a red boat") -> WanState:
    return model.start("wan:tiny", seed, model.prepare("wan:tiny", prompt))


def after(model: WanModel, state: WanState, chunks: int) -> tuple[WanState, Chunk]:
    for _ in range(chunks):
        [state], [chunk] = collect(model, [state], [HELD])
    return state, chunk


def test_published_worlds_are_832_by_480_at_16_fps_without_sound() -> None:
    info = world_info("longlive")
    assert (info.width, info.height, info.fps, info.sample_rate) == (832, 480, 16, None)
    assert info.chunk_frames == (9, 12)
    assert world_info("causal-forcing-frame").chunk_frames == (1, 4)
    assert info.prompt == "free"


def test_only_the_random_world_is_offered_without_weights(tmp_path: Path) -> None:
    offered = offered_worlds(tmp_path)
    assert "wan:tiny" in offered
    assert "longlive" not in offered
    (tmp_path / "longlive_base.pt").touch()
    assert "longlive" in offered_worlds(tmp_path)


def test_a_step_makes_a_chunk_in_parts_and_leaves_its_state_alone(model: WanModel) -> None:
    state = started(model)
    parts: list[Chunk] = []
    [one] = model.step([state], [HELD], lambda row, part: parts.append(part))
    assert [len(part.frames) for part in parts] == [1, 4, 4]
    assert [part.first_frame for part in parts] == [0, 1, 5]
    assert parts[0].frames.shape[1:] == (64, 112, 3)
    assert (one.frame, one.chunk) == (9, 1)
    [again], [whole] = collect(model, [state], [HELD])
    assert model.digest(one) == model.digest(again)
    assert np.array_equal(whole.frames, np.concatenate([part.frames for part in parts]))
    [two], [next_chunk] = collect(model, [one], [HELD])
    assert (len(next_chunk.frames), next_chunk.first_frame, two.frame) == (12, 9, 21)
    assert whole.frames.std() > 5  # of shades; not a single colour


def test_seed_prompt_and_steps_change_what_is_seen(model: WanModel) -> None:
    digests = {
        model.digest(after(model, started(model), 1)[0]),
        model.digest(after(model, started(model, seed=4), 1)[0]),
        model.digest(after(model, started(model, prompt="a blue boat"), 1)[0]),
        model.digest(collect(model, [started(model)], [HELD], 1)[0][0]),
    }
    assert len(digests) == 4


def test_a_batch_is_as_good_as_one_by_one_at_any_phase_of_the_window(
    model: WanModel, run: list[WanState]
) -> None:
    young, old = after(model, started(model, 1), 1)[0], run[6]
    states = [old, young, old]
    made, chunks = collect(model, states, [HELD] * 3)
    for state, found, chunk in zip(states, made, chunks, strict=True):
        [alone], [expected] = collect(model, [state], [HELD])
        assert found.frame == alone.frame
        assert np.abs(chunk.frames.astype(int) - expected.frames).max() <= 1
    with pytest.raises(ModelError, match="equal chunk length"):
        model.step([young, started(model)], [HELD] * 2, lambda row, part: None)


def test_forks_share_the_blocks_of_their_past(model: WanModel, run: list[WanState]) -> None:
    state = run[2]
    [one], _ = collect(model, [state], [HELD])
    [other], _ = collect(model, [state], [HELD])
    shared = {id(block.data) for block in one.past.blocks} & {
        id(block.data) for block in other.past.blocks
    }
    assert len(shared) == len(one.past.blocks) - 1


def test_the_past_stays_as_long_as_its_window(run: list[WanState]) -> None:
    state = run[7]
    assert state.past.positions == (0, 15, 18)
    assert len(state.seen.newest) == 12
    assert len(state.seen.sink) == 3


@pytest.mark.parametrize(("how", "chunks"), [("cut", 1), ("blend", 3), ("recache", 1)])
@pytest.mark.parametrize("before", [0, 2, 6])
def test_a_prompt_can_change_while_it_runs(
    model: WanModel, run: list[WanState], how: str, chunks: int, before: int
) -> None:
    state = run[before]
    new = model.prepare("wan:tiny", "a green field", running=True)
    changed, shows = model.apply(state, new, how, chunks)  # type: ignore[arg-type]
    info = model.worlds["wan:tiny"]
    frames = sum(info.frames_of(before + i) for i in range(chunks - 1))
    assert shows == state.frame + frames
    if before:
        assert (changed.past.blocks[-1] is not state.past.blocks[-1]) == (how == "recache")
        assert changed.past.positions == state.past.positions
    [one], _ = collect(model, [changed], [HELD])
    assert model.digest(one) != model.digest(run[before + 1])


def test_a_recache_keeps_a_sink_that_is_far_away(model: WanModel, run: list[WanState]) -> None:
    state = run[6]
    new = model.prepare("wan:tiny", "a green field", running=True)
    changed, _ = model.apply(state, new, "recache", 1)
    assert changed.past.blocks[0] is state.past.blocks[0]


def test_under_the_same_text_a_recache_of_the_first_chunk_changes_nothing(
    model: WanModel, run: list[WanState]
) -> None:
    state = run[1]
    same = model.prepare("wan:tiny", "a red boat", running=True)
    changed, _ = model.apply(state, same, "recache", 1)
    found, expected = changed.past.blocks[0].data, state.past.blocks[0].data
    assert float((found - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_session_within_its_window_goes_on_from_a_snapshot(
    model: WanModel, run: list[WanState], before: int
) -> None:
    state = run[before]
    copy = model.restore(unpack(pack(model.snapshot(state))))
    [one], [expected] = collect(model, [state], [HELD])
    [two], [found] = collect(model, [copy], [HELD])
    assert (one.frame, one.chunk) == (two.frame, two.chunk)
    assert np.abs(found.frames.astype(int) - expected.frames).max() <= 1


def test_a_long_session_goes_on_from_a_snapshot_of_its_newest_latents(
    model: WanModel, run: list[WanState]
) -> None:
    """The keys in the window had seen what left it, so it is nearly the same, not the same."""
    state = run[7]
    data = pack(model.snapshot(state))
    assert len(data) < 200_000
    copy = model.restore(unpack(data))
    assert model.digest(copy) == model.digest(state)
    assert copy.past.positions == state.past.positions
    [_], [expected] = collect(model, [state], [HELD])
    [again], [found] = collect(model, [copy], [HELD])
    [once_more], _ = collect(model, [model.restore(unpack(data))], [HELD])
    assert model.digest(again) == model.digest(once_more)
    off = np.abs(found.frames.astype(int) - expected.frames).mean()
    assert off < 0.3 * expected.frames.std()


def test_snapshots_of_others_are_refused(model: WanModel) -> None:
    snapshot = model.snapshot(started(model))
    for change in ({"fingerprint": "other"}, {"world": "court"}, {"frame": 5}, {"arrays": {}}):
        with pytest.raises(SnapshotError):
            model.restore(type(snapshot)(**{**vars(snapshot), **change}))


def test_what_it_does_not_take_is_named(model: WanModel) -> None:
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare("wan:tiny", "", np.zeros((64, 112, 3), np.uint8))
    with pytest.raises(PromptError, match="at most 2000 characters"):
        model.prepare("wan:tiny", "a" * 2001)
    with pytest.raises(UnsupportedSetting, match="not 3"):
        collect(model, [started(model)], [HELD], 3)
    with pytest.raises(UnsupportedSetting, match="not 8"):
        open_model(("wan:tiny",), ModelSettings(steps=8))
    running = model.prepare("wan:tiny", "", running=True)
    with pytest.raises(ModelError, match="something else"):
        model.start("wan:tiny", 0, running)


def test_it_runs_in_bfloat16_as_on_a_gpu() -> None:
    cpu = torch.device("cpu")
    place = Place(cpu, torch.bfloat16, cpu)
    model = WanModel([opened(TINY, Path(), place)], place, steps=1)
    state, chunk = after(model, started(model), 5)
    assert chunk.frames.std() > 5
    assert state.past.blocks[0].data.dtype == torch.bfloat16
    copy = model.restore(unpack(pack(model.snapshot(state))))
    assert model.digest(copy) == model.digest(state)
    new = model.prepare("wan:tiny", "a green field", running=True)
    changed, _ = model.apply(state, new, "recache", 1)
    made, _ = collect(model, [state, copy, changed], [HELD] * 3)
    assert model.digest(made[0]) != model.digest(made[2])


def test_its_cost_is_that_of_one_moment_more(model: WanModel, run: list[WanState]) -> None:
    cost = model.cost("wan:tiny")
    assert list(cost.step_ms) == [1, 2, 3, 4]
    block = run[1].past.blocks[0].data
    assert cost.state_bytes > block.numel() * block.element_size()
