"""Codecs: chunk borders are seamless, latents are causal and normalised."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig, to_signed
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.interface import UnsupportedSetting
from lightcone.model.training.decoder import widened

PICTURE = PictureCodecConfig(channels=4, wide=16, blocks=1)
SOUND = SoundCodecConfig(channels=6, widths=(8, 12, 16), blocks=2)
SAMPLES = SOUND.samples


def shaken(module: nn.Module) -> nn.Module:
    """The module without the zeros of a fresh one."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def sound_codec() -> SoundCodec:
    codec = shaken(SoundCodec(SOUND))
    assert isinstance(codec, SoundCodec)
    return codec


@settings(deadline=None, max_examples=20)
@given(cuts=st.lists(st.integers(1, 6), min_size=1, max_size=6))
def test_sound_in_chunks_is_sound_in_one_go(sound_codec: SoundCodec, cuts: list[int]) -> None:
    latents = torch.randn(2, SOUND.channels, sum(cuts))
    whole, _ = sound_codec.decode(latents, sound_codec.decoder_state(2))
    state, parts = sound_codec.decoder_state(2), []
    for part in latents.split(cuts, 2):
        sound, state = sound_codec.decode(part, state)
        parts.append(sound)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-6, rtol=1e-5)


def test_sound_latents_know_nothing_of_the_future(sound_codec: SoundCodec) -> None:
    sound = torch.randn(1, 8 * SAMPLES) * 0.1
    changed = sound.clone()
    changed[:, 5 * SAMPLES :] = 0.3
    before, after = sound_codec.encode(sound), sound_codec.encode(changed)
    assert torch.equal(before[:, :, :5], after[:, :, :5])
    assert not torch.equal(before[:, :, 5:], after[:, :, 5:])


def test_a_decoder_may_draw_more_pixels_than_are_encoded() -> None:
    small = shaken(PictureCodec(PICTURE))
    assert isinstance(small, PictureCodec)
    large = widened(small, 12)
    pictures = torch.randint(256, (2, 3, 48, 72), dtype=torch.uint8)
    averages = torch.nn.functional.avg_pool2d(to_signed(pictures), 3)
    latents = large.encode(pictures)
    torch.testing.assert_close(latents, small.normalise(small.posterior(averages)[0]))
    times_three = small.decode(latents).repeat_interleave(3, 2).repeat_interleave(3, 3)
    assert torch.equal(large.decode(latents), times_three)
    with pytest.raises(UnsupportedSetting, match="no multiple of its 12"):
        widened(large, 8)
    with pytest.raises(UnsupportedSetting, match="multiple of 4 pixels, not 6"):
        PictureCodecConfig(pixels=6)


def test_normalisation_is_undone() -> None:
    codec = PictureCodec(PICTURE)
    raw = torch.randn(6, PICTURE.channels, 8, 12) * 3 + 1
    codec.fit(raw)
    normal = codec.normalise(raw)
    assert normal.mean().abs() < 1e-5
    assert (normal.std() - 1).abs() < 0.05
    torch.testing.assert_close(codec.restore(normal), raw)


def test_pictures_keep_their_shape() -> None:
    codec = PictureCodec(PICTURE)
    frames = torch.randint(0, 256, (3, 3, 32, 48), dtype=torch.uint8)
    latents = codec.encode(frames)
    assert latents.shape == (3, 4, 8, 12)
    decoded = codec.decode(latents)
    assert decoded.shape == frames.shape
    assert decoded.dtype == torch.uint8
