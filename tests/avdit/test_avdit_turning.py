"""What a turn of the camera makes of a picture, and what pure noise decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_avdit_place import HERE
from tiny_avdit import CONFIG, VIDEO, encoded, shaken, source
from torch import Tensor, nn

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.detail import Head
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.place import Camera, Place
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.network.turning import Turning
from lightcone.model.training.avdit.budget import Budget
from lightcone.model.training.avdit.clips import Clips
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.latents import EncodedPlay
from lightcone.model.training.avdit.objective import Objective, loss
from lightcone.model.training.avdit.pool import PicturePool
from lightcone.model.training.avdit.turning import Turns, seen, train_turning, turned

TURNED = replace(HERE, rows=12, columns=16, turning=3, reach=1, chance=True)


def placed(hand: float = 1.0) -> Place:
    place = Place(TURNED)
    place.fit(Camera(width=0.8, hand=hand), torch.ones(2), 1.0)
    return place


def angles(*turns: float) -> Tensor:
    """(1, 1 + turns, group): a picture that stood still, and others."""
    return torch.tensor([0.7, *(0.7 + turn for turn in turns)])[None, :, None].expand(-1, -1, 2)


def test_without_a_turn_a_fresh_one_changes_nothing() -> None:
    picture = torch.randn(1, TURNED.channels, TURNED.rows, TURNED.columns)
    after = Turning(TURNED)(picture, placed(), angles(0.0, 0.0))
    torch.testing.assert_close(after, picture[:, None].expand_as(after))


@pytest.mark.parametrize("hand", [1.0, -1.0])
@pytest.mark.parametrize("turn", [0.3, -0.2])
def test_latents_turn_as_pixels_do(turn: float, hand: float) -> None:
    place = placed(hand)
    across = torch.arange(TURNED.columns).float().expand(TURNED.rows, -1)
    down = torch.arange(TURNED.rows).float()[:, None].expand(-1, TURNED.columns)
    picture = torch.stack([across, down, torch.ones_like(down)])[None]
    picture = torch.cat([picture, picture[:, :1]], 1)  # as many channels as latents have
    after = Turning(TURNED)(picture, place, angles(turn))[0, 0]
    true = turned(picture[:, :3], place, torch.tensor([turn]))[0]
    seen = after[2] > 0.5
    assert 0.4 < float(seen.float().mean()) < 0.9
    left = hand * turn > 0  # what was at the left is seen, and nothing is known beyond it
    assert not seen[:, 0 if left else -1].any()
    assert seen[1:-1, -1 if left else 0].all()
    assert float((after[:2] - true[:2]).detach().abs()[:, seen].max()) < 0.51


def test_the_head_moves_what_was_turned_and_keeps_what_is_fixed_to_the_screen() -> None:
    head, lead = Head(TURNED), (1, 2)
    size = (TURNED.rows, TURNED.columns)
    last = torch.randn(*lead, TURNED.channels, *size)
    drawn = torch.randn(*lead, 1 + TURNED.latents, TURNED.channels, *size)
    residual = torch.randn(2, TURNED.latents, TURNED.channels, *size)
    tokens = torch.randn(*lead, TURNED.picture_tokens, TURNED.width)
    given = (tokens, torch.randn(2, TURNED.detail, *size), last, drawn, residual)

    def out() -> Tensor:
        made: Tensor = head(*given)
        return made.unflatten(2, (TURNED.latents, -1)) - drawn[:, :, 1:]

    torch.testing.assert_close(out(), TURNED.residual_kept * residual[None])
    with torch.no_grad():
        head.mixture.bias.zero_()  # type: ignore[operator]
        head.mixture.bias[TURNED.operators :: TURNED.operators + 1] = 1.0  # type: ignore[index]
    fixed = (last - drawn[:, :, 0])[:, :, None]
    torch.testing.assert_close(out(), fixed.expand(-1, -1, TURNED.latents, -1, -1, -1))


@pytest.mark.parametrize("chance", [True, False])
def test_pure_noise_decides_what_comes(chance: bool) -> None:
    c = replace(CONFIG, chance=chance)
    model = Transformer(c)
    shaken(model)
    generator = torch.Generator().manual_seed(0)
    last = Latents.noise(c, generator, 1, 1).last(c)
    known, zeros = torch.ones(1, 1), torch.zeros(1, 1)
    acts, text = torch.zeros(1, 1, c.frames, c.controls), torch.zeros(1, 1, c.words)
    one, other = (
        model(Latents.noise(c, generator, 1, 1), last, zeros, acts, known, text) for _ in range(2)
    )
    assert one.picture.allclose(other.picture) is not chance


class _Guess(nn.Module):
    """Predicts all of a picture to be 1 or -1 by chance, or the mean of both."""

    def __init__(self, chance: bool) -> None:
        super().__init__()
        self._chance = chance

    def forward(self, noisy: Latents, *_: object, **__: object) -> Latents:
        picture = noisy.picture
        side = picture[:, :, :1, :1, :1].sign() if self._chance else picture.new_zeros(())
        return noisy._replace(picture=side.expand_as(picture))


def test_who_samples_what_may_come_loses_less_than_who_predicts_the_mean() -> None:
    c = replace(CONFIG, numbers=0, angles=(), scenery=0, sound_latents=0)
    generator = torch.Generator().manual_seed(0)
    lead = (8, 16)
    clean = Latents.zeros(c, torch.zeros(()), *lead)
    side = torch.randint(2, (*lead, 1, 1, 1), generator=generator) * 2.0 - 1
    clean = clean._replace(picture=clean.picture + side)
    acts, text = torch.zeros(*lead, c.frames, c.controls), torch.zeros(*lead, c.words)
    clips = Clips(clean, clean.last(c), acts, text)
    objective = Objective(targets=1.0, pure=1.0)

    def lost(chance: bool) -> float:
        again = torch.Generator().manual_seed(1)
        return float(loss(_Guess(chance), c, clips, Emphasis.unfitted(c), objective, again, 0)[0])

    assert lost(chance=True) < 0.7 * lost(chance=False)


def played(folder: Path) -> EncodedPlay:
    """Of somebody who turns within each fourth chunk, and back before the next."""
    play = encoded(folder)
    turning = np.repeat(np.arange(len(play)) % 4 == 1, HERE.frames)
    off = turning * np.tile(np.arange(HERE.frames), len(play)) * 0.1
    poses = np.zeros((len(off), HERE.numbers), np.float32)
    poses[:, 0], poses[:, 1] = 2**0.5 * np.sin(off), 2**0.5 * np.cos(off)
    return replace(play, numbers=poses.reshape(len(play), HERE.frames, -1))


def test_turning_is_learned_and_goes_on(tmp_path: Path) -> None:
    c = replace(HERE, turning=3)
    play, turning, codec = played(tmp_path / "latents"), Turning(c), VideoCodec(VIDEO)
    place = Place(c)
    place.fit(Camera(), torch.ones(2), 1.0)
    pool = PicturePool(source(), c.group, 8, tmp_path / "pictures.npy", 0)
    log = tmp_path / "loss.jsonl"

    def trained(steps: int) -> float:
        budget = Budget(steps=steps)
        path = tmp_path / "turning.pt"
        assert train_turning(turning, place, play, pool, c, codec, path, budget, 1, log)
        assert torch.load(path, weights_only=True)["step"] == steps
        angles = Turns(play, c).drawn(32, np.random.default_rng(1))
        latents, angles = seen(pool, codec, place, angles, c, torch.Generator().manual_seed(1))
        with torch.no_grad():
            made = turning(latents[:, 0], place, angles)
        return float((made - latents[:, 1:].detach())[made != 0].square().mean())

    fresh, after = trained(1), trained(60)
    assert after < 0.9 * fresh
    assert trained(60) == after


def test_turns_are_as_they_were_recorded(tmp_path: Path) -> None:
    turns = Turns(played(tmp_path / "latents"), HERE).drawn(8, np.random.default_rng(0))
    assert turns.shape == (8, HERE.group + HERE.frames)
    assert (turns[:6, -1] - turns[:6, 0]).abs().min() > 0.15  # three in four are turns
    assert (turns[6:, -1] - turns[6:, 0]).abs().max() < 0.01
