"""What a server is and has done at the moment at which it is scraped, as Prometheus families."""

from __future__ import annotations

from asyncio import all_tasks
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import get_args

import psutil
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from lightcone.server.control.protocol import Phase
from lightcone.server.scheduling.degradation import LevelName
from lightcone.server.sessions.sessions import Sessions
from lightcone.server.telemetry.meter import Meter, WorldCounts
from lightcone.streaming import StreamStats

LIVE: tuple[Phase, ...] = ("starting", "running", "paused", "restoring")


class ServerCollector(Collector):
    """Of these sessions. Labels are worlds that are served, phases, numbers of workers and a few
    constants: their number does not grow."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._process = psutil.Process()

    def collect(self) -> Iterator[Metric]:
        yield from self._of_sessions()
        yield from self._of_worlds()
        yield from self._sent()
        yield from self._of_lanes()
        yield from self._of_server()
        yield from self._of_workers()
        yield from self._of_gpus()

    def _of_sessions(self) -> Iterator[Metric]:
        sessions, worlds = list(self._sessions), list(self._sessions.infos)
        phases = Counter((session.info.name, session.phase) for session in sessions)
        levels = Counter((session.info.name, session.state.level_name) for session in sessions)
        viewers: Counter[str] = Counter()
        seats: Counter[str] = Counter()
        for session in sessions:
            viewers[session.info.name] += session.viewers
            seats[session.info.name] += session.participants.present
        yield _gauge(
            "sessions",
            "Sessions that are not over",
            ("world", "phase"),
            {(world, phase): phases[world, phase] for world in worlds for phase in LIVE},
        )
        yield _gauge(
            "sessions_by_level",
            "Sessions that are not over, by how they are degraded",
            ("world", "level"),
            {
                (world, level): levels[world, level]
                for world in worlds
                for level in get_args(LevelName)
            },
        )
        yield _gauge("viewers", "Connected viewers", ("world",), {(w,): viewers[w] for w in worlds})
        yield _gauge(
            "seats", "Connected control clients", ("world",), {(w,): seats[w] for w in worlds}
        )
        yield _gauge(
            "queue_length", "Who waits for room for a session", (), {(): self._sessions.queued}
        )

    def _of_worlds(self) -> Iterator[Metric]:
        counts = self._sessions.meter.worlds

        def of(value: Callable[[WorldCounts], float]) -> dict[tuple[str, ...], float]:
            return {(world,): value(each) for world, each in counts.items()}

        worlds = ("world",)
        yield _counter("sessions_begun", "Sessions made", worlds, of(lambda c: c.begun))
        over: Values = {
            **{(world, "ended"): each.ended for world, each in counts.items()},
            **{(world, "failed"): each.failed for world, each in counts.items()},
        }
        yield _counter("sessions_over", "Sessions that are over", ("world", "how"), over)
        yield _counter("chunks", "Chunks made", worlds, of(lambda c: c.chunks))
        yield _counter("frames", "Frames generated", worlds, of(lambda c: c.frames))
        yield _counter(
            "deadline_misses",
            "Chunks that came late, so that the media clock was held",
            worlds,
            of(lambda c: c.deadline_misses),
        )
        yield _counter(
            "held_seconds", "For how long media clocks were held", worlds, of(lambda c: c.held_s)
        )

    def _sent(self) -> Iterator[Metric]:
        sent = self._sessions.sent()
        yield _counter(
            "sent_bytes",
            "RTP payload sent to viewers",
            ("world", "kind"),
            _by_kind(sent, lambda s: s.picture_bytes, lambda s: s.sound_bytes),
        )
        yield _counter(
            "sent_packets",
            "RTP packets sent to viewers",
            ("world", "kind"),
            _by_kind(sent, lambda s: s.picture_packets, lambda s: s.sound_packets),
        )
        yield _counter(
            "repeated_packets",
            "RTP packets of pictures sent twice, to viewers whose line loses some",
            ("world",),
            {(world,): s.picture_repeats for world, s in sent.items()},
        )
        yield _counter(
            "keyframes", "Keyframes sent", ("world",), {(w,): s.keyframes for w, s in sent.items()}
        )
        yield _counter(
            "dropped",
            "Pictures and sounds that were not sent: a viewer was too slow; older than what was "
            "sent; overtaken by a newer one; late to be heard; unread, as the server was too slow. "
            "Packets that were not: unsent, as a socket had too much to send already",
            ("cause",),
            {(cause,): n for cause, n in dropped(self._sessions.meter, sent.values()).items()},
        )

    def _of_lanes(self) -> Iterator[Metric]:
        """Full and thin pictures. Of estimates only the lowest: there is one for each viewer."""
        lanes = {"full": False, "thin": True}
        estimates: dict[tuple[str, str], list[float]] = {
            (world, lane): [] for world in self._sessions.infos for lane in lanes
        }
        bitrates: dict[tuple[str, str], list[float]] = {key: [] for key in estimates}
        for session in self._sessions:
            pictures, world = session.stream.pictures, session.info.name
            for name, thin in lanes.items():
                estimates[world, name] += pictures.estimates(thin)
                wanted = pictures.wanted.items()
                bitrates[world, name] += [bits for lane, bits in wanted if lane.thin == thin]
        label = ("world", "lane")
        yield _gauge(
            "lane_viewers",
            "Viewers of full pictures, and of those for thin lines",
            label,
            {key: len(each) for key, each in estimates.items()},
        )
        yield _gauge(
            "lane_bits_per_second",
            "The lowest bitrate that is encoded with now; none where nobody watches",
            label,
            {key: min(each) for key, each in bitrates.items() if each},
        )
        yield _gauge(
            "lowest_estimate_bits_per_second",
            "What the thinnest line of a viewer carries, of picture; none where nobody watches",
            label,
            {key: min(each) for key, each in estimates.items() if each},
        )
        sent = self._sessions.sent().items()
        moves: Values = {
            **{(world, "thin"): stats.moved_to_thin for world, stats in sent},
            **{(world, "full"): stats.moved_to_full for world, stats in sent},
        }
        yield _counter("lane_moves", "Viewers that were moved to other pictures", label, moves)

    def _of_server(self) -> Iterator[Metric]:
        meter, recovering = self._sessions.meter, self._sessions.recovering
        yield _counter(
            "busy_seconds",
            "For how long the threads of the workers that step and encode have been busy",
            ("thread",),
            {("step",): meter.stepping_s, ("encode",): meter.encoding_s},
        )
        yield _counter(
            "workers_lost",
            "Workers that were lost",
            (),
            {(): sum(each.lost for each in recovering)},
        )
        yield _counter(
            "recoveries",
            "Workers that were lost and replaced, their sessions restored",
            (),
            {(): sum(each.recovered for each in recovering)},
        )
        yield _gauge("tasks", "Tasks of the server's event loop", (), {(): len(all_tasks())})
        yield _gauge(
            "memory_bytes",
            "Resident memory of the server process",
            (),
            {(): self._process.memory_info().rss},
        )

    def _of_workers(self) -> Iterator[Metric]:
        workers = list(enumerate(self._sessions.workers))

        def of(values: Iterable[float]) -> dict[tuple[str, ...], float]:
            return {(str(i),): value for (i, _), value in zip(workers, values, strict=True)}

        label = ("worker",)
        yield _gauge(
            "worker_up",
            "Whether the worker process is there",
            label,
            of(worker.host is not None for _, worker in workers),
        )
        yield _gauge(
            "worker_memory_bytes",
            "Resident memory of a worker process",
            label,
            of(worker.stats.memory_bytes for _, worker in workers),
        )
        yield _gauge(
            "worker_loop_lag_seconds",
            "How late a worker's event loop was, the worst of the last second",
            label,
            of(worker.stats.loop_lag_ms / 1000 for _, worker in workers),
        )

    def _of_gpus(self) -> Iterator[Metric]:
        gpus = {
            (str(i), worker.stats.gpu.name): worker.stats.gpu
            for i, worker in enumerate(self._sessions.workers)
            if worker.stats.gpu is not None
        }
        label = ("worker", "gpu")
        yield _gauge(
            "gpu_memory_used_bytes",
            "Memory in use on the GPU of a worker, whoever uses it",
            label,
            {key: gpu.memory_used_bytes for key, gpu in gpus.items()},
        )
        yield _gauge(
            "gpu_memory_total_bytes",
            "Memory of the GPU of a worker",
            label,
            {key: gpu.memory_total_bytes for key, gpu in gpus.items()},
        )
        yield _gauge(
            "gpu_use_ratio",
            "Share of the last moment in which the GPU of a worker was busy",
            label,
            {key: gpu.use for key, gpu in gpus.items()},
        )


def dropped(meter: Meter, sent: Iterable[StreamStats]) -> dict[str, int]:
    """Pictures and sounds that were not sent, by cause."""
    streams = list(sent)
    return {
        "slow_viewer": sum(stats.dropped_slow for stats in streams),
        "old": sum(stats.dropped_old for stats in streams),
        "unsent": sum(stats.dropped_unsent for stats in streams),
        **{str(cause): number for cause, number in meter.dropped.items()},
    }


Values = Mapping[tuple[str, ...], float]


def _gauge(name: str, help: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(f"lightcone_{name}", help, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


def _counter(name: str, help: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(f"lightcone_{name}", help, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


def _by_kind(
    sent: Mapping[str, StreamStats],
    pictures: Callable[[StreamStats], int],
    sounds: Callable[[StreamStats], int],
) -> Values:
    return {
        **{(world, "picture"): pictures(stats) for world, stats in sent.items()},
        **{(world, "sound"): sounds(stats) for world, stats in sent.items()},
    }
