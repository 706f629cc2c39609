"""The process between the two ends: `python -m lightcone.bench.link.emulator CONDITIONS`.

One end is a TUN device of this machine, the other one is in a network namespace. Prints one line of
JSON when both are up, `Ends`; ends with its stdin, or by itself where they can not be made, with
the reason on stderr. Its last line is JSON, what it did with the packets of both directions.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from lightcone.bench.errors import BenchError
from lightcone.bench.link.devices import check, ip, open_tun
from lightcone.bench.link.schedule import Conditions, Direction

LARGEST = 65535  # bytes of an IP packet


@dataclass(frozen=True)
class Ends:
    """`here` is this machine's address, `there` the one in the namespace `namespace`."""

    here: str
    there: str
    namespace: str


@dataclass
class Way:
    """From one device into another."""

    name: str
    source: int
    sink: int
    direction: Direction


def main(conditions: Conditions) -> None:
    check()
    number = os.getpid() % 2**14
    # RFC 2544 leaves 198.18.0.0/15 to benchmarks: a network of four addresses for each process
    base = f"198.18.{number // 64}.{{}}"
    first = number % 64 * 4
    ends = Ends(base.format(first + 1), base.format(first + 2), f"lightcone-{os.getpid()}")
    with _devices(ends) as (here, there):
        ways = [
            Way("to_the_browser", here, there, Direction(conditions, 0)),
            Way("to_the_server", there, here, Direction(conditions, 1)),
        ]
        print(json.dumps(asdict(ends)), flush=True)
        _carry(ways)
    counts = {
        way.name: {
            "packets": way.direction.taken,
            "lost": way.direction.lost,
            "dropped": way.direction.dropped,
        }
        for way in ways
    }
    print(json.dumps(counts), flush=True)


@contextlib.contextmanager
def _devices(ends: Ends) -> Iterator[tuple[int, int]]:
    name = f"lc{os.getpid()}"
    with contextlib.ExitStack() as stack:
        here, there = open_tun(name + "a"), open_tun(name + "b")
        stack.callback(os.close, here)
        stack.callback(os.close, there)
        ip("netns", "add", ends.namespace)
        stack.callback(ip, "netns", "delete", ends.namespace)
        ip("link", "set", name + "b", "netns", ends.namespace)
        ip("address", "add", f"{ends.here}/30", "dev", name + "a")
        ip("link", "set", name + "a", "up")
        inside = ("-n", ends.namespace)
        ip(*inside, "address", "add", f"{ends.there}/30", "dev", name + "b")
        ip(*inside, "link", "set", "lo", "up")
        ip(*inside, "link", "set", name + "b", "up")
        ip(*inside, "route", "add", "default", "via", ends.here)
        yield here, there


def _carry(ways: list[Way]) -> None:
    """Until stdin ends."""
    with selectors.DefaultSelector() as selector:
        for way in ways:
            selector.register(way.source, selectors.EVENT_READ, way)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            dues = [due for way in ways if (due := way.direction.next_due) is not None]
            wait = max(min(dues) - time.monotonic(), 0.0) if dues else None
            for key, _ in selector.select(wait):
                if key.data is None:
                    return
                _read(key.data)
            for way in ways:
                for packet in way.direction.due(time.monotonic()):
                    with contextlib.suppress(BlockingIOError):  # a device that is full drops
                        os.write(way.sink, packet)


def _read(way: Way) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            way.direction.take(os.read(way.source, LARGEST), time.monotonic())


if __name__ == "__main__":
    try:
        main(Conditions(**json.loads(sys.argv[1])))
    except BenchError as error:
        sys.exit(f"lightcone: {error}")
