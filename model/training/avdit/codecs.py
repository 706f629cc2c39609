"""Stage 1: the codecs of picture and sound, on recordings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.runtime.checkpoint import fitting, read, save_training
from lightcone.model.training.avdit.budget import Budget, Point, run
from lightcone.model.training.avdit.pool import PicturePool
from lightcone.model.training.avdit.source import Source, TrainingError
from lightcone.model.training.codecs import edges, kl, seen_figures, spectral_loss
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group

PICTURE_SIGMA = 0.05  # of values in [-1, 1]: 32 dB
SOUND_NOISE = 0.06  # of the root mean square of the recordings' sound: 24 dB
PICTURES, SOUNDS = 12, 12  # of a batch
POOL = 5000  # groups of frames that are decoded for the codec
_FIT_GROUPS = 256
_CLIP_LATENTS = 24  # of sound, of a batch's row
_PICTURE_CLIP, _SOUND_CLIP = 300.0, 300.0  # of gradients
_MUON_LR, _ADAM_LR = 0.02, 2e-3


def train_picture(
    codec: VideoCodec, pool: PicturePool, path: Path, budget: Budget, seed: int, log: Path
) -> bool:
    """Train, or go on; returns False where it was stopped. Raises WeightsError, TrainingError."""
    codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = MuonAdam(codec, kernels(codec), _MUON_LR, _ADAM_LR, Group(alone=True))
    step, seconds = load(path, codec, optimizer)
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    if not step:
        codec.begin(pool.batch(_FIT_GROUPS // 4, generator)[0])

    def advance(point: Point) -> dict[str, float]:
        frames, weight = pool.batch(PICTURES, generator)
        loss, figures = picture_loss(codec, frames, weight)
        _update(codec, optimizer, loss, point, _PICTURE_CLIP)
        return {"loss": float(loss.detach()), **figures}

    def save(step: int, seconds: float) -> None:
        codec.eval()
        with torch.no_grad():
            fitted = torch.Generator().manual_seed(seed)
            codec.fit(codec.posterior(pool.batch(_FIT_GROUPS // 4, fitted)[0])[0])
        save_training(path, codec, optimizer, step, seconds=seconds)

    return run("picture codec", advance, save, budget, step=step, seconds=seconds, log=log)


def picture_loss(
    codec: VideoCodec, video: Tensor, weight: Tensor
) -> tuple[Tensor, dict[str, float]]:
    """Rate and distortion of (N, 3 frames, H, W)."""
    mu, logvar = codec.posterior(video)
    decoded = codec.decode_raw(mu + torch.randn_like(mu) * (0.5 * logvar).exp())
    error = decoded - video
    squared = (weight * error.square()).mean() / (2 * PICTURE_SIGMA**2)
    rate = kl(mu, logvar) / video.numel()
    loss = squared + (error.abs().mean() + edges(error, weight)) / (2 * PICTURE_SIGMA) + rate
    nats = float(rate.detach()) * video[0].numel()
    return loss, {**seen_figures(decoded, video), "nats": nats}


def train_sound(
    codec: SoundCodec, source: Source, path: Path, budget: Budget, seed: int, log: Path
) -> bool:
    """As `train_picture`, for worlds with sound."""
    optimizer = MuonAdam(codec, kernels(codec), _MUON_LR, _ADAM_LR, Group(alone=True))
    step, seconds = load(path, codec, optimizer)
    rng = np.random.default_rng((seed, step))
    length = _CLIP_LATENTS * codec.config.samples
    sounds = [s for e in source.episodes if (s := e.sound()) is not None and len(s) >= length]
    if not sounds:
        raise TrainingError(f"no episode has {length} samples of sound")
    share = np.array([len(s) for s in sounds], float)
    power = float(np.mean([np.square(s).mean() for s in sounds]))

    def batch(size: int) -> Tensor:
        """(B, samples), the louder half of twice as many."""
        taken = []
        for i in rng.choice(len(sounds), 2 * size, p=share / share.sum()):
            start = int(rng.integers(len(sounds[i]) - length + 1))
            taken.append(sounds[i][start : start + length])
        found = torch.from_numpy(np.stack(taken))
        return found[found.square().mean(1).topk(size).indices]

    def advance(point: Point) -> dict[str, float]:
        loss, figures = sound_loss(codec, batch(SOUNDS), SOUND_NOISE**2 * power)
        _update(codec, optimizer, loss, point, _SOUND_CLIP)
        return {"loss": float(loss.detach()), **figures}

    def save(step: int, seconds: float) -> None:
        with torch.no_grad():
            codec.fit(codec.posterior(batch(64))[0])
        save_training(path, codec, optimizer, step, seconds=seconds)

    return run("sound codec", advance, save, budget, step=step, seconds=seconds, log=log)


def sound_loss(
    codec: SoundCodec, sound: Tensor, variance: float
) -> tuple[Tensor, dict[str, float]]:
    """Rate and distortion of (B, samples), for a decoder of this variance."""
    mu, logvar = codec.posterior(sound)
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    decoded, _ = codec.decode_raw(z, codec.decoder_state(len(sound)))
    error = decoded - sound
    squared = error.square().mean() / (2 * variance)
    rate = kl(mu, logvar) / sound.numel()
    loss = squared + 2 * spectral_loss(decoded, sound) + rate
    ratio = sound.square().mean() / error.detach().square().mean()
    return loss, {"snr_db": 10 * math.log10(max(float(ratio), 1e-6))}


def _update(codec: nn.Module, optimizer: MuonAdam, loss: Tensor, point: Point, clip: float) -> None:
    optimizer.set_rate(point.rate)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(codec.parameters(), clip)
    optimizer.step()


def kernels(codec: nn.Module) -> list[nn.Parameter]:
    """What Muon trains: matrices and kernels of hidden layers."""
    hidden = ("first", "second", ".convs.") if isinstance(codec, SoundCodec) else ("",)
    return [
        p
        for name, p in codec.named_parameters()
        if p.ndim > 2 and any(part in name for part in hidden)
    ]


def load(path: Path, module: nn.Module, optimizer: Any) -> tuple[int, float]:
    """Steps and seconds so far; both 0 where there is no checkpoint. Raises WeightsError."""
    if not path.exists():
        return 0, 0.0
    saved = read(path)
    with fitting(path):
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        return int(saved["step"]), float(saved["seconds"])
