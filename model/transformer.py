"""The causal audio-video diffusion transformer.

One chunk is `positions` picture tokens, each covering one patch of the latent picture over all
frames of the chunk, and one sound token for each frame. Layers of kind "S" attend inside a
chunk, across space and modality; layers of kind "T" attend over time at one position: to the
sink (the first chunk), the last `window - 1` chunks and the chunk itself. Only T layers need a
cache. Its keys are stored without rotary embedding and get their positions when they are read,
sink 0, window 1 to `window`, so that hour three looks like minute one.

Each token is given the same patch of the previous chunk at its input. It predicts the clean
latents (x-prediction; Li & He 2025, "Back to basics") and a mask that says where they replace
those of the last frame, so that what stands still is copied exactly. The noisy input is scaled by
its noise level: pure noise says nothing and is not heard. Every chunk has a noise level of its
own (diffusion forcing, Chen et al. 2024). Conditioning is AdaLN-single (PixArt-alpha, Chen et al.
2023): noise level and the actions of each frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.attention import attend
from model.codec import Residual2d
from model.scene import FACTS, Scene, map_count

_TAU_WAVES = 16
_PATCH = 4  # cells of a picture token, along each side


@dataclass(frozen=True)
class TransformerConfig:
    width: int = 256
    heads: int = 4
    layers: str = "STSSTS"
    window: int = 12  # chunks a T layer sees, itself among them
    frames: int = 2  # of a chunk
    rows: int = 6  # of picture tokens
    columns: int = 8
    picture_values: int = 256  # of a picture token: frames * patch * patch * channels
    sound_values: int = 32  # of a sound token
    buttons: int = 4
    cells: int = 32  # width of the convolutions before and after the tokens
    maps: int = 24  # width of the scene's maps when they join the cells

    @property
    def picture_tokens(self) -> int:
        return self.rows * self.columns

    @property
    def cells_shape(self) -> tuple[int, int]:
        """Rows and columns of latent cells."""
        return self.rows * _PATCH, self.columns * _PATCH

    @property
    def facts(self) -> int:
        return (1 + self.frames) * FACTS

    @property
    def tokens(self) -> int:
        return self.picture_tokens + self.frames


@dataclass
class Cache:
    """Keys and values of the T layers for B worlds, written in place at `slot`.

    Slot 0 is the sink, slots 1 to `window` the ring. `position` (B, 1 + window) numbers the
    slots in time, `mask` (B, 1 + window) is 0 where a slot may be read and -inf elsewhere;
    `now` (B,) is the position of the chunk at hand.
    """

    keys: Tensor  # (T layers, B, tokens, H, 1 + window, D), without rotary embedding
    values: Tensor
    slot: Tensor  # (B,) where the chunk at hand is written
    position: Tensor
    mask: Tensor
    now: Tensor

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Put the chunk at hand into its slot; (B, N, H, 1, D) -> all slots."""
        keys, values = self.keys[layer], self.values[layer]
        world = torch.arange(len(k), device=k.device)
        keys[world, :, :, self.slot] = k[:, :, :, 0]
        values[world, :, :, self.slot] = v[:, :, :, 0]
        return keys, values


