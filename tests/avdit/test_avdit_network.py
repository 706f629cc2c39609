"""The transformer, its cache and its sampler."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_avdit import CONFIG, transformer
from torch import Tensor

from lightcone.model.families.avdit.network.cache import Block, Cache, Past
from lightcone.model.families.avdit.network.detail import Head
from lightcone.model.families.avdit.network.latents import Latents, mix
from lightcone.model.families.avdit.network.sampler import Context, noise_of, remember, sample
from lightcone.model.families.avdit.network.transformer import Transformer


@pytest.fixture(scope="module")
def model() -> Transformer:
    return transformer().double()


def latents(*lead: int, seed: int = 0) -> Latents:
    generator = torch.Generator().manual_seed(seed)
    return Latents.noise(CONFIG, generator, *lead).map(Tensor.double)


def passed(
    model: Transformer, clean: Latents, tau: Tensor, actions: Tensor, cache: Cache | None = None
) -> Latents:
    """A pass over chunks in a row that follow nothing."""
    lead = actions.shape[:2]
    ends = clean.last(CONFIG)
    before = Latents(*(torch.cat([torch.zeros_like(e[:, :1]), e[:, :-1]], 1) for e in ends))
    ones = actions.new_ones(lead)
    text = actions.new_zeros(*lead, CONFIG.words)
    return model(clean, before, tau, actions, ones, text, cache)


def acts(*lead: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*lead, CONFIG.frames, CONFIG.controls, generator=generator).double()


def test_no_chunk_sees_a_later_one(model: Transformer) -> None:
    clean, actions, tau = latents(1, 5), acts(1, 5), torch.full((1, 5), 0.5).double()
    out = passed(model, clean, tau, actions)
    changed = clean.map(lambda x: torch.cat([x[:, :3], x[:, 3:] + 1], 1))
    other = passed(model, changed, tau, torch.cat([actions[:, :3], acts(1, 2, seed=9)], 1))
    for one, two in zip(out, other, strict=True):
        torch.testing.assert_close(one[:, :3], two[:, :3])
        assert not torch.allclose(one[:, 4], two[:, 4])


def test_every_modality_and_every_frame_of_the_actions_counts(model: Transformer) -> None:
    clean, actions, tau = latents(1, 2), acts(1, 2), torch.full((1, 2), 0.5).double()
    out = passed(model, clean, tau, actions).picture
    for frame in range(CONFIG.frames):
        other = actions.clone()
        other[:, 1, frame] += 1
        assert not torch.allclose(passed(model, clean, tau, other).picture[:, 1], out[:, 1])
    for name in ("sound", "numbers"):
        changed = clean._replace(**{name: getattr(clean, name) + 1})
        assert not torch.allclose(passed(model, changed, tau, actions).picture[:, 1], out[:, 1])


def test_chunks_one_by_one_through_the_cache_are_as_in_one_pass(model: Transformer) -> None:
    count = CONFIG.window  # none has left the window
    clean, actions = latents(1, count), acts(1, count)
    whole = passed(model, clean, torch.ones(1, count).double(), actions)
    noisy = torch.ones(1, count).double()
    noisy[:, -1] = 0.3
    whole = passed(model, clean, noisy, actions).map(lambda x: x[:, -1])
    past = Past()
    ends = clean.last(CONFIG)
    nothing = ends.map(lambda x: torch.zeros_like(x[:, 0]))
    for i in range(count - 1):
        before = nothing if i == 0 else ends.map(lambda x, i=i: x[:, i - 1])  # type: ignore[misc]
        context = Context(
            [past],
            clean.map(lambda x, i=i: x[:, i]),  # type: ignore[misc]
            before,
            actions[:, i],
            actions.new_zeros(1, CONFIG.words),
        )
        [past] = remember(model, context)
    out = model(
        clean.map(lambda x: x[:, -1:]),
        ends.map(lambda x: x[:, -2:-1]),
        noisy[:, -1:],
        actions[:, -1:],
        actions.new_ones(1, 1),
        actions.new_zeros(1, 1, CONFIG.words),
        Cache(CONFIG, [past], actions, room=1),
    )
    for one, two in zip(out.map(lambda x: x[:, 0]), whole, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=5e-3)  # the cache is float16


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(0, 40))
def test_the_past_keeps_the_sink_and_the_newest_chunks(window: int, count: int) -> None:
    past = Past()
    blocks = [Block(torch.tensor(i)) for i in range(count)]
    for block in blocks:
        past = past.with_next(block, window)
    kept = blocks if count <= window else [blocks[0], *blocks[count - window + 1 :]]
    assert past.blocks == tuple(kept)


def test_states_of_different_age_share_a_pass(model: Transformer) -> None:
    plain = model.float()

    def context(ages: tuple[int, ...]) -> tuple[Context, list[Past]]:
        pasts = []
        for age in ages:
            past = Past()
            for i in range(age):
                generator = torch.Generator().manual_seed(100 * age + i)
                shape = (CONFIG.time_layers, 2, CONFIG.tokens, CONFIG.heads, 16)
                past = past.with_next(Block(torch.randn(shape, generator=generator).half()), 5)
            pasts.append(past)
        each = [Latents.noise(CONFIG, torch.Generator().manual_seed(age), 1) for age in ages]
        last = Latents.cat(each)
        one = torch.stack([acts(seed=age).float() for age in ages])
        text = torch.zeros(len(ages), CONFIG.words)
        return Context(pasts, last, last.last(CONFIG), one, text), pasts

    ages = (1, 4, 9)
    together, _ = context(ages)
    noise = noise_of(plain, ages, ages)
    actions = torch.stack([acts(seed=7).float()] * len(ages))
    text = torch.zeros(len(ages), CONFIG.words)
    made, pasts = sample(plain, together, actions, text, noise, (0.0, 0.5))
    for i, age in enumerate(ages):
        alone, _ = context((age,))
        row = noise.map(lambda x, i=i: x[i : i + 1])  # type: ignore[misc]
        out, [past] = sample(plain, alone, actions[:1], text[:1], row, (0.0, 0.5))
        torch.testing.assert_close(out.picture[0], made.picture[i], rtol=1e-3, atol=1e-3)
        assert len(past.blocks) == len(pasts[i].blocks)


def test_a_fresh_head_shows_the_last_picture_again_before_the_next_scenery() -> None:
    head = Head(CONFIG)
    lead, size = (2, 3), (CONFIG.rows, CONFIG.columns)
    last = torch.randn(*lead, CONFIG.channels, *size)
    tokens = torch.randn(*lead, CONFIG.picture_tokens, CONFIG.width)
    features = torch.randn(6, CONFIG.detail, *size)
    out = head(tokens, features, last)
    torch.testing.assert_close(out, last.repeat(1, 1, CONFIG.latents, 1, 1))
    drawn = torch.randn(*lead, 1 + CONFIG.latents, CONFIG.channels, *size)
    out = head(tokens, features, last, drawn).unflatten(2, (CONFIG.latents, -1))
    residual = CONFIG.residual_kept * (last - drawn[:, :, 0])
    for i in range(CONFIG.latents):
        torch.testing.assert_close(out[:, :, i], residual + drawn[:, :, i + 1])


def test_the_path_goes_from_noise_to_the_clean_latents() -> None:
    noise, clean = latents(2, seed=1), latents(2, seed=2)
    tau = torch.tensor([0.0, 1.0]).double()
    out = mix(noise, clean, tau)
    torch.testing.assert_close(out.picture[0], noise.picture[0])
    torch.testing.assert_close(out.sound[1], clean.sound[1])
