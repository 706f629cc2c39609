"""`lightcone train avdit --dry-run`: what would be trained, and how far it would come here."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.training.avdit.clips import Clips
from lightcone.model.training.avdit.emphasis import Emphasis
from lightcone.model.training.avdit.transformer import Recipe, Update, prepared
from lightcone.model.training.parallel import Group

_PAIRS = 2  # of steps that are timed


def dry_run(
    c: AvditConfig, recipe: Recipe, group: Group, device: torch.device, frames: int
) -> Iterator[str]:
    """Lines about the transformer and a training of it on recordings of so many frames."""
    model = Transformer(c)
    weights = sum(p.numel() for p in model.parameters())
    yield (
        f"chunk: {c.frames} frames, {c.tokens} tokens ({c.picture_tokens} of picture, "
        f"{c.sound_latents} of sound, {int(bool(c.numbers))} of numbers, {c.frames} of actions); "
        f"window of {c.window} chunks"
    )
    yield (
        f"transformer: {weights / 1e6:.1f} M weights, {c.flops / 1e9:.2f} GFLOP a pass and chunk, "
        f"cache of {2 * c.cache_values / 1e6:.1f} MB a session"
    )
    took = step_seconds(model, recipe, group, device)
    steps = 3600 / took
    passes = steps * recipe.batch * recipe.chunks * c.frames / max(frames, 1)
    yield (
        f"here: {took:.2f} s a step of {recipe.batch} clips of {recipe.chunks} chunks; an hour of "
        f"the transformer is {steps:.0f} steps, {passes:.2f} passes over the recordings"
    )


def step_seconds(model: Transformer, recipe: Recipe, group: Group, device: torch.device) -> float:
    """Mean time of training steps on noise of the right shapes, with and without context of the
    model's own."""
    c = model.config
    optimizer = prepared(model, recipe, device, group)
    update = Update(model, optimizer, Emphasis.unfitted(c), recipe, device, group)
    generator = torch.Generator().manual_seed(0)
    lead = (max(1, recipe.batch // group.size), recipe.chunks)
    clean = Latents.noise(c, generator, *lead)
    actions, text = torch.zeros(*lead, c.frames, c.controls), torch.zeros(*lead, c.words)
    clips = Clips(clean, clean.last(c), actions, text)
    update(clips, generator, own_passes=1)
    began = time.monotonic()
    for i in range(2 * _PAIRS):
        update(clips, generator, own_passes=2 * (i % 2 == 0))
    return (time.monotonic() - began) / (2 * _PAIRS)
