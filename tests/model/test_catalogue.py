"""Worlds by name, without loading what only a running model needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lightcone.model.catalogue import (
    ModelSettings,
    family_of,
    offered_worlds,
    open_model,
    world_info,
)
from lightcone.model.interface import UnknownWorld, WeightsError


def loads(code: str) -> set[str]:
    """The modules that a fresh process has loaded after `code`."""
    shown = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(shown.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("world", "family"),
    [("court", "staged"), ("probe-35", "probe"), ("env:CartPole-v1", "env"), ("longlive", "wan")],
)
def test_a_world_has_a_family(world: str, family: str) -> None:
    assert family_of(world).name == family


def test_an_unknown_world_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(UnknownWorld, match=r"unknown world 'mars' \(known: court, .*probe.*env:"):
        world_info("mars")


def test_what_is_offered_depends_on_the_weights(tmp_path: Path) -> None:
    assert set(offered_worlds()) >= {"court", "pond", "corridors", "probe"}
    without = offered_worlds(tmp_path)
    assert "court" not in without
    assert "probe" in without
    with pytest.raises(WeightsError, match="no weights in"):
        world_info("court", tmp_path)


def test_properties_of_worlds_are_known_without_torch() -> None:
    loaded = loads(
        "from lightcone.model.catalogue import offered_worlds, world_info\n"
        "for name in offered_worlds(): assert world_info(name).name == name"
    )
    assert "torch" not in loaded
    assert "gymnasium" not in loaded


def test_a_model_has_the_worlds_it_was_opened_with() -> None:
    model = open_model(("probe", "probe-60"), ModelSettings(probe_compute_ms=0))
    assert tuple(model.worlds) == ("probe", "probe-60")
    with pytest.raises(UnknownWorld, match="one family"):
        open_model(("probe", "court"))


def test_a_staged_model_serves_without_simulators() -> None:
    loaded = loads(
        "from lightcone.model.catalogue import open_model\n"
        "from lightcone.model.interface import collect\n"
        "model = open_model(('court', 'pond', 'corridors'))\n"
        "for world, info in model.worlds.items():\n"
        "    state = model.start(world, 1, model.prepare(world))\n"
        "    collect(model, [state], [info.actions([])])"
    )
    assert "lightcone.model.families.staged.model" in loaded
    assert not [name for name in loaded if name.startswith("lightcone.model.simulators")]
