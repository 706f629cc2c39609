"""`bench model`: time and memory of a chunk of the wan and matrix_game families, by part, beside
the least that the device found could take.

With random weights the shapes are the real ones, so times need no download. The floor is what
arithmetic and memory alone would take, whichever is more.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from lightcone.bench.machine import machine
from lightcone.bench.rates import rates, wait_for
from lightcone.model.families.matrix_game.model import MatrixGameModel
from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.matrix_game.variants import VARIANTS as GAMES
from lightcone.model.families.matrix_game.variants import GameVariant
from lightcone.model.families.matrix_game.weights import opened as game_opened
from lightcone.model.families.wan.base import VideoModel
from lightcone.model.families.wan.model import WanModel
from lightcone.model.families.wan.network.config import PATCH, SPACE, TIME
from lightcone.model.families.wan.network.sampler import noise_of, shifted
from lightcone.model.families.wan.showing import shown
from lightcone.model.families.wan.variants import VARIANTS, Variant
from lightcone.model.families.wan.weights import Formats, Place, decoder_of, opened, place
from lightcone.model.interface import UnsupportedSetting
from lightcone.model.runtime.attention.fused import without_xformers

FAMILIES = ("wan-1.3b", "wan-tiny", "matrix-game", "matrix-game-tiny")
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
    formats = Formats(args.fp8_kv, args.fp8_linears, graphs=args.graphs)
    where = place(args.device, "cpu", formats)
    if where.device.type == "cpu":
        torch.set_num_threads(args.threads)
    model = _opened(variant, where, args)
    times = {}
    for kind in _kinds(where, args):
        with without_xformers() if kind == "sdpa" else nullcontext():
            times[kind] = _times(_measured(model, variant, where, args), variant, args.batch)
    first, *others = times
    report = {
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
            "attention": first,
            "graphs": args.graphs and where.device.type == "cuda",
        },
        "chunk": times[first],
        **{f"chunk_with_{kind}": times[kind] for kind in others},
        "floor": _floor(variant, where, args),
        "memory_gb": _memory(where.device),
    }
    if args.fp8_kv or args.fp8_linears:
        report["eight_bits"] = _error(model, variant, where, args)
    return report


def _variant(args: Namespace) -> Variant:
    game, tiny = args.family.startswith("matrix-game"), args.family.endswith("tiny")
    published = GAMES["matrix-game"] if game else VARIANTS["longlive"]
    asked = {"chunk": args.chunk, "size": args.window, "sink": args.sink}
    try:
        window = replace(published.window, **{k: v for k, v in asked.items() if v is not None})
    except ValueError as error:
        raise UnsupportedSetting(str(error)) from error
    if args.steps is None:
        args.steps = max(published.steps)
    if tiny:
        own = GAMES["matrix-game:tiny"] if game else VARIANTS["wan:tiny"]
        variant: Variant = replace(own, window=window)
    else:
        width, height = args.size or (published.info.width, published.info.height)
        if width % (SPACE * PATCH) or height % (SPACE * PATCH):
            raise UnsupportedSetting(f"sides are multiples of {SPACE * PATCH}: {width}x{height}")
        sized = replace(published.transformer, rows=height // SPACE, columns=width // SPACE)
        variant = replace(published, window=window, transformer=sized)
    if args.layers is not None:
        fewer: dict[str, Any] = {"layers": args.layers}
        if isinstance(variant.transformer, MatrixGameConfig):
            fewer["acting"] = min(variant.transformer.acting, args.layers)
        variant = replace(variant, transformer=replace(variant.transformer, **fewer))
    variant = variant.decoded_by(args.decoder)
    return replace(variant, files=()) if args.weights == RANDOM else variant


def _opened(variant: Variant, where: Place, args: Namespace) -> VideoModel[Any, Any]:
    folder = Path(args.weights)
    if isinstance(variant, GameVariant):
        return MatrixGameModel([game_opened(variant, folder, where)], where, steps=None)
    return WanModel([opened(variant, folder, where)], where, steps=None)


def _kinds(where: Place, args: Namespace) -> tuple[str, ...]:
    """Of attention; there are no kernels of xformers for CPUs, and a recording keeps its own."""
    if where.device.type != "cuda" or args.attention == "sdpa":
        return ("sdpa",)
    both = args.attention == "both" and not args.graphs
    return ("xformers", "sdpa") if both else ("xformers",)


@torch.inference_mode()
def _measured(
    model: VideoModel[Any, Any], variant: Variant, where: Place, args: Namespace
) -> Parts:
    """Chunks after a full window, each part by itself, one after the other."""
    window, info = variant.window, variant.info
    states = [_full(model, variant)] * args.batch
    timesteps = shifted(_steps(args))
    parts = Parts(where.device)
    like = torch.zeros(0, device=where.device, dtype=where.dtype)
    for i in range(args.chunks + 1):
        if i == 1:
            parts.taken.clear()  # the first one takes longer
        with parts.timed("noise"):
            chunks = [state.chunk for state in states]
            noise = noise_of(
                variant.transformer, window.chunk, len(timesteps), range(args.batch), chunks, like
            )
        with parts.timed("transformer"):
            actions = [info.actions([])] * args.batch
            latents, finish = model.generate(states, actions, noise, timesteps)
            after = finish()
        with parts.timed("decoder"):
            decoder = model.weights_of(variant.name).decoder
            _, tails = shown(decoder, states, latents, lambda row, part: None)
        states = [
            replace(state, chunk=state.chunk + 1, tails=tails[row])
            for row, state in enumerate(after)
        ]
    return parts


def _full(model: VideoModel[Any, Any], variant: Variant) -> Any:
    """A state whose window is full."""
    state = model.blank(variant.name)
    for _ in range(variant.window.size // variant.window.chunk):
        actions = variant.info.actions([], frames=variant.info.frames_of(state.chunk))
        [state] = model.step([state], [actions], lambda row, part: None, min(model.steps))
    return state


def _steps(args: Namespace) -> tuple[float, ...]:
    every = {4: (1000.0, 750.0, 500.0, 250.0), 3: (1000.0, 666.0, 333.0), 2: (1000.0, 500.0)}
    return every.get(args.steps, (1000.0,))


def _error(
    model: VideoModel[Any, Any], variant: Variant, where: Place, args: Namespace
) -> dict[str, float]:
    """How far the latents of a full window are from those without eight-bit numbers, of the same
    noise: relative, of the first chunk and of the newest."""
    native = _opened(variant, replace(where, formats=Formats()), args)
    found, expected = (_full(each, variant).seen.newest.float() for each in (model, native))
    off, count = found - expected, variant.window.chunk
    return {
        "first chunk, relative error": float(off[:count].norm() / expected[:count].norm()),
        "newest chunk, relative error": float(off[-count:].norm() / expected[-count:].norm()),
    }


def _times(parts: Parts, variant: Variant, batch: int) -> dict[str, float]:
    each = {f"{name} ms": round(parts.median(name), 2) for name in parts.taken}
    before, decoder = parts.median("noise") + parts.median("transformer"), parts.median("decoder")
    frames, fps = TIME * variant.window.chunk, variant.info.fps
    whole = before + decoder
    return {
        **each,
        "decoder, of a latent ms": round(decoder / variant.window.chunk, 2),
        "whole ms": round(whole, 2),
        "fps of each session": round(1000 * frames / whole, 2),
        "fps of all": round(1000 * frames * batch / whole, 2),
        "times real time": round(1000 * frames / whole / fps, 3),
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
        decoder = decoder_of(variant.decoder)
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
