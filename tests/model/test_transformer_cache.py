"""The cached step is the full-sequence forward, and stays so as the ring turns over."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from lightcone.model.families.staged.network.cells import (
    patchify,
    unpatchify,
)
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.network.kv_cache import (
    Ring,
    Unrolled,
    cache_at,
    empty_ring,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.network.transformer import Transformer

CONFIG = TransformerConfig(
    width=32,
    heads=2,
    layers="STST",
    window=4,
    height=48,
    channels=2,
    sound_values=8,
    cells=8,
    maps=4,
    text=6,
)


def random_model() -> Transformer:
    """A small transformer without the zeros of a fresh one."""
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval().requires_grad_(False)


def random_chunks(batch: int, chunks: int) -> dict[str, Any]:
    torch.manual_seed(1)
    c = CONFIG
    height, width = c.size.rows, c.size.columns
    picture = (batch, chunks, c.depth, height, width)
    return {
        "scene": Scene(
            condition=torch.randn(batch, chunks, c.width),
            sound=torch.randn(batch, chunks, c.frames, c.width),
            maps=torch.randn(batch * chunks, c.maps, height, width),
            surfaces=torch.randn(batch * chunks, c.depth, height, width),
            contacts=torch.randn(batch, chunks, c.frames, c.sound_values),
            text=torch.randn(batch, chunks, c.text),
            busy=torch.rand(batch, chunks, height, width),
        ),
        "picture": torch.randn(picture),
        "sound": torch.randn(batch, chunks, c.frames, c.sound_values),
        "last_picture": torch.randn(picture),
        "last_sound": torch.randn(batch, chunks, c.frames, c.sound_values),
        "tau": torch.rand(batch, chunks),
    }


def chunk_of(inputs: dict[str, Any], index: int) -> dict[str, Any]:
    """One chunk of all inputs, its axis kept."""
    return {
        name: value.chunk(index) if isinstance(value, Scene) else value[:, index : index + 1]
        for name, value in inputs.items()
    }


def cached(
    model: Transformer, inputs: dict[str, Any], index: int, ring: Ring
) -> tuple[Tensor, Tensor]:
    cache = cache_at(ring, [index - 1])
    made: tuple[Tensor, Tensor] = model(**chunk_of(inputs, index), cache=cache)
    return made


def test_cached_steps_equal_the_full_forward() -> None:
    model, inputs = random_model(), random_chunks(1, 1 + CONFIG.window)
    picture, sound = model(**inputs)
    ring = empty_ring(CONFIG, inputs["picture"])
    for index in range(1 + CONFIG.window):
        p, s = cached(model, inputs, index, ring)
        torch.testing.assert_close(p[:, 0], picture[:, index], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(s[:, 0], sound[:, index], atol=1e-4, rtol=1e-3)


def test_unrolled_steps_equal_the_full_forward_and_carry_gradients_back() -> None:
    model, inputs = random_model(), random_chunks(2, 1 + CONFIG.window)
    inputs["last_picture"].requires_grad_()
    picture, sound = model(**inputs)
    cache = Unrolled(CONFIG)
    for index in range(1 + CONFIG.window):
        p, s = model(**chunk_of(inputs, index), cache=cache)
        torch.testing.assert_close(p[:, 0], picture[:, index], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(s[:, 0], sound[:, index], atol=1e-4, rtol=1e-3)
    (gradient,) = torch.autograd.grad(p.sum(), inputs["last_picture"])
    assert (gradient.abs().amax((0, 2, 3, 4)) > 0).all(), "some chunk of the past is not reached"


def test_a_turned_ring_equals_one_that_never_turned() -> None:
    """After many turns the ring gives what the same window gives in a fresh, unturned ring whose
    keys are the same."""
    model, inputs = random_model(), random_chunks(1, 30)
    ring = empty_ring(CONFIG, inputs["picture"])
    window = CONFIG.window
    for index in range(30):
        picture, _ = cached(model, inputs, index, ring)
    last = 29 - 1  # index of the chunk at hand, the sink being -1
    fresh = empty_ring(CONFIG, inputs["picture"])
    for turned, unturned in ((ring.keys, fresh.keys), (ring.values, fresh.values)):
        unturned[..., 0, :] = turned[..., 0, :]
        for place, chunk in enumerate(range(last - window + 1, last + 1)):
            unturned[..., 1 + place, :] = turned[..., 1 + chunk % window, :]
    expected, _ = model(**chunk_of(inputs, 29), cache=cache_at(fresh, [window - 1]))
    torch.testing.assert_close(picture, expected, atol=1e-4, rtol=1e-3)


def test_the_oldest_chunk_leaves_the_window() -> None:
    """What is no longer in the window no longer matters; the sink still does."""
    model, inputs = random_model(), random_chunks(1, 3 * CONFIG.window)
    louder = inputs["picture"].clone()
    louder[:, 1] += 1.0
    changed = inputs | {"picture": louder}
    # Each T layer looks a window further back, through the keys of the layer below it.
    reach = CONFIG.layers.count("T") * CONFIG.window
    outputs = []
    for version in (inputs, changed):
        ring = empty_ring(CONFIG, version["picture"])
        outputs.append([cached(model, version, i, ring)[0] for i in range(3 * CONFIG.window)])
    assert not torch.equal(outputs[0][2], outputs[1][2])
    torch.testing.assert_close(outputs[0][reach + 1], outputs[1][reach + 1])


def test_worlds_in_one_batch_do_not_touch_each_other() -> None:
    model, inputs = random_model(), random_chunks(2, 2)
    rings = [empty_ring(CONFIG, inputs["picture"]) for _ in range(2)]
    alone = []
    for world in range(2):
        one = {n: v[world : world + 1] for n, v in inputs.items() if isinstance(v, Tensor)}
        scene = inputs["scene"]
        maps, surfaces = (x.unflatten(0, (2, 2))[world] for x in (scene.maps, scene.surfaces))
        part = slice(world, world + 1)
        one["scene"] = Scene(
            scene.condition[part],
            scene.sound[part],
            maps,
            surfaces,
            scene.contacts[part],
            scene.text[part],
            scene.busy[part],
        )
        for index in (0, 1):
            made = cached(model, one, index, rings[world])[0]
        alone.append(made)
    cache = cache_at(Ring.cat(rings), [0, 0])
    together = model(**chunk_of(inputs, 1), cache=cache)[0]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("patch", [1, 2])
def test_patches_come_back_as_they_were(patch: int) -> None:
    latents = torch.randn(2, 3, 5, 6, 8)
    tokens = patchify(latents, patch)
    back = unpatchify(tokens, 6 // patch, 8 // patch, patch)
    assert torch.equal(back, latents)
