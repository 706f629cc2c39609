"""ViZDoom as a world, with its sound."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes.util import find_library

import numpy as np
import pytest

from lightcone.model.catalogue import world_info
from lightcone.model.families.env.model import EnvModel
from lightcone.model.families.env.state import EnvState
from lightcone.model.interface import Chunk, UnknownWorld, collect

BASIC, CENTER, MATCH = (f"env:vizdoom/{n}" for n in ("basic", "defend_the_center", "deathmatch"))
audible = pytest.mark.skipif(
    find_library("openal") is None, reason="silent: needs apt-get install libopenal1"
)


@pytest.fixture(scope="module")
def model() -> Iterator[EnvModel]:
    opened = EnvModel([BASIC, CENTER], step_seconds=60.0)
    yield opened
    opened.close()


def play(model: EnvModel, state: EnvState, chunks: int, *held: str) -> tuple[EnvState, list[Chunk]]:
    made = []
    for _ in range(chunks):
        actions = model.worlds[state.world].actions(held)
        [state], [chunk] = collect(model, [state], [actions])
        made.append(chunk)
    return state, made


def test_worlds_have_the_controls_of_their_scenario() -> None:
    center = world_info(CENTER)
    assert [b.name for b in center.buttons] == ["turn_left", "turn_right", "attack"]
    assert (center.fps, center.chunk_frames) == (35, (2,))
    assert (center.width, center.height) == (320, 240)
    assert {b.name: b.keys for b in world_info(BASIC).buttons}["move_left"] == ("KeyA", "ArrowLeft")
    assert [(a.name, a.mouse) for a in world_info(MATCH).axes] == [("look", "y"), ("turn", "x")]


def test_unknown_scenarios_are_refused() -> None:
    with pytest.raises(UnknownWorld, match=r"no scenario 'mars' \(known: basic, .*take_cover\)"):
        world_info("env:vizdoom/mars")


@audible
def test_a_shot_is_heard(model: EnvModel) -> None:
    state = model.start(BASIC, 3, None)
    state, quiet = play(model, state, 10)
    state, loud = play(model, state, 10, "attack")
    levels = [
        max(float(np.abs(c.sound).max()) for c in chunks if c.sound is not None)
        for chunks in (quiet, loud)
    ]
    assert levels[1] > 0.1 > levels[0]
    assert loud[0].sound is not None
    assert loud[0].sound.shape == (1260,)
    model.release(state)


def test_the_same_seed_and_inputs_give_the_same_to_the_bit(model: EnvModel) -> None:
    digests = []
    for seed in (3, 3, 4):
        state, _ = play(model, model.start(CENTER, seed, None), 15, "turn_left", "attack")
        digests.append(model.digest(state))
        model.release(state)
    assert digests[0] == digests[1] != digests[2]


def test_a_restored_snapshot_goes_on_equally(model: EnvModel) -> None:
    state, _ = play(model, model.start(CENTER, 3, None), 10, "turn_left")
    restored = model.restore(model.snapshot(state))
    state, _ = play(model, state, 10, "attack")
    restored, _ = play(model, restored, 10, "attack")
    assert model.digest(state) == model.digest(restored)
    model.release(state)
    model.release(restored)


def test_an_episode_that_ends_is_followed_by_another(model: EnvModel) -> None:
    state, chunks = play(model, model.start(BASIC, 3, None), 160)  # longer than one lasts
    assert state.episode == 1
    assert all(chunk.frames.any() for chunk in chunks)
    model.release(state)