class Unrolled:
    """A cache that gradients flow through: every chunk of a training sequence so far, from the
    sink on, at most 1 + window of them."""

    def __init__(self, config: TransformerConfig) -> None:
        count = config.layers.count("T")
        self.keys: list[list[Tensor]] = [[] for _ in range(count)]
        self.values: list[list[Tensor]] = [[] for _ in range(count)]

    @property
    def chunks(self) -> int:
        return len(self.keys[0])

    def write(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Add the chunk at hand; (B, N, H, 1, D) -> all chunks."""
        self.keys[layer].append(k)
        self.values[layer].append(v)
        return torch.cat(self.keys[layer], 3), torch.cat(self.values[layer], 3)


class Transformer(nn.Module):
    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        head = c.width // c.heads
        self.picture_in = nn.Linear(2 * c.picture_values, c.width)
        self.sound_in = nn.Linear(2 * c.sound_values, c.width)
        self.facts_in = nn.Linear(c.facts, c.width)
        self.place = nn.Parameter(torch.randn(c.tokens, c.width) * 0.02)
        self.condition = nn.Sequential(
            nn.Linear(2 * _TAU_WAVES + c.frames * c.buttons + c.facts, c.width),
            nn.SiLU(),
            nn.Linear(c.width, c.width),
        )
        self.modulation = nn.Linear(c.width, 6 * c.width)
        self.stem = Stem(c)
        self.blocks = nn.ModuleList(Block(c, kind) for kind in c.layers)
        self.final = nn.Linear(c.width, 2 * c.width)
        self.picture_out = nn.Linear(c.width, 2 * c.picture_values)
        self.sound_out = nn.Linear(c.width, 2 * c.sound_values)
        self.head = Head(c)
        for layer in (
            self.modulation,
            self.final,
            self.picture_out,
            self.sound_out,
            self.facts_in,
        ):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.picture_out.bias[c.picture_values :] = -2.0
            self.sound_out.bias[c.sound_values :] = 2.0
        angles = torch.arange(c.window + 1)[:, None] * (
            100.0 ** (-torch.arange(head // 2) / (head // 2))
        )
        self.register_buffer("cos", angles.cos(), persistent=False)  # (window + 1, D / 2)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(
        self,
        picture: Tensor,
        sound: Tensor,
        last_picture: Tensor,
        last_sound: Tensor,
        tau: Tensor,
        actions: Tensor,
        scene: Scene,
        places: Tensor | None = None,
        cache: Cache | Unrolled | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict the clean latents of C chunks.

        `picture` (B, C, P, picture_values) and `sound` (B, C, frames, sound_values) are
        `tau` * clean + (1 - tau) * noise, `last_*` the chunks before them, `tau` (B, C),
        `actions` (B, C, frames * buttons), `scene` what
        is the case in them. With `places` (B, P') only those picture tokens go
        through the blocks and come back. Without a cache the C chunks are one sequence from the
        sink on, at most 1 + window long; with one, C is 1 and the chunk's keys are written to it.
        """
        c = self.config
        chunks = picture.shape[1]
        level = tau[:, :, None, None].to(picture.dtype)
        picture, sound = level * picture, level * sound
        maps = self.stem.map(scene.maps)
        cells = self.stem(picture, last_picture, maps)
        seen = torch.cat([picture, last_picture], -1)
        place = self.place[: c.picture_tokens].expand(len(picture), 1, -1, -1)
        tokens = self.picture_in(pick(seen, places)) + self.stem.tokens(cells, places)
        x = torch.cat(
            [
                tokens + pick(place, places),
                self.sound_in(torch.cat([sound, last_sound], -1))
                + self.facts_in(scene.facts)[:, :, None]
                + self.place[c.picture_tokens :],
            ],
            2,
        )  # (B, C, N, width)
        waves = _waves(tau).to(x.dtype)
        told = torch.cat([waves, actions.to(x.dtype), scene.facts], -1)
        condition = F.silu(self.condition(told))
        modulation = self.modulation(condition)[:, :, None]  # (B, C, 1, 6 width)
        time = _Time(self, cache, chunks, x.device, x.dtype)
        for block in self.blocks:
            x = block(x, modulation, time)
        shift, scale = self.final(condition)[:, :, None].chunk(2, -1)
        x = _norm(x) * (1 + scale) + shift
        count = x.shape[2] - c.frames
        newest = last_picture[..., -(c.picture_values // c.frames) :].repeat(1, 1, 1, c.frames)
        new = self.picture_out(x[:, :, :count]) + self.head(cells, maps, x[:, :, :count], places)
        made = _compose(pick(newest, places), new)
        return made, _compose(last_sound[:, :, -1:], self.sound_out(x[:, :, count:]))


def pick(tokens: Tensor, places: Tensor | None) -> Tensor:
    """The picture tokens at `places` (B, P') of (B, C, P, values); all where there are none."""
    if places is None:
        return tokens
    index = places[:, None, :, None].expand(-1, tokens.shape[1], -1, tokens.shape[3])
    return tokens.gather(2, index)


def put(tokens: Tensor, places: Tensor | None, onto: Tensor) -> Tensor:
    """`onto` (B, C, P, values) with the tokens at `places` replaced; the inverse of `pick`."""
    if places is None:
        return tokens
    index = places[:, None, :, None].expand(-1, tokens.shape[1], -1, tokens.shape[3])
    return onto.scatter(2, index, tokens.to(onto.dtype))


class Stem(nn.Module):
    """Convolutions over the latent cells before they become tokens. What moves, moves the same
    way everywhere: convolutions know that from the start, patches have to learn it place by
    place."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.narrow = nn.Conv2d(map_count(c.frames), c.maps, 1)
        self.enter = nn.Conv2d(2 * c.picture_values // _PATCH**2, c.cells, 3, padding=1)
        self.enter_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        self.layers = nn.Sequential(Residual2d(c.cells))
        self.to_tokens = nn.Linear(c.cells * _PATCH**2, c.width)
        nn.init.zeros_(self.to_tokens.weight)
        nn.init.zeros_(self.enter_maps.weight)

    def map(self, maps: Tensor) -> Tensor:
        """The scene's maps (B, C, M, h, w) -> (B * C, maps, h, w)."""
        narrow: Tensor = F.silu(self.narrow(_channels_last(maps.flatten(0, 1))))
        return narrow

    def forward(self, picture: Tensor, last_picture: Tensor, maps: Tensor) -> Tensor:
        """Two chunks as tokens (B, C, P, values) and maps -> cells (B, C, cells, h, w)."""
        c = self.config
        grids = [
            unpatchify(t, c.rows, c.columns, c.frames).flatten(0, 1).flatten(1, 2)
            for t in (picture, last_picture)
        ]
        entered = self.enter(_channels_last(torch.cat(grids, 1))) + self.enter_maps(maps)
        cells: Tensor = self.layers(entered)
        return cells.unflatten(0, picture.shape[:2])

    def tokens(self, cells: Tensor, places: Tensor | None) -> Tensor:
        """Cells (B, C, cells, h, w) -> tokens (B, C, P', width)."""
        tokens: Tensor = self.to_tokens(pick(patchify(cells[:, :, None]), places))
        return tokens


class Head(nn.Module):
    """Convolutions over the latent cells after the tokens: what the tokens say is drawn where
    the stem saw it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        c = self.config = config
        self.from_tokens = nn.Linear(c.width, c.cells * _PATCH**2)
        self.from_maps = nn.Conv2d(c.maps, c.cells, 3, padding=1, bias=False)
        nn.init.zeros_(self.from_maps.weight)
        self.layers = nn.Sequential(*[Residual2d(c.cells) for _ in range(2)])
        self.leave = nn.Conv2d(c.cells, 2 * c.picture_values // _PATCH**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, cells: Tensor, maps: Tensor, tokens: Tensor, places: Tensor | None) -> Tensor:
        """Cells (B, C, cells, h, w), maps (B * C, maps, h, w) and tokens (B, C, P', width)
        -> (B, C, P', 2 values): what is new, and the mask."""
        c = self.config
        batch, chunks = tokens.shape[:2]
        told = self.from_tokens(tokens)
        told = put(told, places, told.new_zeros(batch, chunks, c.picture_tokens, told.shape[-1]))
        x = cells.flatten(0, 1) + unpatchify(told, c.rows, c.columns, 1).flatten(0, 2)
        x = x + self.from_maps(maps)
        out = self.leave(F.silu(self.layers(_channels_last(x)))).unflatten(0, (batch, chunks))
        new, mask = out.unflatten(2, (2 * c.frames, -1)).chunk(2, 2)
        both = torch.cat([patchify(new), patchify(mask)], -1)
        return pick(both, places)


def _channels_last(x: Tensor) -> Tensor:
    """The same (N, C, H, W) in the memory format that CPUs convolve fastest."""
    return x.contiguous(memory_format=torch.channels_last)


def _compose(known: Tensor, out: Tensor) -> Tensor:
    """What is known where the mask is shut, what is new where it is open."""
    new, mask = out.chunk(2, -1)
    return known + torch.sigmoid(mask) * (new - known)


class _Time:
    """What the T layers share in one forward: rotary tables, mask and whose turn it is."""

    def __init__(
        self,
        model: Transformer,
        cache: Cache | Unrolled | None,
        chunks: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.cache = cache
        self.layer = 0
        if cache is None:
            position = torch.arange(chunks, device=device)
            self.query = self.key = (model.cos[position].to(dtype), model.sin[position].to(dtype))
            ahead = position[:, None] < position[None, :]
            self.mask = torch.zeros(chunks, chunks, device=device, dtype=dtype)
            self.mask.masked_fill_(ahead, float("-inf"))
        elif isinstance(cache, Unrolled):
            at = cache.chunks
            self.query = model.cos[at].to(dtype), model.sin[at].to(dtype)
            self.key = model.cos[: at + 1].to(dtype), model.sin[: at + 1].to(dtype)
            self.mask = torch.zeros(1, at + 1, device=device, dtype=dtype)
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
            self.mask = cache.mask[:, None, None, None].to(dtype)


class Block(nn.Module):
    def __init__(self, config: TransformerConfig, kind: str) -> None:
        super().__init__()
        width = config.width
        self.kind = kind
        self.heads = config.heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)
        self.table = nn.Parameter(torch.zeros(6 * width))
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)
        with torch.no_grad():
            self.table[2 * width : 3 * width] = 1.0
            self.table[5 * width :] = 1.0

    def forward(self, x: Tensor, modulation: Tensor, time: _Time) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + self.table).chunk(6, -1)
        q, k, v = self._heads(self.qkv(_norm(x) * (1 + scale1) + shift1))
        q, k = _norm(q), _norm(k)
        attended = self._within(q, k, v) if self.kind == "S" else self._over_time(q, k, v, time)
        x = x + gate1 * self.out(attended)
        hidden = F.gelu(self.up(_norm(x) * (1 + scale2) + shift2), approximate="tanh")
        out: Tensor = x + gate2 * self.down(hidden)
        return out

    def _heads(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, C, N, 3 width) -> three of (B, C, N, H, D)."""
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).unbind(3)
        return q, k, v

    def _within(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        batch, chunks = q.shape[:2]
        q, k, v = (t.flatten(0, 1).transpose(1, 2) for t in (q, k, v))  # (B C, H, N, D)
        return attend(q, k, v).transpose(1, 2).flatten(2).unflatten(0, (batch, chunks))

    def _over_time(self, q: Tensor, k: Tensor, v: Tensor, time: _Time) -> Tensor:
        q, k, v = (t.permute(0, 2, 3, 1, 4) for t in (q, k, v))  # (B, N, H, C, D)
        if time.cache is not None:
            k, v = time.cache.write(time.layer, k, v)
            time.layer += 1
        batch = len(q)
        q, k = _rotate(q, *time.query), _rotate(k, *time.key)
        mask = time.mask
        if mask.ndim == 5:
            mask = mask.expand(-1, q.shape[1], -1, -1, -1).flatten(0, 1)
        out = attend(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), mask)
        return out.unflatten(0, (batch, -1)).permute(0, 3, 1, 2, 4).flatten(3)


def _norm(x: Tensor) -> Tensor:
    """RMS norm without gain (Zhang & Sennrich 2019)."""
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021) of (..., D) by (..., D / 2)."""
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def _waves(tau: Tensor) -> Tensor:
    """Fourier features of the noise level: (B, C) -> (B, C, 2 * 16)."""
    frequencies = 2.0 ** torch.linspace(-1, 5, _TAU_WAVES, device=tau.device)
    angles = tau[..., None] * frequencies * math.pi
    return torch.cat([angles.sin(), angles.cos()], -1)


def patchify(latents: Tensor, patch: int = _PATCH) -> Tensor:
    """(B, C, frames, channels, h, w) -> (B, C, P, frames * channels * patch^2), frames
    outermost."""
    b, c, f, k, h, w = latents.shape
    x = latents.view(b, c, f, k, h // patch, patch, w // patch, patch)
    return x.permute(0, 1, 4, 6, 2, 3, 5, 7).reshape(b, c, h * w // patch**2, -1)


def unpatchify(tokens: Tensor, rows: int, columns: int, frames: int, patch: int = _PATCH) -> Tensor:
    """The inverse: (B, C, P, values) -> (B, C, frames, channels, h, w)."""
    b, c, _, values = tokens.shape
    channels = values // (frames * patch**2)
    x = tokens.view(b, c, rows, columns, frames, channels, patch, patch)
    x = x.permute(0, 1, 4, 5, 2, 6, 3, 7)
    return x.reshape(b, c, frames, channels, rows * patch, columns * patch)
