"""Training of the picture and the sound codec on fresh simulated clips.

`python -m lightcone.model.training.codecs picture --out runs/worlds` (or `sound`); stops on
Ctrl-C, resumes from its checkpoint.
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import torch
from torch import Tensor, nn

from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig, to_signed
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.families.staged.network.config import PictureSize
from lightcone.model.interface import ModelError
from lightcone.model.runtime.checkpoint import (
    load_training,
    read,
    save_training,
)
from lightcone.model.simulators.catalogue import SIMULATED, Simulator, open_simulator
from lightcone.model.training import loop
from lightcone.model.training.muon import MuonAdam
from lightcone.model.training.parallel import Group
from lightcone.model.training.trained import (
    codec_path,
    decoder_path,
)

PICTURE_SIGMA = 0.024  # of values in [-1, 1]: 38.4 dB
SOUND_SIGMA = 0.0025
WORLDS, CLIP_FRAMES = 96, 60  # simulated at a time


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Kullback-Leibler divergence from the unit normal, summed, in nats."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()


class Pool:
    """Simulated worlds to draw batches from, those of one kind renewed after every `uses`
    batches: physics costs the same for many worlds as for one."""

    def __init__(
        self,
        generator: torch.Generator,
        device: torch.device,
        size: PictureSize,
        uses: int = 90,
    ) -> None:
        self.generator, self.device, self._size, self._uses = generator, device, size, uses
        self._used = 0
        self._simulators = [open_simulator(name) for name in SIMULATED]
        self._worlds = [self._simulate(s) for s in self._simulators]

    def _simulate(self, simulator: Simulator) -> Any:
        return simulator.random_trajectories(
            WORLDS, CLIP_FRAMES, self.generator, self.device, skip=8
        )

    def _draw(self) -> list[Any]:
        self._used += 1
        kinds = len(self._simulators)
        if self._used % (self._uses // kinds) == 0:
            renewed = self._used // (self._uses // kinds) % kinds
            self._worlds[renewed] = self._simulate(self._simulators[renewed])
        return self._worlds

    def _integers(self, below: int, count: int) -> Tensor:
        return torch.randint(below, (count,), generator=self.generator).to(self.device)

    def pictures(self, batch: int) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, H, W) in [-1, 1] and the weight of their pixels (N, 1, H, W), 1 on
        average: what has just moved counts more, since it is small. As many of each world."""
        pairs = []
        for simulator, worlds in zip(self._simulators, self._draw(), strict=True):
            count = -(-batch // len(self._simulators))
            frame = self._integers(CLIP_FRAMES - 1, count)[:, None]
            at = self._integers(WORLDS, count)[:, None], torch.cat([frame, frame + 1], 1)
            pairs.append(to_signed(simulator.render(worlds.states[at], self._size)))
        before, frames = torch.cat(pairs).unbind(1)
        moving = ((frames - before).abs().amax(1, keepdim=True) > 0.06).float()
        weight = 1 + 3 * moving
        weight = weight / weight.mean((1, 2, 3), keepdim=True)
        return frames.contiguous(memory_format=torch.channels_last), weight

    def sounds(self, batch: int) -> Tensor:
        """One second of sound of each of about `batch` worlds, (B, 24000); busy ones preferred.
        As many of each world."""
        sounds = []
        for simulator, worlds in zip(self._simulators, self._draw(), strict=True):
            count = -(-batch // len(self._simulators))
            start = int(self._integers(CLIP_FRAMES - 24, 1))
            candidates = worlds[self._integers(WORLDS, 2 * count), start : start + 24]
            busy = candidates.strength.sum((1, 2))
            sounds.append(simulator.listen(candidates[busy.topk(count).indices]))
        return torch.cat(sounds)


def picture_loss(
    codec: PictureCodec, batch: tuple[Tensor, Tensor]
) -> tuple[Tensor, dict[str, float]]:
    frames, weight = batch
    mu, logvar = codec.posterior(frames)
    decoded = codec.decode_raw(mu + torch.randn_like(mu) * (0.5 * logvar).exp())
    error = decoded - frames
    squared = (weight * error.square()).mean() / (2 * PICTURE_SIGMA**2)
    absolute = (weight * error.abs()).mean()
    rate = kl(mu, logvar) / frames.numel()
    loss = squared + (absolute + edges(error, weight)) / PICTURE_SIGMA + rate
    psnr = -10 * math.log10(float((error.detach().clamp(-2, 2) / 2).square().mean()))
    return loss, {"psnr_db": psnr, "nats": float(rate.detach()) * frames[0].numel()}


def edges(error: Tensor, weight: Tensor) -> Tensor:
    """The mean step of errors (..., H, W) from a pixel to the next, across and down, by the weights
    of pixels: an edge in the wrong place, or none."""
    across = weight[..., 1:] * error.diff(dim=-1).abs()
    down = weight[..., 1:, :] * error.diff(dim=-2).abs()
    return across.mean() + down.mean()


@torch.no_grad()
def seen_figures(decoded: Tensor, video: Tensor) -> dict[str, float]:
    """What is seen of decoded groups of frames (N, 3 frames, H, W) in [-1, 1]: the mean PSNR,
    and the energy of sideways differences over the truth's."""
    error = (decoded - video).clamp(-2, 2) / 2
    each = error.square().mean((1, 2, 3)).clamp_min(1e-8)
    sharp = decoded.diff(dim=-1).square().mean() / video.diff(dim=-1).square().mean()
    return {"psnr_db": float((-10 * each.log10()).mean()), "sharpness": float(sharp)}


def spectral_loss(a: Tensor, b: Tensor) -> Tensor:
    """Distance of compressed magnitudes at three resolutions (Yamamoto et al. 2019)."""
    total = torch.zeros((), device=a.device)
    for size in (256, 1024):
        window = torch.hann_window(size, device=a.device)
        pair = (
            torch.stft(torch.cat([a, b]), size, size // 2, window=window, return_complex=True)
            .abs()
            .clamp_min(1e-5)
            ** 0.4
        )
        x, y = pair.chunk(2)
        total = total + (x - y).abs().mean()
    return total


def sound_loss(codec: SoundCodec, sound: Tensor) -> tuple[Tensor, dict[str, float]]:
    mu, logvar = codec.posterior(sound)
    z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
    decoded, _ = codec.decode_raw(z, codec.decoder_state(len(sound)))
    error = decoded - sound
    squared = error.square().mean() / (2 * SOUND_SIGMA**2)
    rate = kl(mu, logvar) / sound.numel()
    loss = squared + 2 * spectral_loss(decoded, sound) + rate
    ratio = sound.square().mean() / error.detach().square().mean()
    return loss, {"snr_db": 10 * math.log10(float(ratio)), "nats/s": float(rate.detach()) * 24000}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lightcone.model.training.codecs", description=__doc__
    )
    parser.add_argument("which", choices=("picture", "sound"))
    loop.arguments(parser, steps=1500, batch=15, adam_lr=2e-3, muon_lr=0.02)
    loop.picture_argument(parser)
    parser.add_argument(
        "--decoder-only",
        action="store_true",
        help="go on with the sound decoder of a trained codec; its latents, and so the "
        "transformer, stay (the picture's: python -m lightcone.model.training.decoder)",
    )
    args = parser.parse_args(argv)
    if args.decoder_only and args.which == "picture":
        parser.error("the picture's decoder: python -m lightcone.model.training.decoder")
    try:
        train(args)
    except ModelError as error:
        parser.exit(1, f"train_codecs: {error}\n")
    return 0


def train(args: argparse.Namespace) -> None:
    """Train one codec in its folder. Raises ModelError."""
    device = loop.prepare(args)
    codec: PictureCodec | SoundCodec
    if args.which == "picture":
        codec = PictureCodec(PictureCodecConfig())
        codec.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        codec = SoundCodec(SoundCodecConfig())
    codec.to(device)
    path = codec_path(args.out, args.which)
    if args.decoder_only:
        codec.load_state_dict(read(path)["module"])
        for name, parameter in codec.named_parameters():
            parameter.requires_grad_(name.startswith(("decode", "from_latent", "up_", "patch_out")))
        path = decoder_path(args.out, args.which)
    optimizer = MuonAdam(codec, kernels(codec), args.muon_lr, args.adam_lr, Group())
    step = load_training(path, codec, optimizer)
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
    pool = Pool(generator, device, PictureSize(args.height))
    if isinstance(codec, PictureCodec) and not step:
        codec.begin(pool.pictures(90)[0])

    def advance(step: int) -> dict[str, float]:
        warm = min(1.0, (step + 1) / 100)
        decay = 0.5 * (1 + math.cos(math.pi * step / args.steps))
        optimizer.set_rate(warm * (0.02 + 0.98 * decay))
        if isinstance(codec, PictureCodec):
            loss, figures = picture_loss(codec, pool.pictures(args.batch))
        else:
            loss, figures = sound_loss(codec, pool.sounds(args.batch))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(codec.parameters(), 300.0)
        optimizer.step()
        return {"loss": float(loss.detach()), **figures}

    def save(step: int) -> None:
        save_training(path, codec, optimizer, step)

    step = loop.run(advance, save, step=step, steps=args.steps)
    if not args.decoder_only:
        fit_normalisation(codec, pool)
        save(step)


def kernels(codec: nn.Module) -> list[nn.Parameter]:
    """What Muon trains: every kernel of the picture codec (its linear encoder gains 2.5 dB by
    it), the residual stacks of the sound codec. AdamW trains the rest."""
    everything = isinstance(codec, PictureCodec)
    return [
        p
        for name, p in codec.named_parameters()
        if p.requires_grad
        and name.endswith("weight")
        and (everything or "first" in name or "second" in name or ".convs." in name)
    ]


@torch.no_grad()
def fit_normalisation(codec: nn.Module, pool: Pool) -> None:
    if isinstance(codec, PictureCodec):
        codec.fit(codec.posterior(pool.pictures(240)[0])[0])
    elif isinstance(codec, SoundCodec):
        codec.fit(codec.posterior(pool.sounds(120))[0])


if __name__ == "__main__":
    raise SystemExit(main())
