"""Convolutions around the transformer's blocks: they see what is smaller than a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig

_LITTLE = 0.2  # of chance, at first


class Stem(nn.Module):
    """Noisy latent pictures and the last known one -> features and tokens."""

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._patch = c.patch
        self.features = nn.Conv2d(c.depth + c.channels, c.detail, 3, padding=1)
        self.mix = nn.Conv2d(c.detail, c.detail, 3, padding=1)
        self.tokens = nn.Linear((c.detail + c.channels) * c.patch**2, c.width)
        self.chance = None
        if c.chance:
            self.chance = nn.Conv2d(c.depth, c.detail, 3, padding=1, bias=False)
            with torch.no_grad():
                self.chance.weight.mul_(_LITTLE)

    def forward(self, noisy: Tensor, last: Tensor, pure: Tensor) -> tuple[Tensor, Tensor]:
        """Latents as far as they are known, those that are `pure` noise, 0 where a chunk is not,
        both (B, C, depth, h, w), and (B, C, channels, h, w) -> features (B C, detail, h, w) and
        tokens (B, C, N, width)."""
        lead = noisy.shape[:2]
        features = self.features(torch.cat([noisy, last], 2).flatten(0, 1))
        if self.chance is not None:
            features = features + self.chance(pure.flatten(0, 1))
        features = F.silu(features)
        features = features + self.mix(features)
        cells = torch.cat([features, last.flatten(0, 1)], 1)
        patches = F.pixel_unshuffle(cells, self._patch).flatten(2).transpose(1, 2)
        return features, self.tokens(patches).unflatten(0, lead)


class Head(nn.Module):
    """Tokens -> latent pictures: the one before each, moved, and what is new. Scenery, where there
    is any, is subtracted before and added after: only the residual is moved, so what scenery knows
    is as sharp after a turn as before it. A little of the residual is lost with each chunk, so that
    errors do not add up in a long run: a wrong colour is gone after a window.

    A latent stands for 8x8 pixels or more, so a picture that moves by 3 is no moved picture of
    latents. But what becomes of the latents is largely linear in them, for each motion. The head
    has a few such linear operators, learned kernels, and mixes them for each cell. Where the camera
    is known, `turning.py` moves the residual as the camera turned, and the operators move what
    moves by itself; of what is fixed to the screen, the residual that was not turned is taken.
    """

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._config = c
        self.cells = nn.Linear(c.width, c.detail * c.patch**2)
        turned = c.depth if c.turning else 0
        self.first = nn.Conv2d(2 * c.detail + turned, c.detail, 3, padding=1)
        mixed = c.operators + bool(c.turning)
        self.mixture = nn.Conv2d(c.detail, c.latents * mixed, 3, padding=1)
        around = (1, c.reach)  # most motion is sideways
        kernel = (3, 2 * c.reach + 1)
        self.operators = nn.Conv2d(
            c.channels, c.operators * c.channels, kernel, padding=around, bias=False
        )
        self.second = nn.ModuleList(
            nn.Conv2d(c.detail + c.channels, c.detail, 3, padding=1) for _ in range(c.latents)
        )
        self.new = nn.ModuleList(
            nn.Conv2d(c.detail, c.channels, 3, padding=1) for _ in range(c.latents)
        )
        for layer in (self.mixture, *self.new):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():  # the first operator moves nothing, and is all that is used
            self.operators.weight[: c.channels] = 0.0
            middle = self.operators.weight[: c.channels, :, around[0], around[1]]
            middle.fill_diagonal_(1.0)
            self.mixture.bias[::mixed] = 1.0  # type: ignore[index]

    def forward(
        self,
        tokens: Tensor,
        features: Tensor,
        last: Tensor,
        drawn: Tensor | None = None,
        turned: Tensor | None = None,
    ) -> Tensor:
        """(B, C, N, width), (B C, detail, h, w), (B, C, channels, h, w) and, where there is
        scenery, that of the last picture and of each next one, (B, C, 1 + latents, channels, h, w),
        and the residual of the last picture as the camera turned it for each next one, (B C,
        latents, channels, h, w), to (B, C, depth, h, w)."""
        c = self._config
        patches = self.cells(tokens).flatten(0, 1).transpose(1, 2)  # (B C, detail p p, N)
        patched = patches.unflatten(2, (c.rows // c.patch, c.columns // c.patch))
        seen = [F.pixel_shuffle(patched, c.patch), features]
        if turned is not None:
            turned = turned * c.residual_kept
            seen.append(turned.flatten(1, 2))
        hidden = F.silu(self.first(torch.cat(seen, 1)))
        mixture = self.mixture(hidden).unflatten(1, (c.latents, -1, 1))
        picture, pictures = last.flatten(0, 1), []  # (B C, channels, h, w)
        for i, (second, new) in enumerate(zip(self.second, self.new, strict=True)):
            residual = picture
            if turned is not None:
                residual = turned[:, i]
            elif drawn is not None:
                residual = picture - drawn[:, :, i].flatten(0, 1)
                residual = residual * (c.residual_kept if i == 0 else 1.0)
            each = self.operators(residual).unflatten(1, (c.operators, c.channels))
            moved = (mixture[:, i, : c.operators] * each).sum(1)
            if turned is not None and drawn is not None:
                unmoved = (last - drawn[:, :, 0]).flatten(0, 1)
                moved = moved + mixture[:, i, c.operators] * unmoved
            if drawn is not None:
                moved = moved + drawn[:, :, i + 1].flatten(0, 1)
            more = hidden + F.silu(second(torch.cat([hidden, moved], 1)))
            picture = moved + new(more)
            pictures.append(picture)
        return torch.cat(pictures, 1).unflatten(0, tokens.shape[:2])
