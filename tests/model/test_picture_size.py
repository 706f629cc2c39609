"""Worlds in pictures of another size: drawn, described, trained, exported, opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_worlds import CONFIG, small_weights
from torch.nn import functional as F

from lightcone.model.catalogue import (
    ModelSettings,
    open_model,
    world_info,
)
from lightcone.model.evaluation.measures import pictures
from lightcone.model.evaluation.measures.response import response
from lightcone.model.evaluation.play import Learned
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.network.config import (
    DEFAULT_SIZE,
    PictureSize,
)
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.families.staged.view import View
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    UnsupportedSetting,
    WeightsError,
    collect,
)
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.training import (
    export,
    train,
)
from lightcone.model.training.parallel import Group
from lightcone.model.training.resize import resized
from lightcone.model.training.train import Recipe

LARGE = PictureSize(144)
FRAMES = 2


@pytest.mark.parametrize("height", [0, 40, 100, -96])
def test_a_size_that_tokens_do_not_fill(height: int) -> None:
    with pytest.raises(UnsupportedSetting, match=f"multiple of 48 pixels, not {height}"):
        PictureSize(height)


@pytest.mark.parametrize("world", SIMULATED)
def test_a_larger_picture_shows_the_same(world: str) -> None:
    simulator = open_simulator(world)
    states = simulator.seeded_trajectories([1, 2, 3], FRAMES).states
    states = replace(states, style=torch.zeros_like(states.style))  # others draw lines of a pixel
    small, large = simulator.render(states), simulator.render(states, LARGE)
    assert large.shape == (3, FRAMES, 3, LARGE.height, LARGE.width)
    pooled = F.interpolate(
        large.flatten(0, 1).float(), (DEFAULT_SIZE.height, DEFAULT_SIZE.width), mode="area"
    )
    assert float(pictures.psnr(pooled, small.flatten(0, 1)).min()) > 22
    assert float(pictures.psnr(pooled, small.flatten(0, 1).roll(FRAMES, 0)).max()) < 20


@pytest.mark.parametrize("world", SIMULATED)
def test_cells_of_another_size_lie_in_the_same_places(world: str) -> None:
    facts = open_simulator(world).facts(open_simulator(world).seeded_trajectories([1], FRAMES))
    geometry = learnable(world).geometry
    double = PictureSize(2 * DEFAULT_SIZE.height)
    small, large = (geometry(size)(facts) for size in (DEFAULT_SIZE, double))
    if world == "corridors":  # a cell has four points, each on a surface of its own
        points, fine = _by_points(small), _by_points(large)
        near = F.max_pool2d(fine.float(), 2) == -F.max_pool2d(-fine.float(), 2)
        same = (F.max_pool2d(fine.float(), 2) == points) & near
        assert float(same.float().mean()) > 0.8
    else:
        places = large.place.flatten(0, 2).movedim(-1, 1)
        torch.testing.assert_close(
            F.avg_pool2d(places, 2), small.place.flatten(0, 2).movedim(-1, 1), atol=1e-4, rtol=0
        )


def _by_points(view: View) -> torch.Tensor:
    """Numbers of textures at the points of all cells: (N, 1, 2 rows, 2 columns)."""
    assert view.texture is not None
    texture = view.texture.flatten(0, -4)  # (N, 4, rows, columns)
    return F.pixel_shuffle(texture.float(), 2)


def test_a_resized_network_keeps_what_has_no_place() -> None:
    network = Network(CONFIG, known_words())
    same = resized(network, DEFAULT_SIZE)
    for name, value in network.state_dict().items():
        assert torch.equal(value, same.state_dict()[name]), name
    large = resized(network, LARGE)
    assert large.config == replace(CONFIG, height=LARGE.height)
    before, after = network.state_dict(), large.state_dict()
    changed = {name for name in before if before[name].shape != after[name].shape}
    assert changed == {
        "transformer.place",
        *(f"stages.{w}.surfaces.paint" for w in SIMULATED),
        *(f"stages.{w}.sprites.paint" for w in ("court", "pond")),
    }
    for name in changed:  # interpolated: as bright as before, near enough
        assert float(after[name].mean()) == pytest.approx(float(before[name].mean()), abs=0.01)


@pytest.fixture(scope="module")
def large_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained a step on larger pictures, from weights of small ones, and exported."""
    run, small, out = (tmp_path_factory.mktemp(name) for name in ("run", "small", "large"))
    small_weights().save(small)
    recipe = Recipe(steps=1, chunks=3, prefill=3, fresh=0.0, height=LARGE.height)
    train.train(run, recipe, torch.device("cpu"), 1, Group(), small)
    assert {path.name for path in run.iterdir()} == {"transformer.pt", "picture.pt", "sound.pt"}
    with pytest.raises(WeightsError, match="encodes pictures 144 high, not 96"):
        train.train(run, replace(recipe, height=96), torch.device("cpu"), 1, Group(), small)
    export.export(export.Run(run, small), out, seed=1)
    return out


