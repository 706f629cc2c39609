"""Inside a chunk nothing waits for the device, a pass is one graph, and pictures are shown before
the chunk is done with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lightcone.model.catalogue import ModelSettings, open_model
from lightcone.model.families.matrix_game.network.cache import ActedCache
from lightcone.model.families.matrix_game.network.config import TINY
from lightcone.model.families.matrix_game.network.transformer import MatrixGameTransformer
from lightcone.model.families.wan.base import VideoModel
from lightcone.model.families.wan.network import sampler
from lightcone.model.families.wan.network.cache import Cache, Past
from lightcone.model.families.wan.network.passes import at
from lightcone.model.interface import collect

WORLDS = ("wan:tiny", "matrix-game:tiny")

TO_HOST = {
    *("item", "tolist", "cpu", "numpy", "nonzero", "equal", "allclose", "unique"),
    *("__bool__", "__int__", "__float__", "__index__", "__len__of_data"),
}
"""Functions whose results the host waits for."""
FROM_HOST = {"tensor", "as_tensor", "from_numpy"}
"""And those that copy what the host has, for which it waits too."""
SCALARS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero"}


class Waits(TorchFunctionMode):
    """Names what waits for the device, by its functions; and with `Scalars` by its operators."""

    def __init__(self, also: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        super().__init__()
        self.names, self.found = TO_HOST | also, list[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in self.names:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


class Scalars(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.found = list[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name in SCALARS:
            self.found.append(func._schema.name)
        return func(*args, **(kwargs or {}))


def guarded(work: Callable[[], object], also: set[str] = frozenset()) -> list[str]:  # type: ignore[assignment]
    with Waits(also) as waits, Scalars() as scalars:
        work()
    return waits.found + scalars.found


@pytest.mark.parametrize(
    "work",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.sum() > 0),
        lambda x: float(x[0]),
        lambda x: int(x[0]),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
        lambda x: x[x > 0] if x.sum() > 0 else x,
        lambda x: list(range(3))[x.argmax()],
    ],
)
def test_the_guard_sees_what_waits(work: Callable[[Tensor], object]) -> None:
    assert guarded(lambda: work(torch.ones(3)))
    assert not guarded(lambda: torch.ones(3).add_(1).softmax(0))


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_waits_from_the_first_pass_to_the_end_of_a_chunk(
    world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is copied to the device is copied before; the chunk's pictures are what is waited
    for."""
    model: Any = open_model((world,), ModelSettings(steps=2))
    state, info = model.blank(world), model.worlds[world]
    [state], _ = collect(model, [state], [info.actions([], frames=9)])
    waits: list[str] = []
    finished = []

    def watched(flow: Any, noise: Tensor, steps: Any) -> Tensor:
        out: list[Tensor] = []
        waits.extend(guarded(lambda: out.append(own(flow, noise, steps)), FROM_HOST))
        return out[0]

    own = sampler.denoised
    monkeypatch.setattr(sampler, "denoised", watched)
    generate = VideoModel.generate

    def finishing(self: Any, *args: Any) -> Any:
        latents, finish = generate(self, *args)

        def last() -> Any:
            waits.extend(guarded(lambda: finished.append(finish()), FROM_HOST))
            return finished[-1]

        return latents, last

    monkeypatch.setattr(VideoModel, "generate", finishing)
    collect(model, [state, state], [info.actions([])] * 2)
    assert finished
    assert waits == []


def test_pictures_are_shown_before_the_chunk_is_done_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each latent's before the next one is decoded."""
    model: Any = open_model(("wan:tiny",), ModelSettings(steps=1))
    state, happened = model.blank("wan:tiny"), []
    weights = model.weights_of("wan:tiny")
    read = type(weights.transformer).read
    monkeypatch.setattr(
        type(weights.transformer),
        "read",
        lambda *args: (happened.append("clean pass"), read(*args)),
    )
    weights.decoder.register_forward_pre_hook(lambda *_: happened.append("decoded"))
    model.step([state], [np.zeros((9, 0), np.float32)], lambda row, part: happened.append("shown"))
    assert happened == ["decoded", "shown"] * 3 + ["clean pass"]


@torch.inference_mode()
def test_a_pass_of_each_transformer_is_one_graph() -> None:
    wan: Any = open_model(("wan:tiny",), ModelSettings(steps=1)).weights_of("wan:tiny")  # type: ignore[attr-defined]
    c, window = wan.variant.transformer, wan.variant.window
    x = torch.randn(1, window.chunk, c.channels, c.rows, c.columns)
    text = wan.transformer.text_keys(torch.randn(1, c.text_length, c.text_width))
    cache = Cache(c, window, [Past()], [0], window.chunk, x)
    one_graph(wan.transformer, x, at(500.0, x), text, cache)

    game = MatrixGameTransformer(TINY).eval().requires_grad_(False)
    x = torch.randn(1, window.chunk, TINY.inputs, TINY.rows, TINY.columns)
    seen = torch.randn(1, window.chunk, TINY.frames_seen, TINY.keys + TINY.mouse)
    hands = seen.split([TINY.keys, TINY.mouse], -1)
    acted = ActedCache(TINY, window, [Past()], [0], *hands, x)
    features = game.picture_keys(torch.randn(1, TINY.text_length, TINY.text_width))
    one_graph(game, x, at(500.0, x), features, acted)


def one_graph(module: torch.nn.Module, *args: object) -> None:
    found = torch._dynamo.explain(module)(*args)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons
