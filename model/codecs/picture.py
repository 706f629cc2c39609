"""The autoencoder of pictures: a small convolutional VAE (Kingma & Welling 2013) with a fixed
decoder variance, so that what nobody would see costs rate and is dropped.

It works frame by frame and has no memory. What it draws may be larger than what it encodes: the
encoder sees pictures at CELL pixels a latent, the decoder may draw more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.codecs.cell import CELL
from lightcone.model.codecs.normalised import Normalised
from lightcone.model.interface import UnsupportedSetting

_PIXELS = 3 * CELL**2
_FIRST_LOGVAR = -7.5


@dataclass(frozen=True)
class PictureCodecConfig:
    channels: int = 12
    wide: int = 64  # width of the decoder
    blocks: int = 3
    pixels: int = CELL  # of a latent along each side, in the pictures that are decoded

    def __post_init__(self) -> None:
        if self.pixels < CELL or self.pixels % CELL:
            raise UnsupportedSetting(
                f"a latent is drawn with a multiple of {CELL} pixels, not {self.pixels}"
            )


class Residual2d(nn.Module):
    """x + conv(silu(conv(silu(x)))), the identity when fresh."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.silu(self.first(F.silu(x))))
        return out


class PictureCodec(Normalised):
    """Pictures (N, 3, H, W) in [-1, 1] <-> latents (N, channels, H / pixels, W / pixels).

    The encoder is one linear convolution. What moves in the picture therefore moves in the
    latents, in the same way before any scenery, and a small error of the latents is a small
    error of the picture. The decoder adds to a linear one what worlds look like.
    """

    def __init__(self, config: PictureCodecConfig) -> None:
        super().__init__(config.channels)
        self.config = config
        c = config
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(CELL), nn.Conv2d(_PIXELS, 2 * c.channels, 3, padding=1)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(c.channels, c.wide, 3, padding=1),
            *[Residual2d(c.wide) for _ in range(c.blocks)],
            nn.Conv2d(c.wide, 3 * c.pixels**2, 3, padding=1),
        )
        self.decode_plainly = nn.Conv2d(c.channels, 3 * c.pixels**2, 1)

    @torch.no_grad()
    def begin(self, pictures: Tensor) -> None:
        """Start at the principal components of the cells of some pictures, the best linear code,
        from which training goes on. Only of a codec that draws what it encodes."""
        cells = F.pixel_unshuffle(pictures, CELL).transpose(0, 1).flatten(1)  # (48, cells)
        middle = cells.mean(1)
        basis = torch.linalg.svd((cells - middle[:, None]).cov())[0][:, : self.config.channels]
        encode = self.encoder[1]
        assert isinstance(encode, nn.Conv2d)
        for layer in (encode, self.decoder[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        encode.weight[: self.config.channels, :, 1, 1] = basis.T
        encode.bias[: self.config.channels] = -basis.T @ middle  # type: ignore[index]
        encode.bias[self.config.channels :] = _FIRST_LOGVAR  # type: ignore[index]
        self.decode_plainly.weight[:, :, 0, 0] = basis
        self.decode_plainly.bias.copy_(middle)  # type: ignore[union-attr]

    def posterior(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the raw latents."""
        picture = F.avg_pool2d(picture, self.config.pixels // CELL)
        mu, logvar = self.encoder(picture).chunk(2, 1)
        return mu, logvar.clamp(-12, 4)

    def decode_raw(self, z: Tensor) -> Tensor:
        return F.pixel_shuffle(self.decoder(z) + self.decode_plainly(z), self.config.pixels)

    def encode(self, frames: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> normalised latents (N, channels, H / pixels, W / pixels)."""
        mu, _ = self.posterior(to_signed(frames, self.mean.dtype))
        return self.normalise(mu)

    def decode(self, latents: Tensor) -> Tensor:
        """Normalised latents -> (N, 3, H, W) uint8."""
        picture = self.decode_raw(self.restore(latents))
        return ((picture + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)


def to_signed(frames: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 RGB -> [-1, 1]."""
    return frames.to(dtype) / 127.5 - 1
