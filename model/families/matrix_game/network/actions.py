"""Action blocks: how keys and mouse of each frame come into the tokens of a latent.

The mouse's moves are joined to each token, which then attends over time to its own place; a token
asks for the keys, which are the same for all places. Each has a cache of its own (Matrix-Game 2,
after GameFactory, arXiv 2501.08325). Modules have the names of the published checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.matrix_game.network.config import MatrixGameConfig

_EPSILON = 1e-6


class OverTime(Protocol):
    """What attends to the latents of a window."""

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries (B, S, H, F, D), keys and values (B, P, H, F, D) of the pass, P either S places
        or one for all, without rotary embedding -> (B, S, H, F, D)."""
        ...


@dataclass(frozen=True)
class Actions:
    """Of a pass: what its latents see of keys (B, F, frames_seen, keys) and mouse, and where these
    look for the past."""

    keys: Tensor
    mouse: Tensor
    over_keys: OverTime
    over_mouse: OverTime


class HeadNorm(nn.Module):
    """RMS norm of each head."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self.weight, _EPSILON)


class ActionModel(nn.Module):
    def __init__(self, c: MatrixGameConfig) -> None:
        super().__init__()
        self.heads = c.action_heads
        width, seen = c.action_width, c.frames_seen
        self.keyboard_embed = nn.Sequential(
            nn.Linear(c.keys, c.key_width), nn.SiLU(), nn.Linear(c.key_width, c.key_width)
        )
        self.mouse_mlp = nn.Sequential(
            nn.Linear(c.width + seen * c.mouse, width),
            nn.GELU("tanh"),
            nn.Linear(width, width),
            nn.LayerNorm(width),
        )
        self.t_qkv = nn.Linear(width, 3 * width, bias=False)
        self.img_attn_q_norm = HeadNorm(c.action_size)
        self.img_attn_k_norm = HeadNorm(c.action_size)
        self.proj_mouse = nn.Linear(width, c.width, bias=False)
        self.key_attn_q_norm = HeadNorm(c.action_size)
        self.key_attn_k_norm = HeadNorm(c.action_size)
        self.mouse_attn_q = nn.Linear(c.width, width, bias=False)
        self.keyboard_attn_kv = nn.Linear(seen * c.key_width, 2 * width, bias=False)
        self.proj_keyboard = nn.Linear(width, c.width, bias=False)

    def forward(self, x: Tensor, actions: Actions, layer: int) -> Tensor:
        """(B, F, tokens, width)."""
        x = x + self._moved(x, actions, layer)
        return x + self._pressed(x, actions, layer)

    def _moved(self, x: Tensor, actions: Actions, layer: int) -> Tensor:
        moves = actions.mouse.flatten(2)[:, :, None].expand(-1, -1, x.shape[2], -1)
        qkv = self.t_qkv(self.mouse_mlp(torch.cat([x, moves], -1)))
        q, k, v = (self._split(part) for part in qkv.chunk(3, -1))
        q, k = self.img_attn_q_norm(q), self.img_attn_k_norm(k)
        out: Tensor = self.proj_mouse(_joined(actions.over_mouse.attend(layer, q, k, v)))
        return out

    def _pressed(self, x: Tensor, actions: Actions, layer: int) -> Tensor:
        held = self.keyboard_embed(actions.keys).flatten(2)[:, :, None]  # (B, F, 1, seen * K)
        k, v = (self._split(part) for part in self.keyboard_attn_kv(held).chunk(2, -1))
        q = self.key_attn_q_norm(self._split(self.mouse_attn_q(x)))
        k = self.key_attn_k_norm(k)
        out: Tensor = self.proj_keyboard(_joined(actions.over_keys.attend(layer, q, k, v)))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """(B, F, S, width) -> (B, S, H, F, D)."""
        return x.unflatten(-1, (self.heads, -1)).permute(0, 2, 3, 1, 4)


def _joined(x: Tensor) -> Tensor:
    """(B, S, H, F, D) -> (B, F, S, width)."""
    return x.permute(0, 3, 1, 2, 4).flatten(3)
