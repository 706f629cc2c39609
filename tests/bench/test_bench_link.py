"""The emulated network: its schedule by itself, and real packets through it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.bench.cli import main
from lightcone.bench.errors import BenchError
from lightcone.bench.link import devices
from lightcone.bench.link.network import network
from lightcone.bench.link.schedule import QUEUE_S, Conditions, Direction

conditions = st.builds(
    lambda delay, jitter, loss, rate, seed: Conditions(delay, jitter * delay, loss, rate, seed),
    st.floats(0, 500),
    st.floats(0, 1),
    st.floats(0, 99),
    st.none() | st.floats(50, 10_000),
    st.integers(0, 99),
)
packets = st.lists(st.tuples(st.floats(0, 0.2), st.integers(1, 1500)), max_size=60)
"""Seconds since the packet before, and bytes."""

Arrived = tuple[float, float, bytes]
"""When it was sent and when it was due, and what it was."""


def carried(direction: Direction, sent: Sequence[tuple[float, int]]) -> list[Arrived]:
    """In order of arrival; each packet begins with its own number."""
    now, moments = 0.0, []
    for number, (after, size) in enumerate(sent):
        now += after
        moments.append(now)
        direction.take(number.to_bytes(2, "big") + bytes(size), now)
    arrived: list[Arrived] = []
    while (due := direction.next_due) is not None:
        for packet in direction.due(due):
            arrived.append((moments[int.from_bytes(packet[:2], "big")], due, packet))
    return arrived


@given(conditions, packets)
def test_each_packet_arrives_once_or_is_counted(
    given: Conditions, sent: list[tuple[float, int]]
) -> None:
    direction = Direction(given, 0)
    arrived = carried(direction, sent)
    assert len({packet[:2] for _, _, packet in arrived}) == len(arrived)
    assert direction.taken == len(sent) == len(arrived) + direction.lost + direction.dropped
    assert [due for _, due, _ in arrived] == sorted(due for _, due, _ in arrived)
    for began, due, packet in arrived:
        waited_ms = 1000 * (due - began)
        assert waited_ms >= given.delay_ms - given.jitter_ms - 1e-6
        line_ms = 0.0 if given.rate_kbps is None else 8 * len(packet) / given.rate_kbps
        queue_ms = 0.0 if given.rate_kbps is None else 1000 * QUEUE_S
        assert waited_ms <= given.delay_ms + given.jitter_ms + line_ms + queue_ms + 1e-6
    if given.rate_kbps is None:
        assert direction.dropped == 0


@given(st.floats(0, 100), st.floats(50, 5000), packets)
def test_no_more_than_the_rate_comes_through(
    delay: float, rate: float, sent: list[tuple[float, int]]
) -> None:
    arrived = carried(Direction(Conditions(delay, rate_kbps=rate), 0), sent)
    assert [packet[:2] for _, _, packet in arrived] == sorted(each[2][:2] for each in arrived)
    for i, (_, first, head) in enumerate(arrived):
        bits = 0
        for _, due, packet in arrived[i + 1 :]:
            bits += 8 * len(packet)
            assert bits <= 1000 * rate * (due - first) + 1e-3, head


@given(conditions, packets)
def test_the_same_seed_loses_the_same_packets(
    given: Conditions, sent: list[tuple[float, int]]
) -> None:
    assert carried(Direction(given, 1), sent) == carried(Direction(given, 1), sent)


def test_loss_is_the_share_that_was_asked_for() -> None:
    direction = Direction(Conditions(loss=10.0), 0)
    carried(direction, [(0.001, 100)] * 5000)
    assert 430 < direction.lost < 570


@pytest.mark.parametrize(
    "wrong", [{"jitter_ms": 1.0}, {"delay_ms": -1.0}, {"loss": 100.0}, {"rate_kbps": 0.0}]
)
def test_what_no_network_does_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BenchError):
        Conditions(**wrong)


def test_without_the_right_to_make_networks_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices.os, "geteuid", lambda: 1000)
    assert main(["latency", "--subject", "lightcone", "--loss", "5"]) == 1
    assert "takes root" in capsys.readouterr().err
    assert main(["latency", "--loss", "5"]) == 1
    assert "takes --subject" in capsys.readouterr().err


ECHO = """
import socket, sys
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.sendto(b"hello", (sys.argv[1], int(sys.argv[2])))
print(there.recv(99).decode())
"""


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(devices.TUN), reason="takes root")
def test_packets_of_a_program_at_the_other_end_come_late() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        with network(Conditions(delay_ms=40)) as link:
            here.bind((link.ends.here, 0))
            inside = ["nsenter", f"--net=/run/netns/{link.ends.namespace}", sys.executable]
            arguments = [link.ends.here, str(here.getsockname()[1])]
            with subprocess.Popen(
                [*inside, "-c", ECHO, *arguments], stdout=subprocess.PIPE, text=True
            ) as program:
                said, address = here.recvfrom(99)
                began = time.monotonic()
                here.sendto(said + b" again", address)
                assert program.stdout is not None
                assert program.stdout.read() == "hello again\n"
            assert time.monotonic() - began >= 0.04
            assert address[0] == link.ends.there
            assert link.seen_from_there("http://127.0.0.1:8080/x") == (
                f"http://{link.ends.here}:8080/x"
            )
            with pytest.raises(BenchError, match="only this machine"):
                link.seen_from_there("http://example.org/")
        assert link.counts["to_the_server"]["packets"] >= 1
        assert link.counts["to_the_browser"]["lost"] == 0
    assert not os.path.exists(f"/run/netns/{link.ends.namespace}")
