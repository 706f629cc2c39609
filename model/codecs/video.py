"""The autoencoder of short groups of frames: a convolutional VAE (Kingma & Welling 2013) with a
fixed decoder variance, so that what nobody would see costs rate and is dropped.

One latent picture stands for `frames` frames of the video, 8 x down in space. It has no memory:
any latent can be decoded without its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.normalised import Normalised
from lightcone.model.codecs.picture import Residual2d, to_signed

DOWN = 8  # pixels of a latent, along each side
_HALF = 4  # pixels of a cell of the encoder's first half
_FIRST_LOGVAR = -6.0


@dataclass(frozen=True)
class VideoCodecConfig:
    frames: int = 2  # of one latent
    channels: int = 16
    encoder: int = 40  # width at a quarter of the picture's size; twice that at an eighth
    decoder: int = 96
    blocks: int = 2  # of the decoder

    @property
    def pixels(self) -> int:
        """Values of one latent's pixels."""
        return 3 * self.frames * DOWN**2


class VideoCodec(Normalised):
    """Groups of frames (N, 3 frames, H, W) in [-1, 1], the colours of a frame together, <->
    latents (N, channels, H / 8, W / 8). H and W are multiples of 8."""

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
            nn.Conv2d(c.decoder, c.pixels, 1),  # its inputs have seen their neighbours
        )
        self.encode_plainly = nn.Conv2d(c.pixels, 2 * c.channels, 1)
        self.decode_plainly = nn.Conv2d(c.channels, c.pixels, 1)
        for layer in (self.encoder[-1], self.decoder[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    @torch.no_grad()
    def begin(self, video: Tensor) -> None:
        """Start at the principal components of the cells of some frames, the best linear code,
        from which training goes on."""
        c = self.config.channels
        cells = F.pixel_unshuffle(video, DOWN).transpose(0, 1).flatten(1)  # (pixels, cells)
        middle = cells.mean(1)
        basis = torch.linalg.svd((cells - middle[:, None]).cov())[0][:, :c]
        encode, decode = self.encode_plainly, self.decode_plainly
        for layer in (encode, decode):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        encode.weight[:c, :, 0, 0] = basis.T
        encode.bias[:c] = -basis.T @ middle  # type: ignore[index]
        encode.bias[c:] = _FIRST_LOGVAR  # type: ignore[index]
        decode.weight[:, :, 0, 0] = basis
        decode.bias.copy_(middle)  # type: ignore[union-attr]

    def posterior(self, video: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        plain = self.encode_plainly(F.pixel_unshuffle(video, DOWN))
        mu, logvar = (plain + self.encoder(video)).chunk(2, 1)
        return mu, logvar.clamp(-12, 4)

    def decode_raw(self, z: Tensor) -> Tensor:
        return F.pixel_shuffle(self.decoder(z) + self.decode_plainly(z), DOWN)

    def encode(self, frames: Tensor) -> Tensor:
        """uint8 (N, frames, 3, H, W) -> normalised latents (N, channels, H / 8, W / 8)."""
        return self.normalise(self.posterior(to_signed(frames.flatten(1, 2), self.mean.dtype))[0])

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents -> uint8 (N, frames, 3, H, W)."""
        video = self.decode_raw(self.restore(latents)).unflatten(1, (self.config.frames, 3))
        return ((video + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)
