"""`bench sizes`: the sizes are what they are called, and floors are of the right order."""

from __future__ import annotations

import json

import pytest

from lightcone.bench.cli import main
from lightcone.bench.sizes import H100, Device, floor
from lightcone.model.families.avdit.network.config import AvditConfig


def test_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sizes", "--steps", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = found["sizes"]
    assert list(sizes) == ["small", "base", "large"]
    assert sizes["base"]["parameters_m"] == pytest.approx(150, rel=0.05)
    assert sizes["large"]["parameters_m"] == pytest.approx(1000, rel=0.05)
    assert all(each["floor_core_ms"] > each["floor_h100_ms"] > 0 for each in sizes.values())


def test_the_floor_is_arithmetic_or_memory_whichever_is_more() -> None:
    c = AvditConfig(rows=4, columns=8, controls=3)
    assert floor(1e12, 0, c, H100) == pytest.approx(1e12 / H100.flops)
    slow_memory = Device(1e15, 1e9, 2)
    assert floor(1.0, 10**6, c, slow_memory) == pytest.approx((2e6 + 2 * c.cache_values) / 1e9)
