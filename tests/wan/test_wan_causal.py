"""The chunk loop with its cache against one forward pass over all chunks, by a mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_wan import SMALL, Masked, relative_error, small
from torch import Tensor

from lightcone.model.families.wan.network.cache import Block, Cache, Past
from lightcone.model.families.wan.network.config import Window
from lightcone.model.families.wan.network.passes import Rows
from lightcone.model.families.wan.network.sampler import (
    blocks_of,
    noise_of,
    sample,
    shifted,
)
from lightcone.model.families.wan.network.store import Store
from lightcone.model.families.wan.network.transformer import WanTransformer

MOST = 1e-5
STEPS = shifted((1000, 500))


def made(
    model: WanTransformer, window: Window, text: Tensor, chunks: int, seeds: tuple[int, ...] = (1,)
) -> list[Tensor]:
    """Chunk after chunk: (B, chunk, C, rows, columns)."""
    pasts, out = [Past()] * len(seeds), []
    for i in range(chunks):
        noise = noise_of(SMALL, window.chunk, len(STEPS), seeds, [i] * len(seeds), model.place)
        rows = Rows(pasts, [i * window.chunk] * len(seeds), model.text_keys(text))
        latents, pasts = sample(model, window, rows, noise, STEPS, Store())
        out.append(latents)
    return out


def texts(batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    shape = (batch, SMALL.text_length, SMALL.text_width)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("positions", ["absolute", "window"])
@torch.inference_mode()
def test_the_loop_is_a_block_causal_forward_of_the_same_weights(positions: str) -> None:
    """As long as nothing has left the window."""
    model, window, text = small(), Window(2, 8, 2, positions), texts()  # type: ignore[arg-type]
    found = made(model, window, text, 4)
    chunk = torch.arange(8) // 2
    keys = model.text_keys(text)
    for i in range(4):
        noise = noise_of(SMALL, 2, 2, [1], [i], model.place)
        x = noise[0]
        for step, timestep in enumerate(STEPS):
            clip = torch.cat([*found[:i], x], 1)
            seen = chunk[: 2 * i + 2]
            context = Masked(SMALL, tuple(range(len(seen))), seen[:, None] >= seen[None])
            timesteps = torch.tensor([[0.0] * 2 * i + [timestep] * 2])
            flow = model(clip, timesteps, keys, context)[:, -2:]
            clean = x - timestep / 1000 * flow
            if step + 1 < len(STEPS):
                sigma = STEPS[step + 1] / 1000
                x = (1 - sigma) * clean + sigma * noise[step + 1]
        assert relative_error(found[i], clean) < MOST


@torch.inference_mode()
def test_a_window_sees_its_sink_and_the_newest_chunks() -> None:
    """Cached keys are those of the time when they were made, so a single layer is compared: there
    they depend on their own latents alone."""
    c = type(SMALL)(**{**vars(SMALL), "layers": 1})
    model, window, text = small(c=c), Window(1, 4, 1), texts()
    found = made(model, window, text, 7)
    noise = noise_of(SMALL, 1, 2, [1], [6], model.place)
    clip = torch.cat([found[0], found[4], found[5], noise[0]], 1)
    context = Masked(c, (0, 1, 2, 3), torch.ones(4, 4, dtype=torch.bool).tril())
    timesteps = torch.tensor([[0.0, 0.0, 0.0, STEPS[0]]])
    flow = model(clip, timesteps, model.text_keys(text), context)[:, -1:]
    clean = noise[0] - flow
    sigma = STEPS[1] / 1000
    x = (1 - sigma) * clean + sigma * noise[1]
    clip = torch.cat([found[0], found[4], found[5], x], 1)
    timesteps = torch.tensor([[0.0, 0.0, 0.0, STEPS[1]]])
    flow = model(clip, timesteps, model.text_keys(text), context)[:, -1:]
    assert relative_error(found[6], x - sigma * flow) < MOST


@torch.inference_mode()
def test_without_a_sink_absolute_positions_are_as_good_as_those_in_the_window() -> None:
    """The embedding is relative: only a sink, which is far away, makes them differ."""
    model, text = small(), texts()
    absolute = made(model, Window(1, 3, 0, "absolute"), text, 6)
    window = made(model, Window(1, 3, 0, "window"), text, 6)
    assert relative_error(absolute[-1], window[-1]) < MOST
    sunk = made(model, Window(1, 3, 1, "absolute"), text, 6)
    moved = made(model, Window(1, 3, 1, "window"), text, 6)
    assert relative_error(sunk[-1], moved[-1]) > 1e-4


@torch.inference_mode()
def test_a_cache_anew_is_one_forward_over_the_newest_latents() -> None:
    model, window, text = small(), Window(2, 6, 2), texts()
    latents = torch.randn(1, 4, 16, SMALL.rows, SMALL.columns, dtype=torch.float64)
    keys = model.text_keys(text)
    [blocks] = blocks_of(model, window, Rows([Past()], [0], keys), latents, Store())
    past = Past().followed_by(blocks, window)
    noise = torch.randn(1, 2, 16, SMALL.rows, SMALL.columns, dtype=torch.float64)
    cache = Cache(SMALL, window, [past], [4], 2, noise)
    found = model(noise, torch.full((1, 2), 500.0), keys, cache)
    sees = torch.ones(6, 6, dtype=torch.bool)
    sees[:4, 4:] = False
    timesteps = torch.tensor([[0.0] * 4 + [500.0] * 2])
    whole = model(
        torch.cat([latents, noise], 1), timesteps, keys, Masked(SMALL, tuple(range(6)), sees)
    )
    assert relative_error(found, whole[:, 4:]) < MOST


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.inference_mode()
def test_a_day_later_the_same_window_gives_the_same(dtype: torch.dtype) -> None:
    """A day is 345 600 latents at 16 frames a second."""
    model, window, text, day = small(dtype), Window(2, 6, 2), texts().to(dtype), 345_600
    latents = torch.randn(1, 6, 16, SMALL.rows, SMALL.columns, dtype=dtype)
    keys, found = model.text_keys(text), []
    for start in (0, day):
        [blocks] = blocks_of(model, window, Rows([Past()], [start], keys), latents[:, :4], Store())
        past = Past().followed_by(blocks, window)
        assert past.moved(window, start + 4) == [0, 0]
        cache = Cache(SMALL, window, [past], [start + 4], 2, latents)
        found.append(model(latents[:, 4:], torch.full((1, 2), 500.0), keys, cache))
    assert relative_error(found[1], found[0]) < MOST
    sunk = Past((blocks[0], *past.blocks[1:]))
    assert sunk.moved(window, day + 6) == [2, 2]
    assert sunk.moved(Window(2, 6, 2, "absolute"), day + 6) == [0, 0]


@torch.inference_mode()
def test_rows_of_a_batch_do_not_see_one_another() -> None:
    model, window, text = small(), Window(2, 4), texts(2)
    both = made(model, window, text, 3, (1, 2))
    for row in range(2):
        alone = made(model, window, text[row : row + 1], 3, (row + 1,))
        assert relative_error(both[-1][row], alone[-1][0]) < MOST


@given(
    chunk=st.integers(1, 3),
    sink=st.integers(0, 2),
    more=st.integers(1, 4),
    count=st.integers(0, 20),
)
@settings(deadline=None, max_examples=50)
def test_a_past_is_the_sink_and_the_newest(chunk: int, sink: int, more: int, count: int) -> None:
    window = Window(chunk, (sink + more) * chunk, sink * chunk)
    past = Past()
    for i in range(count):
        past = past.followed_by([Block(Store().keep(torch.zeros(0)), i * chunk)], window)
    most = sink + more - 1
    kept = list(range(count))
    if count > most:
        kept = kept[:sink] + kept[count - (most - sink) :]
    assert past.positions == tuple(i * chunk for i in kept)


@pytest.mark.parametrize(("chunk", "size", "sink"), [(2, 5, 0), (2, 6, 1), (3, 3, 3)])
def test_a_window_is_whole_chunks(chunk: int, size: int, sink: int) -> None:
    with pytest.raises(ValueError, match="no window"):
        Window(chunk, size, sink)


def test_timesteps_are_those_of_the_models() -> None:
    found = shifted((1000, 750, 500, 250))
    assert found == pytest.approx((1000.0, 937.5, 2500 / 3, 625.0))


def test_noise_is_that_of_its_seed_and_chunk_alone() -> None:
    like = torch.zeros(0)
    both = noise_of(SMALL, 2, 4, [7, 8], [3, 0], like)
    assert both.shape == (4, 2, 2, 16, SMALL.rows, SMALL.columns)
    assert torch.equal(both[:, 1], noise_of(SMALL, 2, 4, [8], [0], like)[:, 0])
    assert torch.equal(both[:2], noise_of(SMALL, 2, 2, [7, 8], [3, 0], like))
    assert not torch.equal(both[:, 0], both[:, 1])
