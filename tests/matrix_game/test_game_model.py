"""The family behind the seam: hands arrive frame by frame, states are never changed, snapshots go
on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.catalogue import ModelSettings, open_model, world_info
from lightcone.model.families.matrix_game.model import MatrixGameModel, numbers_of
from lightcone.model.families.matrix_game.moves import Moves
from lightcone.model.families.matrix_game.network.config import TINY
from lightcone.model.families.matrix_game.state import GameState
from lightcone.model.families.matrix_game.variants import VARIANTS
from lightcone.model.interface import (
    Actions,
    Image,
    ImageError,
    ModelError,
    PromptError,
    SnapshotError,
    collect,
)
from lightcone.model.runtime.snapshot import pack, unpack

NAME = "matrix-game:tiny"
INFO = VARIANTS[NAME].info


def picture(shade: int = 90) -> Image:
    image = np.full((INFO.height, INFO.width, 3), shade, np.uint8)
    image[:, : INFO.width // 2] = 255
    return image


def held(chunk: int, *names: str, turn: float = 0.0, look: float = 0.0) -> Actions:
    return INFO.actions(names, {"turn": turn, "look": look}, INFO.frames_of(chunk))


@pytest.fixture(scope="module")
def model() -> MatrixGameModel:
    found = open_model((NAME,), ModelSettings(steps=1))
    assert isinstance(found, MatrixGameModel)
    return found


@pytest.fixture(scope="module")
def run(model: MatrixGameModel) -> list[GameState]:
    """A session after 0, 1, 2 ... chunks."""
    states = [model.start(NAME, 3, model.prepare(NAME, image=picture()))]
    for chunk in range(4):
        [state], _ = collect(model, [states[-1]], [held(chunk, "forward")])
        states.append(state)
    return states


def test_the_published_one_is_steered_by_keys_and_mouse() -> None:
    info = world_info("matrix-game")
    assert (info.width, info.height, info.image, info.chunk_frames) == (
        640,
        352,
        "required",
        (9, 12),
    )
    assert [button.keys[0] for button in info.buttons] == ["KeyW", "KeyS", "KeyA", "KeyD"]
    assert [axis.mouse for axis in info.axes] == ["x", "y"]
    assert [b.name for b in world_info("matrix-game-gta").buttons] == ["forward", "back"]


def test_controls_become_its_keys_and_mouse() -> None:
    actions = held(1, "left", turn=1.0, look=0.5)
    found = numbers_of(VARIANTS[NAME], actions)
    assert found.shape == (12, 6)
    np.testing.assert_allclose(found[3], [0, 0, 1, 0, -0.05, 0.1], atol=1e-7)


@given(chunk=st.integers(1, 3), chunks=st.integers(1, 4))
def test_a_latent_sees_the_frames_before_its_last(chunk: int, chunks: int) -> None:
    """Latent j sees frames 4 j - 12 to 4 j - 1, as the original; before the first, the first."""
    frames = 1 + 4 * (chunk * chunks - 1)
    rows = torch.arange(frames).float()[:, None].expand(-1, TINY.keys + TINY.mouse)
    moves, seen, at = Moves.none(TINY, torch.zeros(0)), [], 0
    for i in range(chunks):
        count = 1 + 4 * (chunk - 1) if i == 0 else 4 * chunk
        moves, some = moves.followed_by(rows[at : at + count], chunk)
        seen.extend(some[..., 0].tolist())
        at += count
    for j, found in enumerate(seen):
        assert found == [max(frame, 0) for frame in range(4 * j - 12, 4 * j)]


@pytest.mark.parametrize("frame", [0, 5, 10])
def test_each_frame_of_the_actions_matters(
    model: MatrixGameModel, run: list[GameState], frame: int
) -> None:
    moved = held(2, "forward")
    moved[frame, INFO.controls - 2] = 1.0
    pressed = held(2, "forward")
    pressed[frame, 3] = 1.0
    found = {
        model.digest(collect(model, [run[2]], [actions])[0][0])
        for actions in (held(2, "forward"), moved, pressed)
    }
    assert len(found) == 3


def test_what_is_pressed_last_reaches_the_next_chunk(
    model: MatrixGameModel, run: list[GameState]
) -> None:
    late = held(2, "forward")
    late[-1, 3] = 1.0
    [one], _ = collect(model, [run[2]], [held(2, "forward")])
    [two], _ = collect(model, [run[2]], [late])
    assert model.digest(one) == model.digest(two)
    [one], _ = collect(model, [one], [held(3)])
    [two], _ = collect(model, [two], [held(3)])
    assert model.digest(one) != model.digest(two)


def test_it_begins_with_its_picture(model: MatrixGameModel) -> None:
    states = [model.start(NAME, 3, model.prepare(NAME, image=picture(s))) for s in (20, 200)]
    after, chunks = collect(model, states, [held(0)] * 2)
    assert model.digest(after[0]) != model.digest(after[1])
    assert [chunk.frames.shape for chunk in chunks] == [(9, INFO.height, INFO.width, 3)] * 2
    assert states[0].picture.latents.shape[0] > 8  # until they no longer change


def test_a_batch_is_as_good_as_one_by_one(model: MatrixGameModel, run: list[GameState]) -> None:
    states, actions = [run[1], run[3], run[1]], [held(1, "left"), held(1), held(1, turn=-1.0)]
    _, together = collect(model, states, actions)
    for state, hands, chunk in zip(states, actions, together, strict=True):
        _, [alone] = collect(model, [state], [hands])
        assert np.abs(chunk.frames.astype(int) - alone.frames).max() <= 1


@pytest.mark.parametrize("before", [0, 1, 2, 4])
def test_a_session_goes_on_from_a_snapshot(
    model: MatrixGameModel, run: list[GameState], before: int
) -> None:
    """Within its window from the same keys, later from the same pictures."""
    copy = model.restore(unpack(pack(model.snapshot(run[before]))))
    _, [expected] = collect(model, [run[before]], [held(before, "back")])
    [after], [found] = collect(model, [copy], [held(before, "back")])
    assert after.frame == run[before].frame + len(expected.frames)
    off = np.abs(found.frames.astype(int) - expected.frames)
    assert off.max() <= 1 if before <= 2 else off.mean() < 0.3 * expected.frames.std()


def test_what_it_does_not_take_is_named(model: MatrixGameModel, run: list[GameState]) -> None:
    with pytest.raises(ImageError, match="needs an image"):
        model.prepare(NAME)
    with pytest.raises(ImageError, match="only when it starts"):
        model.prepare(NAME, image=picture(), running=True)
    with pytest.raises(ImageError, match="the image is"):
        model.prepare(NAME, image=np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(PromptError, match="takes no prompt"):
        model.prepare(NAME, "a road", picture())
    running = model.prepare(NAME, running=True)
    with pytest.raises(ModelError, match="something else"):
        model.start(NAME, 1, running)
    assert model.apply(run[1], running, "cut", 1) == (run[1], run[1].frame)
    snapshot = model.snapshot(run[2])
    for change in ({"fingerprint": "other"}, {"world": "court"}, {"frame": 5}, {"arrays": {}}):
        with pytest.raises(SnapshotError):
            model.restore(replace(snapshot, **change))  # type: ignore[arg-type]
