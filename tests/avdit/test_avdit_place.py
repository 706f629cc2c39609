"""A place by its angle and positions: where the camera is, and what is seen from elsewhere."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny_avdit import CONFIG, VIDEO, encoded, shaken
from torch import Tensor

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.place import Axes, Camera, Place
from lightcone.model.families.avdit.network.scenery import Scenery
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.camera import chosen, find_camera
from lightcone.model.training.avdit.scenery import train_scenery

HERE = replace(CONFIG, numbers=4, angles=(0,), positions=(2, 3), scenery=16)
POSED = Numbers(("angle", "position_x", "position_y"), (True, False, False), (0.0,) * 3, (1.0,) * 3)


def ground(camera: Camera, angles: Tensor, places: Tensor, rows: int = 48) -> Tensor:
    """Pictures (N, 3, rows, 4/3 rows) of a ground of random squares under a grey sky."""
    columns = rows * 4 // 3
    squares = torch.rand(64, 64, generator=torch.Generator().manual_seed(0)) * 255
    down = (torch.arange(rows) + 0.5)[:, None] / rows - 0.5
    aside = ((torch.arange(columns) + 0.5) / columns * 2 - 1) * camera.width
    ahead = camera.height / down.clamp(min=1e-3)
    way = (camera.hand * angles)[:, None, None]
    at = places @ torch.tensor(camera.axes).T
    x = at[:, 0, None, None] + ahead * (way.cos() + aside * way.sin())
    y = at[:, 1, None, None] + ahead * (way.sin() - aside * way.cos())
    shade = squares[(2 * x).floor().long() % 64, (2 * y).floor().long() % 64]
    return torch.where(down > 0, shade, torch.tensor(128.0))[:, None].expand(-1, 3, -1, -1)


def poses(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    angles = rng.uniform(-math.pi, math.pi, count).astype(np.float32)
    return angles, rng.normal(0, 0.7, (count, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("height", "width", "hand", "axes"),
    [
        (1.2, 1.0, 1.0, ((1.0, 0.0), (0.0, 1.0))),
        (0.4, 0.8, -1.0, ((0.0, -1.0), (1.0, 0.0))),  # a compass that counts clockwise
    ],
)
def test_the_camera_is_found_from_pictures_of_one_ground(
    height: float, width: float, hand: float, axes: Axes
) -> None:
    true = Camera(height, width, hand, axes)
    angles, places = poses(400)
    at = chosen(angles, places, np.random.default_rng(0))[:24]
    pairs = torch.from_numpy(angles[at]), torch.from_numpy(places[at])
    pictures = ground(true, pairs[0].flatten(), pairs[1].flatten(0, 1))
    found = find_camera(pictures, *pairs)
    assert found.height == pytest.approx(height, rel=0.05)
    assert found.width == pytest.approx(width, rel=0.05)
    # turning the frame by a right angle, or mirroring it with the hand, is the same camera
    turned = torch.tensor(found.axes) @ torch.tensor(axes).T
    assert found.hand * hand == pytest.approx(float(torch.det(turned)))


def test_pairs_are_near_in_angle_and_apart_in_place() -> None:
    angles, places = poses(300)
    at = chosen(angles, places, np.random.default_rng(0))
    turns = np.angle(np.exp(1j * (angles[at[:, 0]] - angles[at[:, 1]])))
    assert len(at) > 24
    assert np.abs(turns).max() < math.radians(25)
    assert np.linalg.norm(places[at[:, 0]] - places[at[:, 1]], axis=1).min() > 0.3
    still = np.zeros_like(places)
    assert len(chosen(angles, still, np.random.default_rng(0))) == 0


def test_what_is_turned_to_and_walked_past_moves_as_in_a_camera() -> None:
    torch.manual_seed(0)
    place = Place(HERE)
    place.fit(Camera(1.2), torch.ones(2), 1.0)
    ahead, _, around = place._hits(torch.tensor([0.0, 0.5]), torch.zeros(2, 2))
    shape = (2, HERE.rows * 2, HERE.columns * 2, 2)
    rays = ahead.view(2, HERE.rows, HERE.columns, 2, 2, 2).transpose(2, 3).reshape(shape)
    x, y = (rays[..., i] * place.extent for i in (0, 1))
    middle = shape[2] // 2
    assert (y[0, :, :middle] > 0).all()  # what is left of the middle is where angles grow to
    assert (y[0, :, middle:] < 0).all()
    torch.testing.assert_close(  # who turns sees the same ground elsewhere
        torch.stack([x[0] * math.cos(0.5) - y[0] * math.sin(0.5),
                     x[0] * math.sin(0.5) + y[0] * math.cos(0.5)]),
        torch.stack([x[1], y[1]]), atol=1e-4, rtol=1e-4,
    )  # fmt: skip
    nearest = x[0, -1, middle].detach()
    assert float(nearest) == pytest.approx(1.2 / (0.5 - 0.5 / shape[1]), rel=0.03)
    assert around.abs().max() <= 1.001


def test_a_place_is_drawn_by_a_camera_and_others_are_added() -> None:
    assert POSED.positions == (2, 3)
    assert POSED.unit == pytest.approx((1.0, 1.0))
    assert HERE.place
    assert not replace(HERE, positions=(2,)).place
    c = replace(HERE, numbers=5)
    scenery = Scenery(c)
    shaken(scenery)
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(2, 3, c.latents, c.group, c.numbers, generator=generator)
    drawn = scenery(numbers)
    assert drawn.shape == (2, 3, c.latents, c.channels, c.rows, c.columns)
    one = scenery(numbers[1, 2, 1])  # alone as among others
    torch.testing.assert_close(one, drawn[1, 2, 1], atol=1e-4, rtol=1e-4)


def test_of_many_positions_the_two_that_vary_most_are_on_the_ground() -> None:
    names = ("position_x", "position_z", "position_y", "yaw")
    numbers = Numbers(names, (False, False, False, True), (0.0,) * 4, (30.0, 2.0, 10.0, 1.0))
    assert numbers.positions == (0, 2)
    assert numbers.unit == pytest.approx((30 / 500**0.5, 10 / 500**0.5))


def test_a_place_is_learned_and_goes_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    play = encoded(tmp_path / "latents")
    chunks = len(play)
    angles, places = poses(chunks)
    places *= 0.01  # too near one another for pairs: the camera stays as it is
    posed = np.concatenate(
        [2**0.5 * np.stack([np.sin(angles), np.cos(angles)], 1), places], 1
    ).astype(np.float32)
    truth = np.where(angles > 0, 1.0, -1.0)[:, None, None, None]
    play = replace(
        play,
        numbers=np.repeat(posed[:, None], HERE.frames, 1),
        picture=np.broadcast_to(truth, play.picture.shape).astype(np.float16),
    )
    path, log, codec = tmp_path / "scenery.pt", tmp_path / "loss.jsonl", VideoCodec(VIDEO)
    losses = []
    for steps in (1, 200, 200):
        scenery = Scenery(HERE)
        assert train_scenery(scenery, play, HERE, codec, POSED, path, Budget(steps=steps), 0, log)
        numbers = torch.from_numpy(play.numbers).unflatten(1, (HERE.latents, HERE.group))
        with torch.no_grad():
            drawn = scenery(numbers).flatten(1, 2)
        losses.append(float((drawn - torch.from_numpy(play.picture).float()).square().mean()))
    assert losses[1] < 0.8 * losses[0]
    assert losses[2] == pytest.approx(losses[1])


def test_half_precision_moves_nothing_by_more_than_it_has_to() -> None:
    torch.manual_seed(0)
    place = Place(HERE)
    angles = torch.tensor([[3.0, 3.0]]).bfloat16()
    positions = torch.tensor([[[1.0, -1.0], [1.0, -1.0]]]).bfloat16()
    exact = place(angles.float(), positions.float())
    drawn = place.bfloat16()(angles, positions)
    assert drawn.dtype == torch.bfloat16
    torch.testing.assert_close(drawn.float(), exact, atol=0.05, rtol=0.05)
