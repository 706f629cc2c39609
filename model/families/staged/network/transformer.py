"""The causal audio-video diffusion transformer.

One chunk is picture tokens, each covering one patch of the latent picture over all frames of the
chunk, and one sound token for each frame. Layers of kind "S" attend inside a
chunk, across space and modality; layers of kind "T" attend over time at one position: to the
sink (the first chunk), the last `window - 1` chunks and the chunk itself. Only T layers need a
cache. Its keys are stored without rotary embedding and get their positions when they are read,
sink 0, window 1 to `window`, so that hour three looks like minute one.

Convolutions around the blocks (`Stem`, `Head`) are given the cells of the previous chunk and of
the scene. What comes out is the clean latents (x-prediction; Li & He 2025, "Back to basics") and a
mask of where they replace those of the last frame, so that what stands still is copied
exactly. The noisy input is scaled by its noise level, so that pure noise becomes 0.
Every chunk has a noise level of its own (diffusion forcing, Chen et al. 2024). Conditioning is
AdaLN-single (PixArt-alpha, Chen et al. 2023): noise level, prompt, and the facts
(model/families/staged/network/stage.py), which is where actions come in.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.staged.network.cells import (
    Head,
    Stem,
    channels_last,
)
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.network.kv_cache import (
    Cache,
    Unrolled,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.runtime.attention import Plan, Planned, attend
from lightcone.model.runtime.layers import Block, rms_norm, rotary_tables, rotate, waves

_TAU_WAVES = 16


class Transformer(nn.Module):
    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.sound_in = nn.Linear(2 * c.sound_values, c.width)
        self.place = nn.Parameter(torch.randn(c.tokens, c.width) * 0.02)
        self.condition = nn.Sequential(
            nn.Linear(2 * _TAU_WAVES + c.width + c.text, c.width),
            nn.SiLU(),
            nn.Linear(c.width, c.width),
        )
        self.modulation = nn.Linear(c.width, 6 * c.width)
        self.stem = Stem(c)
        self.blocks = nn.ModuleList(TimedBlock(c.width, c.heads, kind) for kind in c.layers)
        self.final = nn.Linear(c.width, 2 * c.width)
        self.sound_out = nn.Linear(c.width, 2 * c.sound_values)
        self.head = Head(c)
        for layer in (self.modulation, self.final, self.sound_out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.sound_out.bias[c.sound_values :] = 2.0
        cos, sin = rotary_tables(torch.arange(c.window + 1), c.width // c.heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(
        self,
        picture: Tensor,
        sound: Tensor,
        last_picture: Tensor,
        last_sound: Tensor,
        tau: Tensor,
        scene: Scene,
        cache: Cache | Unrolled | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict the clean latents of C chunks.

        `picture` (B, C, depth, h, w) and `sound` (B, C, frames, sound_values) are
        `tau` * clean + (1 - tau) * noise, `last_*` the chunks before them, `tau` (B, C), `scene`
        the facts of them. Without a cache the C chunks are one sequence from the sink on,
        at most 1 + window long; with one, C is 1 and the chunk's keys are written to it.
        """
        c = self.config
        batch, chunks = picture.shape[:2]
        level = tau[:, :, None, None].to(picture.dtype)
        sounds = torch.cat([level * sound, last_sound], -1)
        pictures = torch.cat([level[..., None] * picture, last_picture], 2).flatten(0, 1)
        maps = channels_last(scene.maps)
        cells = self.stem(channels_last(pictures), maps)
        tokens = self.stem.tokens(cells).unflatten(0, (batch, chunks))
        x = torch.cat(
            [
                tokens + self.place[: c.picture_tokens],
                self.sound_in(sounds) + scene.sound + self.place[c.picture_tokens :],
            ],
            2,
        )  # (B, C, N, width)
        known = torch.cat([waves(tau, _TAU_WAVES).to(x.dtype), scene.condition, scene.text], -1)
        condition = F.silu(self.condition(known))
        modulation = self.modulation(condition)[:, :, None]  # (B, C, 1, 6 width)
        time = _Time(self, cache, x)
        for block in self.blocks:
            x = block(x, modulation, time)
        shift, scale = self.final(condition)[:, :, None].chunk(2, -1)
        x = rms_norm(x) * (1 + scale) + shift
        drawn = x[:, :, : c.picture_tokens].flatten(0, 1)
        new = self.head(cells, maps, drawn, scene.text.flatten(0, 1))
        new[:, : c.depth] += scene.surfaces
        newest = last_picture[:, :, -c.channels :].repeat(1, 1, c.frames, 1, 1)
        made = _compose(newest, new.unflatten(0, (batch, chunks)), 2)
        new_sound = self.sound_out(x[:, :, c.picture_tokens :])
        return made, _compose(last_sound[:, :, -1:], new_sound, -1) + scene.contacts


def _compose(known: Tensor, out: Tensor, dim: int) -> Tensor:
    """What is known where the mask is shut, what is new where it is open."""
    new, mask = out.to(known.dtype).chunk(2, dim)  # under autocast it is less precise
    return torch.lerp(known.expand_as(new), new, torch.sigmoid(mask))


class _Time:
    """What the T layers share in one forward: rotary tables, what is seen and whose turn it is."""

    def __init__(
        self,
        model: Transformer,
        cache: Cache | Unrolled | None,
        x: Tensor,
    ) -> None:
        """`x`: the tokens (B, C, N, width)."""
        chunks, rows = x.shape[1], x.shape[0] * x.shape[2]
        device, dtype = x.device, x.dtype
        self.cache = cache
        self.layer = 0
        self.planned: Planned | None
        if cache is None:
            position = torch.arange(chunks, device=device)
            self.query = self.key = (model.cos[position].to(dtype), model.sin[position].to(dtype))
            plan = Plan(chunks, chunks, (((0, chunks),),), causal=True, repeat=rows)
            self.planned = Planned(plan, self.query[0])
        elif isinstance(cache, Unrolled):
            at = cache.chunks
            self.query = model.cos[at].to(dtype), model.sin[at].to(dtype)
            self.key = model.cos[: at + 1].to(dtype), model.sin[: at + 1].to(dtype)
            self.planned = None
        else:
            now, slots = cache.now, cache.position
            shape = (-1, 1, 1, 1, model.cos.shape[1])
            self.query = (
                model.cos[now].view(shape).to(dtype),
                model.sin[now].view(shape).to(dtype),
            )
            shape = (len(now), 1, 1, slots.shape[1], model.cos.shape[1])
            self.key = (
                model.cos[slots].view(shape).to(dtype),
                model.sin[slots].view(shape).to(dtype),
            )
            self.planned = cache.planned


class TimedBlock(Block[_Time]):
    def _over_time(self, q: Tensor, k: Tensor, v: Tensor, time: _Time) -> Tensor:
        q, k, v = (t.permute(0, 2, 3, 1, 4) for t in (q, k, v))  # (B, N, H, C, D)
        if time.cache is not None:
            k, v = time.cache.write(time.layer, k, v)
            time.layer += 1
        batch = len(q)
        q, k = rotate(q, *time.query), rotate(k, *time.key)
        out = attend(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), time.planned)
        return out.unflatten(0, (batch, -1)).permute(0, 3, 1, 2, 4).flatten(3)
