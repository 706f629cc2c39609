"""Stage 4: the picture's decoder against a critic, so that texture is drawn where the latents only
say that there is some. The encoder, and so the transformer, stay as they are. Half of the latents
that it draws are the encoder's, half the transformer's, after the truth.

A squared error alone blurs what the latents leave open. The critic (PatchGAN, Isola et al. 2017;
hinge loss, Lim & Ye 2017) sees two groups of frames in a row at their full size, so that grain has
to move with what it is on. It has no place in the weights that are served.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.video import VideoCodec
from lightcone.model.runtime.checkpoint import save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.codecs import PICTURE_SIGMA, load, seen_figures
from lightcone.model.training.avdit.made import MadePool
from lightcone.model.training.avdit.pool import PicturePool

BATCH = 8
_WIDTH = 32
_ADAM = {"lr": 4e-4, "betas": (0.5, 0.9)}
_CRITIC_FIRST = 100  # steps before the critic counts
_CRITIC_WEIGHT, _FEATURE_WEIGHT = 0.06, 1.0


class Critic(nn.Module):
    """Pairs of groups of frames, one after the other (2 N, 3 frames, H, W) -> how real each patch
    looks (N, 1, H / 8, W / 8), and the features on the way."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        widths = (2 * 3 * frames, _WIDTH, 2 * _WIDTH, 4 * _WIDTH)
        self.down = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in itertools.pairwise(widths)
        )
        self.out = nn.Conv2d(widths[-1], 1, 3, padding=1)

    def forward(self, video: Tensor) -> tuple[Tensor, list[Tensor]]:
        x, features = video.unflatten(0, (-1, 2)).flatten(1, 2), []
        for layer in self.down:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.out(x), features


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
    draw = torch.optim.AdamW(drawing, **_ADAM, weight_decay=0.0)  # type: ignore[arg-type]
    judge = torch.optim.AdamW(both.critic.parameters(), **_ADAM, weight_decay=0.0)  # type: ignore[arg-type]
    optimizers = _Optimizers(draw, judge)
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
        real, seen = both.critic(video)
        fake, _ = both.critic(made.detach())
        critic = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        judge.zero_grad()
        critic.backward()
        judge.step()
        both.critic.requires_grad_(False)
        fooled, drawn = both.critic(made)
        both.critic.requires_grad_(True)
        squared = (made - video).square().mean() / (2 * PICTURE_SIGMA**2)
        absolute = (made - video).abs().mean() / (2 * PICTURE_SIGMA)
        features = sum(
            ((a.detach() - b).abs().mean() for a, b in zip(seen, drawn, strict=True)),
            start=torch.zeros(()),
        )
        weight = _CRITIC_WEIGHT if point.step >= _CRITIC_FIRST else 0.0
        loss = squared + absolute + _FEATURE_WEIGHT * features - weight * fooled.mean()
        draw.zero_grad()
        loss.backward()
        draw.step()
        count = len(true)
        forced = seen_figures(made[count:], followed)
        return {
            "loss": float(loss.detach()),
            **seen_figures(made[:count], true),
            "critic": float(critic.detach()),
            **{f"teacher-forced {name}": figure for name, figure in forced.items()},
        }

    def save(step: int, seconds: float) -> None:
        save_training(path, both, optimizers, step, seconds=seconds, codec=codec.state_dict())

    whole = run("picture decoder", advance, save, budget, step=step, seconds=seconds, log=log)
    codec.eval().requires_grad_(False)
    return whole


class _Optimizers:
    """Both, as one to keep."""

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self._parts = parts

    def set_rate(self, factor: float) -> None:
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = _ADAM["lr"] * factor  # type: ignore[operator]

    def state_dict(self) -> dict[str, object]:
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, list[dict[str, object]]]) -> None:
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