def test_worlds_of_larger_pictures(large_weights: Path) -> None:
    for name in SIMULATED:
        info = world_info(name, large_weights)
        assert (info.height, info.width) == (LARGE.height, LARGE.width)
        model = open_model((name,), ModelSettings(weights=large_weights))
        assert model.worlds[name] == info
        state = model.start(name, 1, model.prepare(name))
        [_], [chunk] = collect(model, [state], [info.actions([])])
        assert chunk.frames.shape == (info.frames_of(0), LARGE.height, LARGE.width, 3)


def test_what_was_not_trained_is_taken_from_before(large_weights: Path) -> None:
    made, before = Weights.load(large_weights), small_weights()
    pairs = [(made.reader, before.reader), (made.sound, before.sound)]
    pairs += [(made.dynamics[w], before.dynamics[w]) for w in SIMULATED]
    for a, b in pairs:
        for (name, x), y in zip(a.named_parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(x, y, atol=1e-2, rtol=1e-2, msg=name)


def test_there_is_nothing_to_export_where_nothing_was_trained(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="nothing was trained"):
        export.export(export.Run(tmp_path, tmp_path), tmp_path / "out", seed=1)


def test_weights_that_know_other_worlds_are_no_beginning(tmp_path: Path) -> None:
    small_weights(("pond",)).save(tmp_path)
    with pytest.raises(WeightsError, match="know other worlds"):
        train.begun(tmp_path / "transformer.pt", DEFAULT_SIZE, tmp_path)


def test_a_still_of_the_larger_size_begins_a_world(large_weights: Path) -> None:
    model = open_model(("pond",), ModelSettings(weights=large_weights))
    truth = open_simulator("pond").seeded_trajectories([5], 1)
    still = open_simulator("pond").render(truth.states, LARGE)[0, 0].permute(1, 2, 0)
    conditioning = model.prepare("pond", image=still.numpy().astype(np.uint8))
    state = model.start("pond", 1, conditioning)
    [_], [chunk] = collect(model, [state], [model.worlds["pond"].actions([])])
    assert chunk.frames.shape[1:3] == (LARGE.height, LARGE.width)


def test_the_judge_judges_larger_pictures(large_weights: Path) -> None:
    model = StagedModel(Weights.load(large_weights), ["court"])
    (figure,) = response("court", Learned(model, "court"), [5]).figures
    assert 0 <= figure.value <= 1


@pytest.mark.parametrize("wrong", ['"height": "96"', '"rows": 6'])
def test_weights_without_a_valid_size(wrong: str, tmp_path: Path) -> None:
    small_weights(("court",)).save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"height": 96', wrong))
    with pytest.raises(WeightsError, match="another architecture"):
        world_info("court", tmp_path)
    with pytest.raises(WeightsError, match="another architecture"):
        Weights.load(tmp_path)
