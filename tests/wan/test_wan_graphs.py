"""Passes that are recorded once and repeated are the passes themselves, to the bit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from taped import Recorder
from torch import Tensor

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.wan.network.replayed import Passes
from lightcone.model.families.wan.network.sampler import noise_of, shifted

WORLDS = ("wan:tiny", "matrix-game:tiny")
STEPS = shifted((1000.0, 500.0))


def with_passes(model: Any, passes: Passes) -> Any:
    """The same model with other passes."""
    [weights] = model._weights.values()
    return type(model)([replace(weights, passes=passes)], model._place, steps=2)


def two_sessions(model: Any, world: str) -> list[Any]:
    """Of other prompts or pictures, seeds and lengths."""
    info, states = model.worlds[world], []
    for seed, prompt in enumerate(("a red boat", "a green field")):
        if info.image == "required":
            image = np.full((info.height, info.width, 3), 60 + 120 * seed, np.uint8)
            conditioning = model.prepare(world, image=image)
        else:
            conditioning = model.prepare(world, prompt)
        states.append(model.start(world, seed, conditioning))
    return [states[0], made(model, states[1], 0)]


@torch.inference_mode()
def made(model: Any, state: Any, seed: int) -> Any:
    """After the next chunk, which is not decoded. The seed is of its actions."""
    info, variant = model.worlds[state.world], model.weights_of(state.world).variant
    actions = info.actions([], frames=info.frames_of(state.chunk))
    actions[:] = np.random.default_rng(seed + state.chunk).random(actions.shape)
    chunk, like = variant.window.chunk, model._like
    noise = noise_of(variant.transformer, chunk, 2, [state.seed], [state.chunk], like)
    _, finish = model.generate([state], [actions], noise, STEPS)
    [after] = finish()
    return replace(after, chunk=state.chunk + 1)


def played(model: Any, states: list[Any], chunks: int) -> list[Tensor]:
    """The latents of both sessions in turn."""
    out = []
    for _ in range(chunks):
        states = [made(model, state, seed) for seed, state in enumerate(states)]
        out += [state.seen.newest[-3:] for state in states]
    return out


@pytest.mark.parametrize("world", WORLDS)
def test_repeated_passes_are_equal(world: str) -> None:
    """Sessions share a recording: whatever differs between them and between chunks is copied to
    where it looks for it."""
    plain: Any = open_model((world,), ModelSettings(steps=2))
    recorder = Recorder()
    repeated = with_passes(plain, Passes(recorder))
    most = plain.weights_of(world).variant.window.size // 3 - 1  # chunks of a full window
    states = two_sessions(plain, world)
    found, expected = (played(model, states, most + 2) for model in (repeated, plain))
    assert all(map(torch.equal, found, expected))
    assert recorder.recordings == 1
    assert recorder.repetitions == 3 * (2 + 3)  # two steps and the clean pass of full windows


def test_one_recording_is_used_by_one_step_at_a_time() -> None:
    model: Any = open_model(("wan:tiny",), ModelSettings(steps=2))
    weights, recorder = model.weights_of("wan:tiny"), Recorder()
    passes, state = Passes(recorder), two_sessions(model, "wan:tiny")[0]
    for _ in range(3):
        state = made(model, state, 0)
    rows, _ = model.rows([state], [])
    like = torch.zeros(1, *state.seen.newest[-3:].shape)

    def take() -> object:
        return passes.take(weights.transformer, weights.variant.window, rows, like)

    with torch.inference_mode():
        first, second = take(), take()
        assert type(first) is not type(second)
        for each in (first, second):
            passes.give_back(each)  # type: ignore[arg-type]
        assert take() is first
    assert recorder.recordings == 1


def test_a_recording_that_fails_is_tried_again() -> None:
    model: Any = open_model(("wan:tiny",), ModelSettings(steps=2))
    recorder, failures = Recorder(), [RuntimeError("not now")]

    def record(work: Callable[[], Tensor]) -> Any:
        if failures:
            raise failures.pop()
        return recorder(work)

    state = two_sessions(model, "wan:tiny")[0]
    for _ in range(3):
        state = made(model, state, 0)
    repeated = with_passes(model, Passes(record))
    with pytest.raises(RuntimeError, match="not now"):
        made(repeated, state, 0)
    made(repeated, state, 0)
    assert recorder.recordings == 1


def test_without_cuda_a_line_says_that_there_are_no_graphs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "lightcone.graphs"):
        open_model(("wan:tiny",), ModelSettings(graphs=True))
    [record] = caplog.records
    assert "graphs are for CUDA: on cpu" in record.getMessage()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")
@pytest.mark.parametrize("world", WORLDS)
def test_graphs_make_the_same_latents(world: str) -> None:
    plain: Any = open_model((world,), ModelSettings(steps=2, device="cuda"))
    graphs: Any = open_model((world,), ModelSettings(steps=2, device="cuda", graphs=True))
    states = two_sessions(plain, world)
    found, expected = (played(model, states, 5) for model in (graphs, plain))
    for one, other in zip(found, expected, strict=True):
        assert float((one - other).float().norm() / other.float().norm()) < 0.02
