"""What is counted of what workers report."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.scheduling.degradation import level_of
from lightcone.server.telemetry.meter import Meter
from lightcone.server.worker import messages as wire


def made(row: int = 0, batch: int = 1, held_s: float = 0.0, decode_ms: float = 0.0) -> wire.Made:
    return wire.Made("w", 0, 2, 0, 0.0, b"", batch, row, 1, 1, b"d", 20.0, held_s, [], decode_ms)


def value(meter: Meter, name: str, **labels: Any) -> float:
    found = {key: str(label) for key, label in labels.items()}
    return meter.registry.get_sample_value(f"lightcone_{name}", found) or 0.0


def test_a_batch_is_one_step_and_as_many_chunks_as_it_has_sessions() -> None:
    meter = Meter(["probe"])
    for row in range(3):
        meter.received("probe", made(row, batch=4, decode_ms=8.0))
    assert (meter.worlds["probe"].chunks, meter.worlds["probe"].frames) == (3, 6)
    for part, seconds in (("step", 0.02), ("decode", 0.008)):
        labels = {"world": "probe", "batch": 4, "part": part}
        assert value(meter, "chunk_seconds_count", **labels) == 1
        assert value(meter, "chunk_seconds_sum", **labels) == pytest.approx(seconds)


def test_a_family_that_does_not_know_its_parts_has_none() -> None:
    meter = Meter(["probe"])
    meter.received("probe", made())
    labels = {"world": "probe", "batch": 1, "part": "decode"}
    assert value(meter, "chunk_seconds_count", **labels) == 0


@given(st.lists(st.floats(0, 1)))
def test_a_miss_is_a_chunk_for_which_the_clock_was_held(holds: list[float]) -> None:
    meter = Meter(["probe", "pond"])
    for held_s in holds:
        meter.received("pond", made(held_s=held_s))
    counts = meter.worlds["pond"]
    assert counts.chunks == len(holds)
    assert counts.deadline_misses == sum(held > 0 for held in holds)
    assert counts.held_s == pytest.approx(sum(holds))
    assert meter.worlds["probe"].chunks == 0


def test_what_workers_did_not_send_adds_up_over_seconds_and_workers() -> None:
    meter = Meter(["probe"])
    for dropped in ({"late": 2}, {"late": 1, "overtaken": 3}, {}):
        meter.worker(wire.Stats(500.0, 100.0, 1.0, dropped=dropped))  # type: ignore[arg-type]
    assert meter.dropped == {"late": 3, "overtaken": 3, "unread": 0}
    assert meter.stepping_s == pytest.approx(1.5)
    assert meter.encoding_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("standing", "name"),
    [
        ((4, 4, 1.0, False), "full"),
        ((0, 0, 1.0, False), "full"),  # nothing is known yet
        ((2, 4, 1.0, False), "fewer_steps"),
        ((2, 4, 0.5, False), "lower_rate"),
        ((2, 4, 0.5, True), "overloaded"),
    ],
)
def test_levels_have_names(standing: tuple[int, int, float, bool], name: str) -> None:
    assert level_of(*standing) == name
