"""Convolutions around the transformer's blocks: they see what is smaller than a token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.config import AvditConfig

_REACH = 4.0  # latents that the flow may span; 32 pixels


class Stem(nn.Module):
    """Noisy latent pictures and the last known one -> features and tokens."""

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._patch = c.patch
        self.features = nn.Conv2d(c.depth + c.channels, c.detail, 3, padding=1)
        self.mix = nn.Conv2d(c.detail, c.detail, 3, padding=1)
        self.tokens = nn.Linear((c.detail + c.channels) * c.patch**2, c.width)

    def forward(self, noisy: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, depth, h, w) and (B, C, channels, h, w) -> features (B C, detail, h, w) and
        tokens (B, C, N, width)."""
        lead = noisy.shape[:2]
        x = torch.cat([noisy, last], 2).flatten(0, 1)
        features = F.silu(self.features(x))
        features = features + self.mix(features)
        cells = torch.cat([features, last.flatten(0, 1)], 1)
        patches = F.pixel_unshuffle(cells, self._patch).flatten(2).transpose(1, 2)
        return features, self.tokens(patches).unflatten(0, lead)


class Head(nn.Module):
    """Tokens -> latent pictures: the last known one moved by a flow, where it is still seen, and
    what is new."""

    def __init__(self, c: AvditConfig) -> None:
        super().__init__()
        self._config = c
        self.cells = nn.Linear(c.width, c.detail * c.patch**2)
        self.first = nn.Conv2d(2 * c.detail, c.detail, 3, padding=1)
        self.flow = nn.Conv2d(c.detail, 3 * c.latents, 3, padding=1)  # (x, y, gate) of each
        self.second = nn.Conv2d(c.detail + c.depth, c.detail, 3, padding=1)
        self.new = nn.Conv2d(c.detail, c.depth, 3, padding=1)
        for layer in (self.flow, self.new):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.flow.bias[2 * c.latents :] = 2.0  # type: ignore[index]

    def forward(self, tokens: Tensor, features: Tensor, last: Tensor) -> Tensor:
        """(B, C, N, width), (B C, detail, h, w), (B, C, channels, h, w) to (B, C, depth, h, w)."""
        c = self._config
        patches = self.cells(tokens).flatten(0, 1).transpose(1, 2)  # (B C, detail p p, N)
        drawn = patches.unflatten(2, (c.rows // c.patch, c.columns // c.patch))
        cells = torch.cat([F.pixel_shuffle(drawn, c.patch), features], 1)
        hidden = F.silu(self.first(cells))
        flow = self.flow(hidden)
        moved = warp(last.flatten(0, 1), flow[:, : 2 * c.latents])  # (B C, depth, h, w)
        gate = torch.sigmoid(flow[:, 2 * c.latents :]).repeat_interleave(c.channels, 1)
        kept = gate * moved
        hidden = hidden + F.silu(self.second(torch.cat([hidden, kept], 1)))
        return (kept + self.new(hidden)).unflatten(0, tokens.shape[:2])


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """(N, channels, h, w) seen from where each of K flows (N, 2 K, h, w) points, in latents within
    +-_REACH: (N, K channels, h, w)."""
    n, channels, h, w = picture.shape
    many = flow.shape[1] // 2
    step = _REACH * torch.tanh(flow.float() / _REACH).reshape(n * many, 2, h, w)
    y, x = torch.meshgrid(
        torch.arange(h, device=flow.device), torch.arange(w, device=flow.device), indexing="ij"
    )
    at = torch.stack([(x + step[:, 0]) * (2 / (w - 1)), (y + step[:, 1]) * (2 / (h - 1))], -1) - 1
    copies = picture.float()[:, None].expand(-1, many, -1, -1, -1).flatten(0, 1)
    seen = F.grid_sample(copies, at, padding_mode="border", align_corners=True)
    return seen.reshape(n, many * channels, h, w).to(picture.dtype)
