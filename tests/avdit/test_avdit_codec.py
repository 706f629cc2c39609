"""The picture codec of short groups of frames."""

from __future__ import annotations

import pytest
import torch

from lightcone.model.codecs.video import VideoCodec, VideoCodecConfig


@pytest.mark.parametrize("fine", [1, 2])
def test_it_begins_at_the_best_linear_code_of_what_it_sees(fine: int) -> None:
    torch.manual_seed(0)
    config = VideoCodecConfig(frames=2, channels=6, encoder=8, decoder=8, blocks=1, fine=fine)
    codec = VideoCodec(config)
    down = config.down
    flat = torch.rand(40, 6, 2, 3) * 2 - 1  # two colours a cell: six numbers
    video = flat.repeat_interleave(down, 2).repeat_interleave(down, 3)
    codec.begin(video)
    z = codec.posterior(video)[0]
    assert z.shape == (40, 6, 2, 3)
    torch.testing.assert_close(codec.decode_raw(z), video, atol=2e-3, rtol=0)


@pytest.mark.parametrize("fine", [1, 2])
def test_frames_become_latents_and_frames_again(fine: int) -> None:
    config = VideoCodecConfig(frames=2, channels=4, encoder=8, decoder=8, blocks=1, fine=fine)
    codec = VideoCodec(config).eval()
    frames = torch.randint(0, 256, (3, 2, 3, 32, 64), dtype=torch.uint8)
    latents = codec.encode(frames)
    assert latents.shape == (3, 4, 32 // config.down, 64 // config.down)
    shown = codec.decode(latents)
    assert (shown.shape, shown.dtype) == (frames.shape, torch.uint8)


def test_a_finer_picture_than_the_encoder_sees_changes_no_latent() -> None:
    codec = VideoCodec(VideoCodecConfig(encoder=8, decoder=8, blocks=1, fine=2)).eval()
    coarse = torch.rand(1, 6, 16, 16)
    grain = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(16, 16) * 0.1
    video = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)
    plain, grainy = codec.posterior(video)[0], codec.posterior(video + grain)[0]
    torch.testing.assert_close(plain, grainy, atol=1e-4, rtol=0)
