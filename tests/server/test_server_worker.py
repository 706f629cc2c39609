"""What the engine process opens, without the process."""

from __future__ import annotations

from typing import Any

import pytest

from lightcone.model.families.probe.model import ProbeWorld
from lightcone.model.families.staged.weights import Weights
from lightcone.server.worker import process as worker
from lightcone.server.worker.messages import Load


def test_weights_are_loaded_once_and_only_for_worlds_that_have_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[object] = []
    opened: list[Any] = []

    def load(folder: object) -> object:
        loaded.append(folder)
        return object()

    def open_world(name: str, **given: Any) -> ProbeWorld:
        opened.append(given["weights"])
        return ProbeWorld(0)

    monkeypatch.setattr(Weights, "load", load)
    monkeypatch.setattr(worker, "open_world", open_world)
    worlds = worker._Worlds(Load(["probe", "court", "pond"], "w", 1, "cpu", 0.0, 1))
    worlds.open("probe")
    assert loaded == []
    for name in ("court", "pond", "court"):
        worlds.open(name)
    assert len(loaded) == 1
    assert len(opened) == 3
    assert opened[1] is opened[2]
