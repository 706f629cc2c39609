"""The family that docs/architecture.md shows as an example works as it is written there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest

from lightcone.model import catalogue
from lightcone.model.interface import Model, collect
from lightcone.model.runtime.snapshot import pack, unpack
from lightcone.server.cli.generate import Job, generate

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The code of the page as a module."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) <= 60
    module = ModuleType("pulse")
    monkeypatch.setitem(sys.modules, "pulse", module)  # dataclasses look their module up
    exec(compile(found[1], str(PAGE), "exec"), vars(module))
    return module


def test_states_step_twice_and_survive_as_bytes(example: ModuleType) -> None:
    model: Model = example.PulseModel()
    info = model.worlds["pulse"]
    state = model.start("pulse", 1, model.prepare("pulse", "warm"))
    held = info.actions(["glow"])
    [once], [chunk] = collect(model, [state], [held])
    [again], _ = collect(model, [state], [held])
    assert once == again
    assert chunk.frames.shape == (3, 48, 64, 3)
    assert chunk.sound is not None
    assert chunk.sound.shape == (info.samples(0, 3),)
    assert model.restore(unpack(pack(model.snapshot(once)))) == once
    assert model.digest(once) != model.digest(state)


def test_it_is_one_entry_away_from_the_command_line(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    families = (*catalogue.FAMILIES, example.PulseFamily())
    monkeypatch.setattr(catalogue, "FAMILIES", families)
    actions = tmp_path / "actions.jsonl"
    actions.write_text('{"t": 0.5, "buttons": ["glow"]}\n')
    out = tmp_path / "pulse.mp4"
    generate(Job(out=out, world="pulse", seconds=1.5, actions=actions, prompt="cold"))
    with av.open(str(out)) as file:
        pictures = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(pictures) == 45
    red = [float(np.mean(picture[..., 0])) for picture in pictures]
    assert red[44] > red[10] + 100
