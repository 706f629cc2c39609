"""`bench model`: time and memory of a chunk of the wan family, by part, beside the least that the
device found could take.

With random weights the shapes are the real ones, so times need no download. The floor is what
arithmetic and memory alone would take, whichever is more.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from lightcone.bench.machine import machine
from lightcone.bench.rates import rates, wait_for
from lightcone.model.families.wan.network.cache import Block, Past
from lightcone.model.families.wan.network.config import (
    PATCH,
    SPACE,
    TIME,
    TINY,
    TINY_DECODER,
    DecoderConfig,
    WanConfig,
    Window,
)
from lightcone.model.families.wan.network.decoder import LatentDecoder
from lightcone.model.families.wan.network.sampler import Rows, noise_of, sample, shifted
from lightcone.model.families.wan.showing import as_bytes
from lightcone.model.families.wan.variants import FPS, VARIANTS, Variant
from lightcone.model.families.wan.weights import Place, Weights, opened, place, random
from lightcone.model.interface import UnsupportedSetting

FAMILIES = ("wan-1.3b", "wan-tiny")
RANDOM = "random"


@dataclass
class Parts:
    """Milliseconds of each part of a chunk, chunk by chunk."""

    device: torch.device
    taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        wait_for(self.device)
        began = time.perf_counter()
        yield
        wait_for(self.device)
        self.taken[part].append(1000 * (time.perf_counter() - began))

    def median(self, part: str) -> float:
        return median(self.taken[part])


def run(args: Namespace) -> dict[str, Any]:
    """Raises UnsupportedSetting and WeightsError."""
    variant = _variant(args)
    where = place(args.device, "cpu")
    if where.device.type == "cpu":
        torch.set_num_threads(args.threads)
    if args.weights == RANDOM:
        weights = random(variant, where)
    else:
        weights = opened(variant, Path(args.weights), where)
    parts = _measured(weights, where, args)
    return {
        "machine": {**asdict(machine()), "device": _named(where.device)},
        "settings": {
            "family": args.family,
            "weights": "random" if args.weights == RANDOM else "loaded",
            "picture": f"{variant.info.width}x{variant.info.height}",
            "layers": variant.transformer.layers,
            "steps": args.steps,
            "window": variant.window.size,
            "batch": args.batch,
            "format": str(where.dtype).removeprefix("torch."),
        },
        "chunk": _times(parts, variant, args.batch),
        "floor": _floor(variant, where, args),
        "memory_gb": _memory(where.device),
    }


def _variant(args: Namespace) -> Variant:
    try:
        window = Window(args.chunk, args.window, args.sink)
    except ValueError as error:
        raise UnsupportedSetting(str(error)) from error
    if args.family == "wan-tiny":
        transformer, decoder = TINY, TINY_DECODER
    else:
        width, height = args.size
        if width % (SPACE * PATCH) or height % (SPACE * PATCH):
            raise UnsupportedSetting(f"sides are multiples of {SPACE * PATCH}: {width}x{height}")
        transformer = WanConfig(rows=height // SPACE, columns=width // SPACE)
        decoder = DecoderConfig()
    if args.layers is not None:
        transformer = replace(transformer, layers=args.layers)
    return replace(VARIANTS["longlive"], window=window, transformer=transformer, decoder=decoder)


@torch.inference_mode()
def _measured(weights: Weights, where: Place, args: Namespace) -> Parts:
    """Chunks after a full window, which is noise: its numbers change no time."""
    variant, model, store = weights.variant, weights.transformer, weights.store
    c, window, like = variant.transformer, variant.window, model.place
    shape = (c.layers, 2, c.heads, window.chunk * c.tokens, c.head_size)
    firsts = range(0, window.size - window.chunk, window.chunk)
    pasts = [
        Past(tuple(Block(store.keep(torch.randn(shape).to(like)), i) for i in firsts))
    ] * args.batch
    text = torch.randn(args.batch, c.text_length, c.text_width).to(like)
    tails = weights.decoder.tails(args.batch, c.rows, c.columns)
    timesteps = shifted(variant.steps[args.steps])
    rows = range(args.batch)
    parts = Parts(where.device)
    for i in range(args.chunks + 1):
        if i == 1:
            parts.taken.clear()  # the first one takes longer
        start = window.size - window.chunk + i * window.chunk
        with parts.timed("noise"):
            noise = noise_of(c, window.chunk, len(timesteps), rows, [i] * args.batch, like)
        with parts.timed("text"):
            keys = model.text_keys(text)
        with parts.timed("transformer"):
            sides = Rows(pasts, [start] * args.batch, keys)
            latents, pasts = sample(model, window, sides, noise, timesteps, store)
        for k in range(window.chunk):
            with parts.timed("decoder, of a latent"):
                pictures, tails = weights.decoder(latents[:, k], tails, first=False)
                as_bytes(pictures)
    return parts


def _times(parts: Parts, variant: Variant, batch: int) -> dict[str, float]:
    each = {f"{name} ms": round(parts.median(name), 2) for name in parts.taken}
    before = sum(parts.median(name) for name in ("noise", "text", "transformer"))
    decoder = parts.median("decoder, of a latent")
    whole = before + variant.window.chunk * decoder
    frames = TIME * variant.window.chunk
    return {
        **each,
        "first part after ms": round(before + decoder, 2),
        "whole ms": round(whole, 2),
        "fps of each session": round(1000 * frames / whole, 2),
        "fps of all": round(1000 * frames * batch / whole, 2),
        "times real time": round(1000 * frames / whole / FPS, 3),
    }


def _floor(variant: Variant, where: Place, args: Namespace) -> dict[str, float]:
    c, window = variant.transformer, variant.window
    passes = args.steps + 1  # and the clean one
    device = rates(where.device, where.dtype)
    transformer = args.batch * passes * c.flops(window.chunk, window.size)
    decoder = args.batch * window.chunk * _decoder_flops(variant)
    read = passes * (_values(variant) + args.batch * c.cache_values(window.size)) * device.value
    least = max((transformer + decoder) / device.flops, read / device.bytes)
    return {
        "device tflops measured": round(device.flops / 1e12, 3),
        "device gb a second measured": round(device.bytes / 1e9, 1),
        "transformer tflop": transformer / 1e12,
        "decoder tflop": decoder / 1e12,
        "gb read": read / 1e9,
        "whole ms": round(1000 * least, 2),
        "fps of each session": round(TIME * window.chunk / least, 2),
    }


def _decoder_flops(variant: Variant) -> float:
    """Of one latent, counted by torch without computing them."""
    c = variant.transformer
    with torch.device("meta"), FlopCounterMode(display=False) as counted:
        decoder = LatentDecoder(variant.decoder)
        latent = torch.zeros(1, c.channels, c.rows, c.columns)
        decoder(latent, decoder.tails(1, c.rows, c.columns), first=False)
    return float(counted.get_total_flops())


def _values(variant: Variant) -> int:
    """Weights that a pass reads: those of the blocks."""
    c = variant.transformer
    return c.layers * (8 * c.width**2 + 2 * c.width * c.hidden)


def _memory(device: torch.device) -> dict[str, float]:
    if device.type != "cuda":
        return {"of the process, most": round(getrusage(RUSAGE_SELF).ru_maxrss / 1e6, 2)}
    return {
        "most allocated": round(torch.cuda.max_memory_allocated(device) / 1e9, 2),
        "most reserved": round(torch.cuda.max_memory_reserved(device) / 1e9, 2),
    }


def _named(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
