"""What grows in a server: the arithmetic by itself, and a real server for a moment."""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from itertools import islice
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench.errors import BenchError
from lightcone.bench.server_process import target
from lightcone.bench.soak import counts
from lightcone.bench.soak.command import UNLIMITED, measure, parts
from lightcone.bench.soak.growth import growth, sentence
from lightcone.bench.soak.moves import SHARES, bad_message, bad_request, moves

HOURS = [n / 60 for n in range(12)]
METRICS = """
# TYPE lightcone_sessions gauge
lightcone_sessions{phase="running",world="probe"} 2.0
lightcone_sessions{phase="paused",world="court"} 1.0
# TYPE lightcone_viewers gauge
lightcone_viewers{world="probe"} 4.0
# TYPE lightcone_tasks gauge
lightcone_tasks 31.0
# TYPE lightcone_chunks counter
lightcone_chunks_total{world="probe"} 99.0
"""


def test_a_leak_grew_and_noise_did_not() -> None:
    leak = growth("server memory_mb", HOURS, [200 + 60 * hour * 5 for hour in HOURS])
    assert leak.grew
    assert leak.per_hour == pytest.approx(300)
    assert leak.share == pytest.approx(40 / 207.5, abs=1e-4)
    noise = growth("server memory_mb", HOURS, [200 + (n % 3) for n in range(12)])
    assert not noise.grew
    assert growth("server udp_sockets", HOURS, [float(n) for n in range(12)]).grew
    assert not growth("tasks", HOURS, [30.0] * 11 + [31.0]).grew
    assert not growth("server memory_mb", HOURS, [200.0 - n for n in range(12)]).grew


def test_the_conclusion_is_a_sentence() -> None:
    found = {
        "server memory_mb": growth("server memory_mb", HOURS, [100.0 + 10 * n for n in range(12)]),
        "tasks": growth("tasks", HOURS, [30.0] * 12),
    }
    text = sentence(found, 0.5, "99 joins")
    assert text.startswith("after 99 joins in 30.0 min, grew: server memory by 80 (+600 an hour).")
    assert "server 115 to 195 MB (+69.6%)" in text
    assert "nothing grew" in sentence({"tasks": found["tasks"]}, 1, "")


@given(st.integers(1, 5000))
def test_the_parts_are_all_the_cycles(total: int) -> None:
    found = parts(total)
    assert sum(found) == total
    assert min(found) >= 1
    assert len(found) <= 13
    assert max(found[1:], default=0) - min(found[1:], default=0) <= 1


def test_people_do_the_same_for_the_same_seed_and_everything_in_time() -> None:
    first = list(islice(moves(7, 0), 300))
    assert first == list(islice(moves(7, 0), 300))
    assert first != list(islice(moves(7, 1), 300))
    assert Counter(move.kind for move in first).keys() == SHARES.keys()


@given(st.integers(0, 2**31))
def test_nothing_bad_is_a_message_that_could_be_taken(pick: int) -> None:
    message = bad_message(pick)
    if isinstance(message, bytes) and message[:1] != b"\x00":
        try:
            read: Any = msgpack.unpackb(message)
        except (ValueError, msgpack.UnpackException):
            return
        hello = {"type": "hello", "version": 3, "want": "driver", "resume": None}
        assert not isinstance(read, dict) or read != hello
    assert bad_request(pick, "ID").path.startswith("/")


def test_gauges_are_summed_over_worlds() -> None:
    found = counts.of_metrics(METRICS)
    assert found == {"sessions": 3, "viewers": 4, "seats": 0, "queue_length": 0, "tasks": 31}
    assert not counts.at_rest(found)
    assert counts.at_rest(dict.fromkeys(found, 0.0))


def test_a_process_is_counted_and_one_that_is_gone_is_one_line() -> None:
    found = counts.of_processes(os.getpid())
    assert found["server memory_mb"] > 10
    assert found["server threads"] >= 1
    with pytest.raises(BenchError, match="has ended"):
        counts.of_processes(2**22 - 1)


async def test_joins_sessions_and_people_leave_nothing_behind() -> None:
    nothing = {
        "world": "probe",
        "seed": 0,
        "people": 1,
        "warm_up": 1,
        "cycles": None,
        "sessions": None,
    }
    with target(None, "probe", [*UNLIMITED, "--probe-compute-ms", "1"]) as server:
        counted = await measure(server, Namespace(**nothing | {"cycles": 4, "sessions": 2}))
        played = await measure(server, Namespace(**nothing, minutes=0.05))
    assert counted["done"] == {"joins": 4, "sessions": 2}
    assert len(counted["counts"]) == 6
    for each in [*counted["counts"], *played["counts"]]:
        assert [each[name] for name in counts.PEOPLE] == [0, 0, 0]
        assert each["server udp_sockets"] == 0
        assert each["worker processes"] == 1
    assert counted["growth"]["tasks"]["last"] > 0
    assert played["done"]["session"] >= 3
    assert played["conclusion"].startswith("after ")
