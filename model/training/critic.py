"""A critic for decoders of pictures, so that texture is drawn where the latents only say that there
is some: a squared error alone blurs what they leave open.

PatchGAN (Isola et al. 2017) with the hinge loss (Lim & Ye 2017) and its features as a distance
(Wang et al. 2018, "pix2pixHD"). It sees two groups of frames in a row at their full size, so that
grain has to move with what it is on. It has no place in the weights that are served.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ADAM: dict[str, Any] = {"lr": 4e-4, "betas": (0.5, 0.9)}
_WIDTH = 32


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

    def learn(self, made: Tensor, true: Tensor, optimizer: torch.optim.Optimizer) -> float:
        """One step of telling them apart; returns its loss."""
        loss = F.relu(1 - self(true)[0]).mean() + F.relu(1 + self(made.detach())[0]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def compare(self, made: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """For the decoder: how real they look, on average, and how far their features are from
        those of the truth. No gradient goes into the critic."""
        with torch.no_grad():
            seen = self(true)[1]
        self.requires_grad_(False)
        real, drawn = self(made)
        self.requires_grad_(True)
        far = [(a - b).abs().mean() for a, b in zip(seen, drawn, strict=True)]
        return real.mean(), torch.stack(far).sum()


class Optimizers:
    """Of the decoder and of its critic, as one to keep."""

    def __init__(self, decoder: list[nn.Parameter], critic: Critic) -> None:
        self.decoder = torch.optim.AdamW(decoder, **ADAM, weight_decay=0.0)
        self.critic = torch.optim.AdamW(critic.parameters(), **ADAM, weight_decay=0.0)

    def set_rate(self, factor: float) -> None:
        for part in (self.decoder, self.critic):
            for group in part.param_groups:
                group["lr"] = ADAM["lr"] * factor

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [self.decoder.state_dict(), self.critic.state_dict()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip((self.decoder, self.critic), state_dict["parts"], strict=True):
            part.load_state_dict(state)
