"""The shipped doom: it is offered, and what is held is seen and heard."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lightcone.model.catalogue import learned_worlds, open_model, world_info
from lightcone.model.interface import Model, collect

SEEDS = (1, 2, 3)
CHUNKS = 6
GUN = np.s_[:, 96:144, 96:160]  # of a picture of 192 rows and 256 columns
FLOOR = np.s_[120:, :90]  # left of the gun


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(("doom",))


def played(model: Model, seed: int, *held: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Frames (F, H, W, 3) and sound (samples,) of a session under what is held."""
    info = model.worlds["doom"]
    state = model.start("doom", seed, model.prepare("doom"))
    frames, sounds = [], []
    for _ in range(CHUNKS):
        [state], [chunk] = collect(
            model, [state], [info.actions(held, frames=info.chunk_frames[-1])]
        )
        assert chunk.sound is not None
        frames.append(chunk.frames)
        sounds.append(chunk.sound)
    return np.concatenate(frames).astype(np.float32), np.concatenate(sounds)


def test_it_is_in_the_catalogue_and_says_that_it_is_generated() -> None:
    assert learned_worlds() == ("court", "pond", "corridors", "doom")
    info = world_info("doom")
    assert (info.fps, info.sample_rate, info.width, info.height) == (35, 22050, 256, 192)
    assert info.description.startswith("Generated")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shot_is_seen_at_the_gun_and_heard(model: Model, seed: int) -> None:
    idle, silent = played(model, seed)
    shot, heard = played(model, seed, "attack")
    assert shot[GUN].max(axis=(1, 2, 3)).max() > 200
    brighter = (shot - idle)[GUN].mean(axis=(1, 2, 3))
    assert brighter.max() > 10
    assert np.square(heard).mean() > 2 * np.square(silent).mean()


@pytest.mark.parametrize("held", ["turn_left", "turn_right"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_turn_is_seen_on_the_floor(model: Model, seed: int, held: str) -> None:
    def moving(*held: str) -> float:
        frames, _ = played(model, seed, *held)
        floor = frames[4:].mean(-1)[:, *FLOOR]
        return float(np.abs(np.diff(floor, axis=0)).mean())

    assert moving(held) > 2 * moving()
