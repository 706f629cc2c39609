"""What a place looks like from the numbers of a state, and how those numbers change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_avdit import CONFIG, NUMBERS, VIDEO, encoded, shaken, transformer

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.scenery import Scenery, advanced
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import ClipSampler
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.scenery import train_scenery
from lightcone.model.training.avdit.transformer import Recipe, train_transformer
from lightcone.model.training.parallel import Group

_CHANGES = st.lists(st.floats(-3, 3), min_size=3, max_size=3)


@given(st.floats(-3.2, 3.2), _CHANGES)
def test_an_angle_stays_on_its_circle(angle: float, change: list[float]) -> None:
    turn = torch.tensor(angle)
    last = torch.stack([torch.tensor(0.5), 2**0.5 * turn.sin(), 2**0.5 * turn.cos()])
    moved = advanced(last, torch.tensor(change), (1,))
    assert float(moved[0]) == pytest.approx(0.5 + change[0], abs=1e-5)
    factor = complex(1 + change[2], change[1])
    if abs(factor) > 0.05:
        assert float(moved[1:].square().sum()) == pytest.approx(2, abs=1e-3)
        wanted = torch.polar(torch.tensor(2**0.5), turn) * factor / abs(factor)
        assert abs(complex(moved[2], moved[1]) - complex(wanted)) < 0.01


def test_without_a_change_an_angle_is_the_same() -> None:
    last = torch.tensor([0.5, 2**0.5 * 0.6, 2**0.5 * 0.8])
    torch.testing.assert_close(advanced(last, torch.zeros(3), (1,)), last, atol=1e-5, rtol=0)


def test_what_an_unsure_model_adds_up_is_no_change() -> None:
    rng = np.random.default_rng(0)
    hits = np.cumsum(-10.0 * (rng.random(2000) < 0.05), dtype=np.float32)
    walked = np.arange(2000, dtype=np.float32) / 10
    state = np.stack([hits, np.arange(2000, dtype=np.float32) % 360, walked], 1)
    numbers = Numbers.fit([state], ("health", "angle", "way"))
    least = 5 / hits.std()
    assert numbers.lowest[0] == pytest.approx((hits.min() - hits.mean()) / hits.std(), abs=1e-4)
    assert numbers.least == pytest.approx((least, 0, 0, 0))  # half a hit; what always changes
    last = torch.tensor([[0.3, 1.0, 1.0, 0.5]])
    guessed = last[:, None] + 0.4 * least * torch.tensor([[[1.0]], [[2.0]], [[4.0]]]).view(1, 3, 1)
    settled = numbers.settled(guessed, last)
    assert settled[0, :, 0].tolist() == pytest.approx([0.3, 0.3, float(guessed[0, 2, 0])])
    assert settled[..., 1:].equal(guessed[..., 1:])
    assert Numbers().settled(guessed, last) is guessed


def test_what_is_pushed_now_and_then_does_not_creep_and_stays_where_it_was_recorded() -> None:
    pushed = np.zeros(2000)
    for at in range(0, 2000, 40):  # by 12 in all, most of it in the first frames
        pushed[at : at + 8] = 6 * 0.5 ** np.arange(8) * (1 if at % 80 else -1)
    state = np.cumsum(pushed, dtype=np.float32)[:, None]
    numbers = Numbers.fit([state], ("position_x",), frames=4)
    frame = 1 / state.std()
    assert 2 * frame < numbers.least[0] < 5 * frame
    last = torch.zeros(1, 1)
    for _ in range(100):
        crept = last[:, None] + 0.4 * frame * torch.arange(1, 5).view(1, 4, 1)
        last = numbers.settled(crept, last)[:, -1]
    assert last == 0
    away = numbers.settled(torch.full((1, 4, 1), 1e3), last)
    assert (away == numbers.highest[0]).all()
    assert numbers.highest[0] == pytest.approx(float((state.max() - state.mean()) / state.std()))


def test_scenery_is_a_latent_picture_for_each_group_of_frames() -> None:
    torch.manual_seed(0)
    scenery = Scenery(CONFIG)
    numbers = torch.randn(2, 3, CONFIG.latents, CONFIG.group, CONFIG.numbers)
    drawn = scenery(numbers)
    assert drawn.shape == (2, 3, CONFIG.latents, CONFIG.channels, CONFIG.rows, CONFIG.columns)
    far = torch.full_like(numbers, 1e6)
    torch.testing.assert_close(scenery(far), scenery(far / 10))  # both beyond the largest
    scenery.fit(numbers[0, :, 0])
    assert scenery(numbers[:1, :, :1]).isfinite().all()
    highest = numbers[0, :, 0].amax((0, 1))
    torch.testing.assert_close(scenery(highest.expand(2, -1) + 1), scenery(highest.expand(2, -1)))


def test_walls_do_not_depend_on_what_is_no_pose() -> None:
    numbers = Numbers.fit(
        [np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)],
        ("health", "angle", "position_x", "ammunition"),
    )
    assert numbers.sines == (1,)
    assert numbers.positions == (3,)
    c = replace(CONFIG, numbers=numbers.count, angles=numbers.sines, positions=numbers.positions)
    scenery = Scenery(c)
    shaken(scenery)
    generator = torch.Generator().manual_seed(0)
    here, there = torch.randn(2, c.group, c.numbers, generator=generator)
    hurt_here, hurt_there = here.clone(), there.clone()
    hurt_here[:, [0, 4]] = hurt_there[:, [0, 4]] = there[:, [0, 4]] + 1
    here[:, [0, 4]] = there[:, [0, 4]]
    torch.testing.assert_close(
        scenery(hurt_here) - scenery(here), scenery(hurt_there) - scenery(there),
        atol=1e-4, rtol=1e-4,
    )  # fmt: skip


def test_scenery_is_learned_goes_on_and_is_kept_by_the_transformer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    play = encoded(tmp_path / "latents")
    sines = play.numbers[:, :: CONFIG.group, CONFIG.angles[0]].repeat(CONFIG.channels, 1)
    pictures = np.broadcast_to(sines[..., None, None], play.picture.shape)
    play = replace(play, picture=pictures)
    scenery, path, log = Scenery(CONFIG), tmp_path / "scenery.pt", tmp_path / "loss.jsonl"
    numbers = torch.from_numpy(play.numbers).unflatten(1, (CONFIG.latents, CONFIG.group))
    truth = torch.from_numpy(pictures.astype(np.float32)).unflatten(1, (CONFIG.latents, -1))

    def error() -> float:
        with torch.no_grad():
            return float((scenery(numbers) - truth).square().mean())

    before = error()
    codec = VideoCodec(VIDEO)
    assert train_scenery(scenery, play, CONFIG, codec, NUMBERS, path, Budget(steps=200), 0, log)
    assert error() < 0.5 * before
    assert scenery.highest.equal(numbers.amax((0, 1, 2)))
    learned, again = error(), Scenery(CONFIG)
    assert train_scenery(again, play, CONFIG, codec, NUMBERS, path, Budget(steps=200), 0, log)
    scenery = again
    assert error() == pytest.approx(learned)

    model = transformer().requires_grad_(True)
    assert model.scenery is not None
    model.scenery.load_state_dict(scenery.state_dict())
    assert train_transformer(
        model, ClipSampler(play, CONFIG, seed=0), Emphasis.unfitted(CONFIG),
        tmp_path / "transformer.pt", Budget(steps=2), Recipe(batch=2, chunks=4),
        torch.device("cpu"), Group(), 0, log,
    )  # fmt: skip
    for name, value in scenery.state_dict().items():
        assert value.equal(model.scenery.state_dict()[name])


def test_a_world_without_numbers_has_no_scenery() -> None:
    model = transformer(config=replace(CONFIG, numbers=0, angles=(), scenery=0))
    assert model.scenery is None


def test_what_stands_in_front_moves_on_before_the_scenery_of_the_next_numbers() -> None:
    torch.manual_seed(0)
    model = Transformer(CONFIG)  # a fresh one changes nothing but the numbers
    assert model.scenery is not None
    assert model.numbers_out is not None
    shaken(model.numbers_out)
    generator = torch.Generator().manual_seed(1)
    clean = Latents.noise(CONFIG, generator, 2, 3)
    last = Latents.noise(CONFIG, generator, 2, 3).last(CONFIG)
    ones = torch.ones(2, 3)
    made = model(
        clean, last, ones, torch.zeros(2, 3, CONFIG.frames, CONFIG.controls), ones,
        torch.zeros(2, 3, CONFIG.words),
    )  # fmt: skip
    assert not made.numbers.allclose(last.numbers[:, :, -1:])
    before = model.scenery(last.numbers[:, :, None])
    after = model.scenery(made.numbers.unflatten(2, (CONFIG.latents, CONFIG.group)))
    residual = CONFIG.residual_kept * (last.picture[:, :, None] - before)
    expected = (residual + after).flatten(2, 3)
    torch.testing.assert_close(made.picture, expected)
    settled = last.numbers[:, :, -1:].expand_as(made.numbers)
    again = model.with_numbers(made, settled)
    after = model.scenery(settled.unflatten(2, (CONFIG.latents, CONFIG.group)))
    residual = CONFIG.residual_kept * (last.picture[:, :, None] - before)
    expected = (residual + after).flatten(2, 3)
    torch.testing.assert_close(again.picture, expected)
    assert again.numbers.equal(settled)
    at_once = model(
        clean, last, ones, torch.zeros(2, 3, CONFIG.frames, CONFIG.controls), ones,
        torch.zeros(2, 3, CONFIG.words),
        settled=lambda numbers, ends: ends[:, None].expand_as(numbers),
    )  # fmt: skip
    assert at_once.numbers.equal(settled)
    torch.testing.assert_close(at_once.picture, expected)
    in_training = model(
        clean, last, ones, torch.zeros(2, 3, CONFIG.frames, CONFIG.controls), ones,
        torch.zeros(2, 3, CONFIG.words), true_numbers=settled,
    )  # fmt: skip
    assert in_training.numbers.equal(made.numbers)
    torch.testing.assert_close(in_training.picture, expected)
