"""Which world a folder of weights begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_avdit import saved

from lightcone.model.interface import WeightsError
from lightcone.server.cli.weights import ALL, first_world, served_worlds


def test_the_first_world_is_the_first_that_is_served(tmp_path: Path) -> None:
    saved(tmp_path / "dunes", "dunes")
    saved(tmp_path / "caves", "caves")
    assert first_world(tmp_path) == served_worlds(ALL, tmp_path)[0] == "caves"


def test_a_folder_without_weights_has_no_first_world(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights for any world"):
        first_world(tmp_path)
