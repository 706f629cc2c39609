"""Percentiles, slopes, accounts of /proc, and the plan of presses."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench.latency.presses import presses
from lightcone.bench.machine import machine
from lightcone.bench.procfs import (
    TICKS_PER_SECOND,
    child_running,
    cpu_seconds,
    memory,
    process_cpu_seconds,
    process_memory,
)
from lightcone.bench.statistics import (
    Spread,
    slope,
    spread,
)

CHUNK_S = 2 / 24


def test_percentiles_are_interpolated() -> None:
    assert spread([float(n) for n in range(101)]) == Spread(50.0, 95.0, 99.0, 101)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.9, 2.0, 2)
    assert spread([]) is None


@given(st.floats(-5, 5), st.floats(-5, 5), st.lists(st.integers(0, 99), min_size=2, unique=True))
def test_the_slope_of_a_line_is_its_own(a: float, b: float, x: list[int]) -> None:
    assert slope(x, [a * each + b for each in x]) == pytest.approx(a, abs=1e-6)


def test_cpu_time_is_found_behind_any_program_name() -> None:
    fields = ["S", *["0"] * 10, str(3 * TICKS_PER_SECOND), str(TICKS_PER_SECOND), *["0"] * 30]
    for name in ("python", "a b", ") 1 2 (", "x)"):
        assert cpu_seconds(f"12 ({name}) {' '.join(fields)}\n") == 4.0


def test_cpu_time_and_memory_of_this_process() -> None:
    before = process_cpu_seconds(os.getpid())
    assert 0 < before <= process_cpu_seconds(os.getpid())
    used = process_memory(os.getpid())
    assert 1 < used.now_mb <= used.peak_mb


def test_memory_is_in_megabytes() -> None:
    found = memory("Name:\tx: y\nVmHWM:\t  3000 kB\nVmRSS:\t  1000 kB\n")
    assert (found.now_mb, found.peak_mb) == (1.0, 3.1)


def test_a_child_is_found_by_its_module() -> None:
    code = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with subprocess.Popen(code, stdout=subprocess.PIPE, env={"PYTHONUNBUFFERED": "1"}) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child_running(os.getpid(), "http.server") == child.pid
        assert child_running(os.getpid(), "http") is None
        child.terminate()


def test_the_machine_is_described() -> None:
    here = machine()
    assert here.cores >= 1
    assert here.cpu
    assert here.packages["aiortc"]


def test_presses_are_the_same_for_the_same_seed_and_leave_a_chunk_between() -> None:
    plan = presses(200, ("left", "jump"), seed=3)
    assert plan == presses(200, ("left", "jump"), seed=3)
    assert plan != presses(200, ("left", "jump"), seed=4)
    assert [press.control for press in plan[:3]] == ["left", "jump", "left"]
    for press, following in pairwise(plan):
        assert following.after - press.hold > CHUNK_S
    assert 180 / 3 < sum(press.after for press in plan) < 220 / 3
