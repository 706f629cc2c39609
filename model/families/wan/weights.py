"""The weights of one world: found in a folder, checked, counted, and only then loaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from lightcone.model.families.wan.checkpoint.budget import Budget, module_bytes
from lightcone.model.families.wan.checkpoint.files import tensors_of
from lightcone.model.families.wan.checkpoint.fit import check, fill
from lightcone.model.families.wan.checkpoint.keys import decoder_key, original
from lightcone.model.families.wan.checkpoint.lora import Change, changes, merged
from lightcone.model.families.wan.entry import found_file
from lightcone.model.families.wan.network.config import SPACE, TIME, DecoderConfig, TaehvConfig
from lightcone.model.families.wan.network.decoder import LatentDecoder
from lightcone.model.families.wan.network.replayed import Passes
from lightcone.model.families.wan.network.store import Arena, Store, block_bytes
from lightcone.model.families.wan.network.taehv import TaehvDecoder
from lightcone.model.families.wan.network.transformer import Backbone, WanTransformer
from lightcone.model.families.wan.text import (
    RandomWords,
    Remembering,
    TextEncoder,
    Umt5,
    encoder_bytes,
)
from lightcone.model.families.wan.variants import Variant
from lightcone.model.interface import WeightsError
from lightcone.model.runtime.fp8 import fits, with_fp8_linears
from lightcone.model.runtime.graphs import recorder
from lightcone.model.runtime.precision import compute_dtype, usable_device

if TYPE_CHECKING:
    from lightcone.model.catalogue import ModelSettings

AnyDecoder = LatentDecoder | TaehvDecoder
TAEHV = ("taew2_1.pth", "taew2_1.safetensors")
DECODERS = ("Wan2.1_VAE.pth", "vae", "vae.safetensors")
_LORA_PARTS = ("generator_lora",)
_WORK = 4  # large intermediate tensors of the decoder at once

log = logging.getLogger("lightcone.wan")


@dataclass(frozen=True)
class Formats:
    """Eight-bit numbers in keys and values that are kept, and in linear layers; how many bytes an
    arena of keys and values has, 0 for none; whether blocks are compiled, and passes recorded."""

    fp8_kv: bool = False
    fp8_linears: bool = False
    arena_bytes: int = 0
    compiled: bool = False
    graphs: bool = False


@dataclass(frozen=True)
class Place:
    """Where and how a model computes; its text encoder may be elsewhere."""

    device: torch.device
    dtype: torch.dtype
    text_device: torch.device
    formats: Formats = Formats()


def place_of(settings: ModelSettings) -> Place:
    """Raises UnsupportedSetting where a device can not be used."""
    arena = int(settings.kv_gb * 1e9)
    formats = Formats(
        settings.fp8_kv, settings.fp8_linears, arena, settings.compile, settings.graphs
    )
    return place(settings.device, settings.text_device, formats)


class VideoWeights(Protocol):
    """What weights of all models have that make latents in chunks."""

    @property
    def variant(self) -> Variant: ...
    @property
    def transformer(self) -> Backbone: ...
    @property
    def decoder(self) -> AnyDecoder: ...
    @property
    def store(self) -> Store: ...
    @property
    def passes(self) -> Passes: ...
    @property
    def digest(self) -> str: ...


@dataclass(frozen=True)
class Weights:
    variant: Variant
    transformer: WanTransformer
    decoder: AnyDecoder
    encoder: TextEncoder
    store: Store
    passes: Passes
    digest: str  # names the architecture and every number of it


def place(device: str, text_device: str, formats: Formats = Formats()) -> Place:
    """Raises UnsupportedSetting where a device can not be used."""
    main = usable_device(device)
    return Place(main, compute_dtype(main), usable_device(text_device), formats)


def opened(variant: Variant, folder: Path, place: Place) -> Weights:
    """Raises WeightsError, before anything large is read: where files are missing, damaged, of
    another model, or memory is short."""
    if variant.random:
        return random(variant, place)
    transformer, decoder = _empty(variant)
    tensors, lora = _transformer_tensors(variant, folder, transformer)
    decoding = decoder_tensors(folder, decoder)
    text = encoder_bytes(folder)
    for device, budget in budgets(variant, place, text).items():
        log.info("%s takes %s on %s", variant.name, budget, device)
        budget.check(device)
    encoder = Umt5(folder, variant.transformer, place.text_device)
    fill(transformer, merged(tensors, lora), place.device, place.dtype)
    fill(decoder, decoding, place.device, place.dtype)
    return _weights(variant, place, transformer, decoder, encoder)


def random(variant: Variant, place: Place) -> Weights:
    """With random weights of its shapes, and a random vector for each word of a prompt."""
    transformer, decoder = _empty(variant)
    for module in (transformer, decoder):
        fill(module, random_tensors(module), place.device, place.dtype)
    return _weights(variant, place, transformer, decoder, RandomWords(variant.transformer))


def budgets(variant: Variant, place: Place, text_bytes: int) -> Mapping[torch.device, Budget]:
    """What a variant takes at least, with one session, by device."""
    transformer, decoder = _empty(variant)
    parts = {
        "transformer": transformer_bytes(transformer, place),
        "decoder": module_bytes(decoder, place.dtype),
        **session_parts(variant, place),
    }
    if place.text_device == place.device:
        return {place.device: Budget({**parts, "text encoder": text_bytes})}
    return {
        place.device: Budget(parts),
        place.text_device: Budget({"text encoder": text_bytes}),
    }


def transformer_bytes(transformer: Backbone, place: Place) -> int:
    every = module_bytes(transformer, place.dtype)
    if not place.formats.fp8_linears:
        return every
    layers = [m for m in transformer.blocks.modules() if isinstance(m, nn.Linear) and fits(m)]
    saved = sum(layer.weight.numel() * (place.dtype.itemsize - 1) for layer in layers)
    return every - saved + 4 * sum(layer.out_features for layer in layers)


def session_parts(variant: Variant, place: Place) -> Mapping[str, int]:
    """Bytes of one session while it is stepped."""
    _, decoder = _empty(variant)
    c, size = variant.transformer, place.dtype.itemsize
    window, formats = variant.window, place.formats
    kept = _block_bytes(variant, place) * (window.size // window.chunk)
    tails = sum(torch.Size(shape).numel() for shape in decoder.tail_shapes(1, c.rows, c.columns))
    pixels = SPACE * SPACE * c.rows * c.columns
    return {
        "keys and values": formats.arena_bytes or kept,
        "keys and values, side by side": size * c.cache_values(window.size),
        "decoder tails": 2 * size * tails,
        "working memory": _WORK * size * TIME * pixels * 2 * variant.decoder.width,
    }


def _empty(variant: Variant) -> tuple[WanTransformer, AnyDecoder]:
    """Without numbers."""
    with torch.device("meta"):
        return WanTransformer(variant.transformer), decoder_of(variant.decoder)


def transformer_tensors(
    variant: Variant, folder: Path, transformer: nn.Module
) -> dict[str, Tensor]:
    """Raises WeightsError where there are none, or they are of another model."""
    path = found_file(folder, variant.files)
    if path is None:
        raise WeightsError(
            f"no weights for '{variant.name}' in {folder}: none of {', '.join(variant.files)}"
        )
    held = tensors_of(path, variant.parts)
    tensors = {original(key): value for key, value in held.items()}
    check(transformer, tensors, path, variant.title)
    return tensors


def _transformer_tensors(
    variant: Variant, folder: Path, transformer: WanTransformer
) -> tuple[dict[str, Tensor], dict[str, Change]]:
    tensors = transformer_tensors(variant, folder, transformer)
    lora = found_file(folder, variant.lora)
    if lora is None:
        return tensors, {}
    return tensors, changes(tensors_of(lora, _LORA_PARTS), tensors, lora)


def decoder_of(config: DecoderConfig | TaehvConfig) -> AnyDecoder:
    return LatentDecoder(config) if isinstance(config, DecoderConfig) else TaehvDecoder(config)


def decoder_tensors(folder: Path, decoder: AnyDecoder) -> dict[str, Tensor]:
    """Raises WeightsError where there are none, or they are of another decoder."""
    if isinstance(decoder, LatentDecoder):
        return vae_tensors(folder, decoder, decoder_key)
    path = found_file(folder, TAEHV)
    if path is None:
        raise WeightsError(f"the fast decoder is missing: none of {', '.join(TAEHV)} in {folder}")
    expected = decoder.state_dict()
    tensors = {}
    for key, value in tensors_of(path).items():
        if key.startswith("encoder."):
            continue
        if key in expected and ".conv.weight" in key and value.shape[2:] == (1, 1):
            value = value[-len(expected[key]) :]  # of a checkpoint with more frames: the last ones
        tensors[key] = value
    check(decoder, tensors, path, "TAEHV for Wan 2.1")
    return tensors


def vae_tensors(
    folder: Path, module: nn.Module, named: Callable[[str], str | None]
) -> dict[str, Tensor]:
    """Those of its decoder or encoder, whose keys `named` gives. Raises WeightsError."""
    path = found_file(folder, DECODERS)
    if path is None:
        raise WeightsError(f"the decoder is missing: none of {', '.join(DECODERS)} in {folder}")
    every = {named(key): value for key, value in tensors_of(path).items()}
    tensors = {key: value for key, value in every.items() if key is not None}
    check(module, tensors, path, "the Wan 2.1 VAE")
    return tensors


def named_by(variant: Variant, formats: Formats, *modules: nn.Module) -> str:
    """A hash of an architecture, of every number of it, and of what changes results."""
    used = formats.fp8_kv, formats.fp8_linears, formats.compiled
    named = sha256(f"{variant!r} {used}".encode())
    for module in modules:
        for key, value in module.state_dict().items():
            named.update(key.encode())
            named.update(value.cpu().contiguous().view(torch.uint8).numpy().data)
    return named.hexdigest()


def _weights(
    variant: Variant, place: Place, transformer: WanTransformer, decoder: AnyDecoder,
    encoder: TextEncoder,
) -> Weights:  # fmt: skip
    changed(transformer, place.formats)
    name = named_by(variant, place.formats, transformer, decoder)
    store = store_of(variant, place)
    passes = passes_of(place)
    return Weights(variant, transformer, decoder, Remembering(encoder), store, passes, name)


def changed(transformer: Backbone, formats: Formats) -> None:
    """As its formats want it, after it was filled. Blocks are compiled one by one: they are alike,
    so that one of them is compiled for all; the same shapes come again with every chunk."""
    if formats.fp8_linears:
        with_fp8_linears(transformer.blocks)
    if formats.compiled:
        for block in transformer.blocks:
            block.compile(dynamic=False)


def passes_of(place: Place) -> Passes:
    """Recorded ones where they are wanted and there are graphs."""
    return Passes(recorder(place.device) if place.formats.graphs else None)


def store_of(variant: Variant, place: Place) -> Store:
    """Raises WeightsError where its arena is too small for one session."""
    formats = place.formats
    blocks = arena_blocks(variant, place)
    if not formats.arena_bytes:
        return Store(fp8=formats.fp8_kv)
    least = variant.window.size // variant.window.chunk + 1
    if blocks < least:
        each = formats.arena_bytes / max(blocks, 1)
        raise WeightsError(
            f"an arena of {formats.arena_bytes / 1e9:.2f} GB holds {blocks} chunks of "
            f"{variant.name}, of {each / 1e9:.2f} GB each; one session takes {least} (--kv-gb)"
        )
    return Store(
        fp8=formats.fp8_kv, arena=Arena(blocks, _block_bytes(variant, place), place.device)
    )


def arena_blocks(variant: Variant, place: Place) -> int:
    """Chunks whose keys and values the arena holds."""
    return place.formats.arena_bytes // _block_bytes(variant, place)


def _block_bytes(variant: Variant, place: Place) -> int:
    shapes = variant.transformer.block_shapes(variant.window.chunk)
    return block_bytes(shapes, place.dtype, fp8=place.formats.fp8_kv)


def random_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Of variance 1 over the inputs, so that pictures are neither grey nor clipped; the same ones
    each time."""
    generator = torch.Generator().manual_seed(0)
    out = {}
    for key, value in module.state_dict().items():
        if value.ndim > 1 and not key.endswith(("modulation", "gamma")):
            inputs = value[0].numel()
            out[key] = torch.randn(value.shape, generator=generator) * inputs**-0.5
        elif key.endswith("bias"):
            out[key] = torch.zeros(value.shape)
        elif key.endswith("modulation"):
            out[key] = torch.randn(value.shape, generator=generator) * value.shape[-1] ** -0.5
        else:
            out[key] = torch.ones(value.shape)
    return out
