"""Learned looks are fetched where the view shows them."""

from __future__ import annotations

import pytest
import torch
from small_worlds import CONFIG
from torch import Tensor

from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.network.network import (
    Network,
    known_words,
)
from lightcone.model.families.staged.network.surfaces import (
    Canvases,
    Sprites,
    Textures,
)
from lightcone.model.families.staged.shared import camera
from lightcone.model.families.staged.view import View
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.simulators.court import simulator as court

FRAMES = 2


def facts_of(world: str) -> Tensor:
    """(B, 1 + FRAMES, COUNT)."""
    truth = open_simulator(world).random_trajectories(
        6, 1 + FRAMES, torch.Generator().manual_seed(3), torch.device("cpu"), skip=5
    )
    return open_simulator(world).facts(truth)


def view_of(world: str, facts: Tensor) -> View:
    view: View = learnable(world).geometry(CONFIG.size)(facts.flatten(0, 1))
    return view


def test_a_canvas_is_seen_through_the_camera() -> None:
    """A canvas that is its own x coordinate shows each cell where it is in the world."""
    facts = facts_of("court")
    canvases = Canvases(4, CONFIG.size)
    with torch.no_grad():
        canvases.paint.zero_()
        canvases.paint[:, 0] = (torch.arange(64) + 0.5) / 32 - 1
        canvases.choose.weight.zero_()
        canvases.choose.bias.fill_(1 / len(canvases.paint))
        seen = canvases(view_of("court", facts), torch.zeros(6, 1, 4), 1 + FRAMES)
    first = seen.view(6, FRAMES, -1, 4, 24, 32)[:, 0, 0].mean(1)  # of each cell
    place = view_of("court", facts).place[:, 0, ..., 0].view(6, 1 + FRAMES, 24, 32)[:, 1]
    inside = place.abs() < 0.95
    torch.testing.assert_close(first[inside], place[inside], atol=1e-3, rtol=0)


def test_a_texture_is_seen_on_its_surfaces_alone() -> None:
    facts = facts_of("corridors")
    view = view_of("corridors", facts)
    assert view.texture is not None
    textures = Textures(learnable("corridors").textures, CONFIG.size)
    number = int(view.texture.flatten().mode().values)
    with torch.no_grad():
        textures.paint.zero_()
        textures.paint[number, 0] = 1.0
        seen = textures(view, torch.zeros(6, 1, 4), 1 + FRAMES)
    first = seen.view(6, FRAMES, 4, -1, 24, 32)[:, :, :, 0]
    here = (view.texture == number).view(6, 1 + FRAMES, 4, 24, 32)[:, 1:]
    torch.testing.assert_close(first, here.float(), atol=1e-5, rtol=0)


def test_a_sprite_is_where_its_thing_is() -> None:
    worlds = court.random_trajectories(
        6, 1, torch.Generator().manual_seed(3), torch.device("cpu"), skip=5
    )
    facts = open_simulator("court").facts(worlds)
    view = view_of("court", facts)
    assert view.things is not None
    ball = 2
    sprites = Sprites(learnable("court").things, facts.shape[2], 4, CONFIG.size)
    with torch.no_grad():
        sprites.paint.zero_()
        sprites.paint[ball, :, 0, 11:13, 11:13] = 1.0
        sprites.pose[-1].weight.zero_()
        sprites.pose[-1].bias.fill_(1.0)
        seen = sprites(view.things[:, None], facts, torch.zeros(6, 4))
    shown = seen.view(6, learnable("court").things, -1, 4, 24, 32)[:, ball, 0].sum(1)
    at_x, at_y = camera.to_picture(
        worlds.states.camera, worlds.states.ball.x, worlds.states.ball.y
    )  # (B, 1)
    for world in range(6):
        x, y = float(at_x[world]) * 24, (1 - float(at_y[world])) * 24
        if 1 < x < 31 and 1 < y < 23:
            row, column = divmod(int(shown[world].argmax()), 32)
            assert abs(column + 0.5 - x) <= 1
            assert abs(row + 0.5 - y) <= 1


@pytest.mark.parametrize("world", SIMULATED)
def test_a_scene_is_of_the_frame_before_and_of_the_chunk(world: str) -> None:
    torch.manual_seed(0)
    stage = Network(CONFIG, known_words()).stages[world]
    facts = facts_of(world)[:, None]
    scene = stage(facts, torch.randn(6, 1, CONFIG.text))
    assert scene.condition.shape == (6, 1, CONFIG.width)
    assert scene.sound.shape == (6, 1, FRAMES, CONFIG.width)
    assert scene.contacts.shape == (6, 1, FRAMES, CONFIG.sound_values)
    assert scene.maps.shape == (6, CONFIG.maps, 24, 32)
    assert scene.surfaces.shape == (6, CONFIG.depth, 24, 32)
    assert scene.busy.min() >= 0
    assert scene.busy.max() <= 1
    later = facts.clone()
    later[:, :, -1] = facts[:, :, 0]
    assert not torch.equal(stage(later, scene.text).maps, scene.maps)


def test_prompts_that_fade_are_between_the_two() -> None:
    network = Network(CONFIG, known_words())
    words = torch.randint(0, 5, (1, 2, 16))
    text = network.prompt(words, torch.tensor([[0.0, 0.25, 1.0]]))
    torch.testing.assert_close(text[:, 1], text[:, 0] + 0.25 * (text[:, 2] - text[:, 0]))
