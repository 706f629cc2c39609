"""Stage 5, with `--critic`: the picture's decoder against a critic, so that texture is drawn where
the latents only say that there is some. The encoder, and so the transformer, stay as they are. Half
of the latents that it draws are the encoder's, half the transformer's, after the truth.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.runtime.checkpoint import save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.codecs import PICTURE_SIGMA, load
from lightcone.model.training.avdit.made import MadePool
from lightcone.model.training.avdit.pool import PicturePool
from lightcone.model.training.codecs import seen_figures
from lightcone.model.training.critic import Critic, Optimizers

BATCH = 8
_CRITIC_FIRST = 100  # steps before the critic counts
_CRITIC_WEIGHT, _FEATURE_WEIGHT = 0.06, 1.0


class _Both(nn.Module):
    def __init__(self, codec: VideoCodec, critic: Critic) -> None:
        super().__init__()
        self.codec, self.critic = codec, critic


def sharpen(
    codec: VideoCodec,
    pool: PicturePool,
    made_pool: MadePool,
    path: Path,
    budget: Budget,
    seed: int,
    log: Path,
) -> bool:
    """Train the decoder, or go on; returns False where it was stopped. The codec is left as the
    checkpoint has it. Raises WeightsError, TrainingError."""
    torch.manual_seed(seed)
    both = _Both(codec, Critic(codec.config.frames))
    both.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    codec.requires_grad_(False)
    drawing = [*codec.decoder.parameters(), *codec.decode_plainly.parameters()]
    for p in drawing:
        p.requires_grad_(True)
    optimizers = Optimizers(drawing, both.critic)
    step, seconds = load(path, both, optimizers)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)

    def advance(point: Point) -> dict[str, float]:
        optimizers.set_rate(point.rate)
        true = pool.pairs(BATCH // 4, generator)
        latents, followed = made_pool.pairs(BATCH // 4, generator)
        video = torch.cat([true, followed])
        with torch.no_grad():
            z = torch.cat([codec.posterior(true)[0], codec.restore(latents)])
        made = codec.decode_raw(z)
        critic = both.critic.learn(made, video, optimizers.critic)
        real, features = both.critic.compare(made, video)
        squared = (made - video).square().mean() / (2 * PICTURE_SIGMA**2)
        absolute = (made - video).abs().mean() / (2 * PICTURE_SIGMA)
        weight = _CRITIC_WEIGHT if point.step >= _CRITIC_FIRST else 0.0
        loss = squared + absolute + _FEATURE_WEIGHT * features - weight * real
        optimizers.decoder.zero_grad()
        loss.backward()
        optimizers.decoder.step()
        count = len(true)
        forced = seen_figures(made[count:], followed)
        return {
            "loss": float(loss.detach()),
            **seen_figures(made[:count], true),
            "critic": critic,
            **{f"teacher-forced {name}": figure for name, figure in forced.items()},
        }

    def save(step: int, seconds: float) -> None:
        save_training(path, both, optimizers, step, seconds=seconds, codec=codec.state_dict())

    whole = run("picture decoder", advance, save, budget, step=step, seconds=seconds, log=log)
    codec.eval().requires_grad_(False)
    return whole
