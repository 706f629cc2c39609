"""Decoding and the pass for the keys: in any order, and at once, the same to the bit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
import torch

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.wan.overlap import beside, in_turn
from lightcone.model.interface import collect

WORLDS = ("wan:tiny", "matrix-game:tiny")
CHUNKS = 2


def keys_first(latents: Any, keep: Callable[[], Any], show: Callable[[], Any]) -> Any:
    return keep(), show()


def at_once(latents: Any, keep: Callable[[], Any], show: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as other, torch.inference_mode():
        shown = other.submit(torch.inference_mode()(show))
        return keep(), shown.result()


def made_with(order: Any, model: Any, state: Any, patch: pytest.MonkeyPatch) -> str:
    """A hash of all latents and pictures of a session."""
    patch.setattr("lightcone.model.families.wan.base.overlapped", order)
    info, found = model.worlds[state.world], sha256()
    states = [state]
    for chunk in range(CHUNKS):
        actions = info.actions([], frames=info.frames_of(chunk))
        states, [shown] = collect(model, states, [actions])
        found.update(model.digest(states[0]) + shown.frames.tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("world", WORLDS)
def test_the_order_of_keys_and_pictures_changes_neither(
    world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = open_model((world,), ModelSettings(steps=1))
    state = model.blank(world)
    found = {made_with(o, model, state, monkeypatch) for o in (in_turn, keys_first, at_once)}
    assert len(found) == 1


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("world", WORLDS)
def test_a_stream_beside_changes_neither(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = open_model((world,), ModelSettings(steps=1, device="cuda"))
    state = model.blank(world)
    found = {made_with(order, model, state, monkeypatch) for order in (in_turn, beside, beside)}
    assert len(found) == 1
