"""Where keys and values are kept: an arena of blocks, and eight-bit numbers with their error."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.wan.model import WanModel
from lightcone.model.families.wan.network.store import Arena, Kept, Store, block_bytes
from lightcone.model.families.wan.state import WanState
from lightcone.model.families.wan.variants import VARIANTS
from lightcone.model.families.wan.weights import Formats, Place, budgets, opened
from lightcone.model.interface import ModelError, WeightsError, collect
from lightcone.model.runtime.fp8 import Fp8Linear, quantised

CPU = torch.device("cpu")
TINY = VARIANTS["wan:tiny"]
HELD = TINY.info.actions([])
SHAPES = [(2, 2, 3, 5), (1, 4)]


def opened_with(formats: Formats) -> WanModel:
    place = Place(CPU, torch.float32, CPU, formats)
    return WanModel([opened(TINY, Path(), place)], place, steps=1)


def after(model: WanModel, state: WanState, chunks: int) -> WanState:
    for _ in range(chunks):
        [state], _ = collect(model, [state], [HELD])
    return state


@given(fp8=st.booleans(), moves=st.lists(st.integers(0, 5), max_size=30))
def test_an_arena_holds_what_is_held_and_no_more(fp8: bool, moves: list[int]) -> None:
    """Each move replaces what one of six holds."""
    blocks = Arena(6, block_bytes(SHAPES, torch.float32, fp8=fp8), CPU)
    inside, outside = Store(fp8=fp8, arena=blocks), Store(fp8=fp8)
    held: dict[int, tuple[Kept, Kept]] = {}
    for number, who in enumerate(moves):
        tensors = [torch.full(shape, float(number + 1)) for shape in SHAPES]
        held.pop(who, None)
        held[who] = inside.keep(*tensors), outside.keep(*tensors)
        assert blocks.free == 6 - len(held)
    for one, other in held.values():
        assert all(torch.equal(one.read(i), other.read(i)) for i in range(len(SHAPES)))
        assert one.bytes == other.bytes


def test_a_full_arena_is_named() -> None:
    store = Store(arena=Arena(1, block_bytes(SHAPES, torch.float32, fp8=False), CPU))
    kept = store.keep(*(torch.zeros(shape) for shape in SHAPES))
    with pytest.raises(ModelError, match=r"all 1 blocks .* in use: .*--kv-gb"):
        store.keep(torch.zeros(1))
    del kept
    store.keep(torch.zeros(1))


def test_sessions_in_an_arena_are_the_same_and_give_it_back() -> None:
    place = Place(CPU, torch.float32, CPU, Formats(arena_bytes=3_000_000))
    weights = opened(TINY, Path(), place)
    model, plain = WanModel([weights], place, steps=1), opened_with(Formats())
    assert model.fingerprint == plain.fingerprint
    arena = weights.store._arena
    assert arena is not None
    free = arena.free
    state, expected = after(model, model.blank("wan:tiny"), 6), plain.blank("wan:tiny")
    assert model.digest(state) == plain.digest(after(plain, expected, 6))
    assert free - arena.free == len(state.past.blocks) == 3
    forks = [after(model, state, 1) for _ in range(2)]
    assert free - arena.free == 5  # three, and each fork's own newest
    del forks, state
    gc.collect()
    assert arena.free == free


def test_an_arena_is_counted_before_anything_is_loaded() -> None:
    formats = Formats(arena_bytes=20_000_000_000)
    place = Place(CPU, torch.bfloat16, CPU, formats)
    [budget] = budgets(VARIANTS["longlive"], place, 0).values()
    assert budget.parts["keys and values"] == 20_000_000_000
    [eight] = budgets(VARIANTS["longlive"], replace(place, formats=Formats(True, True)), 0).values()
    [native] = budgets(VARIANTS["longlive"], replace(place, formats=Formats()), 0).values()
    for part in ("transformer", "keys and values"):
        assert eight.parts[part] == pytest.approx(native.parts[part] / 2, rel=0.05)
    with pytest.raises(WeightsError, match=r"arena of 0.00 GB .* one session takes 5 \(--kv-gb\)"):
        open_model(("wan:tiny",), ModelSettings(kv_gb=1e-4))


@torch.inference_mode()
def test_eight_bits_are_off_by_at_most_a_sixteenth() -> None:
    """E4M3 has three bits after the point, so what is not tiny is off by 1/16 at most."""
    x = torch.randn(4, 300, generator=torch.Generator().manual_seed(0))
    values, scale = quantised(x, (1,))
    back = values.float() * scale
    large = x.abs() > scale * 2**-6
    assert float(((back - x) / x)[large].abs().max()) <= 1 / 16
    layer = nn.Linear(300 - 300 % 16, 64)
    inputs = x[:, : layer.in_features]
    expected, found = layer(inputs), Fp8Linear(layer)(inputs)
    assert float((found - expected).norm() / expected.norm()) < 0.06


@pytest.mark.parametrize("formats", [Formats(fp8_kv=True), Formats(fp8_linears=True)])
def test_a_model_in_eight_bits_is_near_the_other(formats: Formats) -> None:
    eight, native = opened_with(formats), opened_with(Formats())
    assert eight.fingerprint != native.fingerprint
    found, expected = (after(model, model.blank("wan:tiny"), 2) for model in (eight, native))
    off = found.seen.newest - expected.seen.newest
    assert 1e-5 < float(off.norm() / expected.seen.newest.norm()) < 0.2
    if formats.fp8_kv:
        small, large = found.past.blocks[0].kept.bytes, expected.past.blocks[0].kept.bytes
        assert small == pytest.approx(large / 4, rel=0.01)
