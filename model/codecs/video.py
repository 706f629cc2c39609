"""The autoencoder of short groups of frames: a convolutional VAE (Kingma & Welling 2013) with a
fixed decoder variance, so that what nobody would see costs rate and is dropped.

One latent picture stands for `frames` frames of the video, 8 x down in space. It has no memory:
any latent can be decoded without its neighbours.

With `fine` 2 the encoder sees pictures of half the size, by area, and the decoder draws them at
their full size, 16 x up: grain, which nobody can predict, is no part of the latents.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.normalised import Normalised
from lightcone.model.codecs.picture import Residual2d, to_signed

DOWN = 8  # pixels of a latent, along each side, of the picture that is encoded
_HALF = 4  # pixels of a cell of the encoder's first half
_FIRST_LOGVAR = -6.0


@dataclass(frozen=True)
class VideoCodecConfig:
    frames: int = 2  # of one latent
    channels: int = 16
    encoder: int = 48  # width at a quarter of the picture's size; twice that at an eighth
    decoder: int = 80
    blocks: int = 2  # of the decoder
    fine: int = 1  # size of the picture that is drawn over that of the one that is encoded

    @property
    def down(self) -> int:
        """Pixels of a latent along each side of the video."""
        return DOWN * self.fine

    @property
    def seen(self) -> int:
        """Values of one latent that are encoded."""
        return 3 * self.frames * DOWN**2

    @property
    def drawn(self) -> int:
        """Values of one latent's pixels."""
        return 3 * self.frames * self.down**2


class VideoCodec(Normalised):
    """Groups of frames (N, 3 frames, H, W) in [-1, 1], the colours of a frame together, <->
    latents (N, channels, H / down, W / down). H and W are multiples of `down`."""

    def __init__(self, config: VideoCodecConfig) -> None:
        super().__init__(config.channels)
        c = self.config = config
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(_HALF),
            nn.Conv2d(3 * c.frames * _HALF**2, c.encoder, 3, padding=1),
            Residual2d(c.encoder),
            nn.PixelUnshuffle(DOWN // _HALF),
            nn.Conv2d(4 * c.encoder, 2 * c.encoder, 1),
            Residual2d(2 * c.encoder),
            nn.Conv2d(2 * c.encoder, 2 * c.channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(c.channels, c.decoder, 3, padding=1),
            *[Residual2d(c.decoder) for _ in range(c.blocks)],
            nn.SiLU(),
            nn.Conv2d(c.decoder, c.drawn, 1),  # its inputs have seen their neighbours
        )
        self.encode_plainly = nn.Conv2d(c.seen, 2 * c.channels, 1)
        self.decode_plainly = nn.Conv2d(c.channels, c.drawn, 1)
        for layer in (self.encoder[-1], self.decoder[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def begin(self, video: Tensor) -> None:
        """Start at the principal components of the cells of some frames, the best linear code,
        from which training goes on."""
        c = self.config.channels
        cells = _cells(self._seen(video), DOWN)  # (seen, cells)
        middle = cells.mean(1)
        basis = torch.linalg.svd((cells - middle[:, None]).cov())[0][:, :c]
        code = basis.T @ (cells - middle[:, None])  # (channels, cells), uncorrelated
        pixels = _cells(video, self.config.down)  # (drawn, cells)
        centre = pixels.mean(1)
        back = (pixels - centre[:, None]) @ code.T / code.square().sum(1).clamp_min(1e-6)
        encode, decode = self.encode_plainly, self.decode_plainly
        for layer in (encode, decode):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        encode.weight[:c, :, 0, 0] = basis.T
        encode.bias[:c] = -basis.T @ middle  # type: ignore[index]
        encode.bias[c:] = _FIRST_LOGVAR  # type: ignore[index]
        decode.weight[:, :, 0, 0] = back
        decode.bias.copy_(centre)  # type: ignore[union-attr]

    def _seen(self, video: Tensor) -> Tensor:
        return video if self.config.fine == 1 else F.avg_pool2d(video, self.config.fine)

    def posterior(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        seen = self._seen(video)
        plain = self.encode_plainly(F.pixel_unshuffle(seen, DOWN))
        mu, logvar = (plain + self.encoder(seen)).chunk(2, 1)
        return mu, logvar.clamp(-12, 4)

    def decode_raw(self, z: Tensor) -> Tensor:
        return F.pixel_shuffle(self.decoder(z) + self.decode_plainly(z), self.config.down)

    def encode(self, frames: Tensor) -> Tensor:
        """uint8 (N, frames, 3, H, W) -> normalised latents (N, channels, H / down, W / down)."""
        return self.normalise(self.posterior(to_signed(frames.flatten(1, 2), self.mean.dtype))[0])

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents -> uint8 (N, frames, 3, H, W)."""
        video = self.decode_raw(self.restore(latents)).unflatten(1, (self.config.frames, 3))
        return ((video + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)


def _cells(video: Tensor, size: int) -> Tensor:
    """(N, C, H, W) as cells of size x size: (C size size, cells)."""
    return F.pixel_unshuffle(video, size).transpose(0, 1).flatten(1)
