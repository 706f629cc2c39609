"""The causal audio-video diffusion transformer.

One pass takes chunks of noisy latents, each at a noise level of its own (diffusion forcing, Chen
et al. 2024), and predicts the clean ones (x-prediction: a token is too narrow to carry its noise,
Li & He 2025, "Back to basics").
A chunk is tokens of picture patches, of sound latents, of numbers, and of the actions of each
frame, which all others attend to. Actions also come by AdaLN-single (Chen et al. 2023), with noise
level and text. Every chunk is given the end of the chunk before it. The head subtracts the scenery
of its numbers from its last picture, moves what is left, and adds the scenery of the new numbers,
and what is new.

T layers attend over time: to the sink (the first chunk), the last `window` chunks and the chunk
itself. Keys are cached without rotary embedding and get their positions when they are read, so
that hour three looks like minute one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightcone.model.families.avdit.network.cache import Cache
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.detail import Head, Stem
from lightcone.model.families.avdit.network.latents import Latents, spread
from lightcone.model.families.avdit.network.scenery import Scenery, advanced, angles_of
from lightcone.model.families.avdit.network.turning import Turning
from lightcone.model.runtime.attention import Plan, Planned, attend
from lightcone.model.runtime.layers import Block, rms_norm, rotary_tables, rotate, waves

_TAU_WAVES = 16

Settled = Callable[[Tensor, Tensor], Tensor]
"""Numbers (B, frames, numbers) after those of the frame before, (B, numbers), to numbers of that
shape."""


class Transformer(nn.Module):
    def __init__(self, config: AvditConfig) -> None:
        super().__init__()
        c = self.config = config
        self.stem = Stem(c)
        self.place = nn.Parameter(torch.randn(c.tokens, c.width) * 0.02)
        self.sound_in = nn.Linear(2 * c.sound_channels, c.width) if c.sound_latents else None
        many = c.numbers * (c.frames + 1)
        self.numbers_in = nn.Linear(many, c.width) if c.numbers else None
        self.action_in = nn.Linear(max(c.controls, 1), c.width)
        self.no_action = nn.Parameter(torch.zeros(c.width))
        known = 2 * _TAU_WAVES + c.frames * c.width + c.words
        self.condition = nn.Sequential(
            nn.Linear(known, c.width), nn.SiLU(), nn.Linear(c.width, c.width)
        )
        self.modulation = nn.Linear(c.width, 6 * c.width)
        self.blocks = nn.ModuleList(TimedBlock(c.width, c.heads, kind) for kind in c.layers)
        self.final = nn.Linear(c.width, 2 * c.width)
        self.head = Head(c)
        self.scenery = Scenery(c) if c.scenery else None
        self.turning = Turning(c) if c.turning else None
        self.sound_out = nn.Linear(c.width, c.sound_channels + 1) if c.sound_latents else None
        self.numbers_out = nn.Linear(c.width, c.numbers * c.frames) if c.numbers else None
        for layer in (self.modulation, self.final, self.sound_out, self.numbers_out):
            if layer is not None:
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        noisy: Latents,
        last: Latents,
        tau: Tensor,
        actions: Tensor,
        known: Tensor,
        text: Tensor,
        cache: Cache | None = None,
        newest: bool = False,
        settled: Settled | None = None,
        true_numbers: Tensor | None = None,
    ) -> Latents:
        """The clean latents of C chunks in a row; with `newest`, of the last one alone. The scenery
        that is added is that of the numbers as `settled` leaves them, or, in training, of
        `true_numbers` (B, C, frames, numbers): a scenery seen from a wrong angle has the larger an
        error the sharper it is, so the head would learn to blur it.

        `noisy` (B, C) chunks at noise levels `tau` (B, C), `last` the ends of those before them,
        `actions` (B, C, frames, controls), `known` (B, C): 1 where the actions are given, 0 where
        the model is to do without, `text` (B, C, words): the share of each word. With a cache, its
        chunks come before these, and the keys of these are kept in it.
        """
        c = self.config
        acts = self._actions(actions, known)  # (B, C, frames, width)
        levels = waves(tau, _TAU_WAVES).to(acts.dtype)
        condition = F.silu(self.condition(torch.cat([levels, acts.flatten(2), text], -1)))
        modulation = self.modulation(condition)[:, :, None]  # (B, C, 1, 6 width)
        scaled = noisy.map(lambda x: spread(tau, x) * x)  # pure noise says nothing, but decides
        pure = spread(tau == 0, noisy.picture) * noisy.picture
        features, tokens = self.stem(scaled.picture, last.picture, pure)
        parts = [tokens]
        if self.sound_in is not None:
            before = last.sound.expand_as(noisy.sound)
            parts.append(self.sound_in(torch.cat([scaled.sound, before], -1)))
        if self.numbers_in is not None:
            values = torch.cat([scaled.numbers, last.numbers[:, :, -1:]], 2).flatten(2)
            parts.append(self.numbers_in(values)[:, :, None])
        seen = acts if c.action_tokens else torch.zeros_like(acts)
        x = torch.cat([*parts, seen], 2) + self.place  # (B, C, N, width)
        time = Time(c, x, cache)
        timed = c.layers.rindex("T")
        for i, block in enumerate(self.blocks):
            x = block(x, modulation, time)
            if i == timed and newest:  # the chunks before it are seen no more
                x, modulation, condition = (t[:, -1:] for t in (x, modulation, condition))
                features = features.unflatten(0, tau.shape)[:, -1]
                last = last.map(lambda t: t[:, -1:])
        shift, scale = self.final(condition)[:, :, None].chunk(2, -1)
        x = torch.addcmul(shift, rms_norm(x), 1 + scale)
        return self._out(x, features, last, settled, true_numbers)

    def with_numbers(self, chunk: Latents, numbers: Tensor) -> Latents:
        """Chunks (..., frames, numbers) with other numbers, before the scenery of those."""
        picture, c = chunk.picture, self.config
        if self.scenery is not None:
            pair = torch.stack([numbers, chunk.numbers]).unflatten(-2, (c.latents, c.group))
            after, before = self.scenery(pair).flatten(-4, -3)  # (..., depth, rows, columns)
            picture = picture + after - before
        return Latents(picture, chunk.sound, numbers)

    def _actions(self, actions: Tensor, known: Tensor) -> Tensor:
        if not self.config.controls:
            actions = actions.new_zeros(*actions.shape[:-1], 1)
        given = self.action_in(actions)
        hidden = self.no_action.to(given.dtype).expand_as(given)
        return torch.lerp(hidden, given, spread(known, given))

    def _out(
        self,
        x: Tensor,
        features: Tensor,
        last: Latents,
        settled: Settled | None,
        true_numbers: Tensor | None,
    ) -> Latents:
        """The clean latents of each modality."""
        c = self.config
        sound, numbers = last.sound[:, :, :0], last.numbers[:, :, -1:]
        if self.sound_out is not None:
            out = self.sound_out(x[:, :, c.sound_at : c.numbers_at])
            sound = out[..., :-1] + torch.sigmoid(out[..., -1:]) * last.sound
        if self.numbers_out is not None:
            change = self.numbers_out(x[:, :, c.numbers_at]).unflatten(-1, (c.frames, c.numbers))
            numbers = advanced(numbers.expand_as(change), change, c.angles)
        else:
            numbers = numbers.expand(-1, -1, c.frames, -1)
        if settled is not None:
            ends = last.numbers[:, :, -1].flatten(0, 1)
            numbers = settled(numbers.flatten(0, 1), ends).unflatten(0, numbers.shape[:2])
        drawn = turned = None
        if self.scenery is not None:
            shown = numbers.detach() if true_numbers is None else true_numbers
            known = torch.cat([last.numbers, shown], 2).unflatten(2, (1 + c.latents, c.group))
            drawn = self.scenery(known)
            if self.turning is not None and self.scenery.place is not None:
                residual = (last.picture - drawn[:, :, 0]).flatten(0, 1)
                angles = angles_of(known, c.angles[0]).flatten(0, 1)
                turned = self.turning(residual, self.scenery.place, angles)
        picture = self.head(x[:, :, : c.picture_tokens], features, last.picture, drawn, turned)
        return Latents(picture, sound, numbers)


class Time:
    """What the T layers share in one pass."""

    def __init__(self, c: AvditConfig, x: Tensor, cache: Cache | None) -> None:
        chunks = x.shape[1]
        self.layer = 0
        self.cache = cache
        if cache is not None:
            self.planned = cache.planned(chunks)
            return
        rows = x.shape[0] * x.shape[2]
        self.planned = Planned(Plan(chunks, chunks, (((0, chunks),),), True, rows), x)
        tables = rotary_tables(torch.arange(chunks, device=x.device), c.width // c.heads)
        self._tables = tuple(table.to(x.dtype) for table in tables)

    def rotated(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, N, H, C, D) each of a T layer, with the past before keys and values."""
        if self.cache is None:
            cos, sin = self._tables
            return rotate(q, cos, sin), rotate(k, cos, sin), v
        k, v = self.cache.extend(self.layer, k, v)
        self.layer += 1
        return self.cache.rotate(q), k, v


class TimedBlock(Block[Time]):
    def _over_time(self, q: Tensor, k: Tensor, v: Tensor, time: Time) -> Tensor:
        q, k, v = time.rotated(*(t.permute(0, 2, 3, 1, 4) for t in (q, k, v)))  # (B, N, H, C, D)
        batch, tokens = q.shape[:2]
        out = attend(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), time.planned)
        return out.unflatten(0, (batch, tokens)).permute(0, 3, 1, 2, 4).flatten(3)
