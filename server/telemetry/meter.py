"""What the sessions of a server do, counted as it happens: for `/metrics` and `/status.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from prometheus_client import CollectorRegistry, Histogram

from lightcone.server.worker import messages as wire

# Seconds. A chunk takes some 10 to 500 ms; a picture is encoded, a snapshot taken in 1 to 20.
CHUNK_BUCKETS = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.25, 0.5, 1.0, 2.0, 5.0)
SMALL_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25)
LAG_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


@dataclass
class WorldCounts:
    """Of all sessions of a world since the server began."""

    begun: int = 0
    ended: int = 0
    failed: int = 0
    chunks: int = 0
    frames: int = 0
    deadline_misses: int = 0  # chunks for which the media clock was held
    held_s: float = 0.0  # for how long, in all


class Meter:
    """`worlds` are all that are served: no other becomes a label. Nothing here grows with the
    number of sessions."""

    def __init__(self, worlds: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.worlds = {world: WorldCounts() for world in worlds}
        self.dropped = Counter[wire.DropCause]({cause: 0 for cause in get_args(wire.DropCause)})
        self.stepping_s = self.encoding_s = 0.0  # of all workers
        self._chunks = Histogram(
            "lightcone_chunk_seconds",
            "Time of one step, which makes a chunk of each session of a batch. Part step is all of "
            "it, part decode what comes after denoising, where the family of the world knows",
            ("world", "batch", "part"),
            buckets=CHUNK_BUCKETS,
            registry=self.registry,
        )
        self._encodes = Histogram(
            "lightcone_encode_seconds",
            "Time of enlarging and encoding one picture",
            ("world", "lane"),
            buckets=SMALL_BUCKETS,
            registry=self.registry,
        )
        self._snapshots = Histogram(
            "lightcone_snapshot_seconds",
            "Computing time of one snapshot of the rolling set, which is taken beside the steps",
            ("world",),
            buckets=SMALL_BUCKETS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "lightcone_loop_lag_seconds",
            "How late the server's event loop runs what is due, looked at every 10 ms",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )

    def begun(self, world: str) -> None:
        self.worlds[world].begun += 1

    def over(self, world: str, *, failed: bool) -> None:
        if failed:
            self.worlds[world].failed += 1
        else:
            self.worlds[world].ended += 1

    def received(self, world: str, message: wire.OfSession) -> None:
        """A session of this world reports."""
        match message:
            case wire.Made():
                self._made(world, message)
            case wire.Picture(encode_ms=encode_ms, lane=lane):
                self._encodes.labels(world, lane).observe(encode_ms / 1000)
            case wire.Kept():
                self._snapshots.labels(world).observe(message.ms / 1000)

    def worker(self, stats: wire.Stats) -> None:
        """What a worker did in the last second."""
        self.dropped.update(stats.dropped)
        self.stepping_s += stats.step_busy_ms / 1000
        self.encoding_s += stats.encode_busy_ms / 1000

    def lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def _made(self, world: str, made: wire.Made) -> None:
        counts = self.worlds[world]
        counts.chunks += 1
        counts.frames += made.frames
        counts.deadline_misses += made.held_s > 0
        counts.held_s += made.held_s
        if made.row == 0:  # a batch is one step, whoever is in it
            self._chunks.labels(world, made.batch, "step").observe(made.step_ms / 1000)
            if made.decode_ms:
                self._chunks.labels(world, made.batch, "decode").observe(made.decode_ms / 1000)
