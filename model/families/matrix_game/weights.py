"""The weights of one world: found in a folder, checked, counted, and only then loaded."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.matrix_game.picture import Clip, Colours, Features, encoder_bytes
from lightcone.model.families.matrix_game.variants import GameVariant
from lightcone.model.families.wan.checkpoint.budget import Budget, module_bytes
from lightcone.model.families.wan.checkpoint.fit import fill
from lightcone.model.families.wan.checkpoint.keys import encoder_key
from lightcone.model.families.wan.network.encoder import LatentEncoder
from lightcone.model.families.wan.network.replayed import Passes
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.weights import (
    AnyDecoder,
    Place,
    changed,
    decoder_of,
    decoder_tensors,
    named_by,
    passes_of,
    random_tensors,
    session_parts,
    store_of,
    transformer_bytes,
    transformer_tensors,
    vae_tensors,
)

log = logging.getLogger("lightcone.matrix_game")


@dataclass(frozen=True)
class GameWeights:
    variant: GameVariant
    transformer: MatrixGameTransformer
    encoder: LatentEncoder
    decoder: AnyDecoder
    features: Features
    store: Store
    passes: Passes
    digest: str  # names the architecture and every number of it


def opened(variant: GameVariant, folder: Path, place: Place) -> GameWeights:
    """Raises WeightsError, before anything large is read: where files are missing, damaged, of
    another model, or memory is short."""
    transformer, encoder, decoder = modules = _empty(variant)
    if variant.random:
        for module in modules:
            fill(module, random_tensors(module), place.device, place.dtype)
        return _weights(variant, place, modules, Colours(variant.transformer))
    tensors = transformer_tensors(variant, folder, transformer)
    encoding = vae_tensors(folder, encoder, encoder_key)
    decoding = decoder_tensors(folder, decoder)
    budget = budget_of(variant, place, encoder_bytes(folder))
    log.info("%s takes %s on %s", variant.name, budget, place.device)
    budget.check(place.device)
    clip = Clip(folder, variant.transformer, place.device)
    for module, held in zip(modules, (tensors, encoding, decoding), strict=True):
        fill(module, held, place.device, place.dtype)
    return _weights(variant, place, modules, clip)


def budget_of(variant: GameVariant, place: Place, clip_bytes: int) -> Budget:
    """What a variant takes at least, with one session."""
    transformer, encoder, decoder = _empty(variant)
    return Budget(
        {
            "transformer": transformer_bytes(transformer, place),
            "encoder": module_bytes(encoder, place.dtype),
            "decoder": module_bytes(decoder, place.dtype),
            "image encoder": clip_bytes,
            **session_parts(variant, place),
        }
    )


_Modules = tuple[MatrixGameTransformer, LatentEncoder, AnyDecoder]


def _empty(variant: GameVariant) -> _Modules:
    """Without numbers."""
    with torch.device("meta"):
        return (
            MatrixGameTransformer(variant.transformer),
            LatentEncoder(variant.encoder),
            decoder_of(variant.decoder),
        )


def _weights(
    variant: GameVariant, place: Place, modules: _Modules, features: Features
) -> GameWeights:
    transformer, encoder, decoder = modules
    changed(transformer, place.formats)
    name = named_by(variant, place.formats, *modules)
    store = store_of(variant, place)
    passes = passes_of(place)
    return GameWeights(variant, transformer, encoder, decoder, features, store, passes, name)
