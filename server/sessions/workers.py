"""The workers of this server: started, replaced when they are lost, and filled by what fits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from msgspec.structs import replace

from lightcone.model.interface import WorldInfo
from lightcone.server.outward import outward
from lightcone.server.scheduling.admission import NO_MORE, Demand, capacity, fits
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker.errors import WorkerError
from lightcone.server.worker.host import WorkerHost
from lightcone.server.worker.messages import Load, OfSession, Ready, Stats, StepCost

NO_STATS = Stats(0.0, 0.0, 0.0)  # of a worker that is not there
RETRIES_S = (0.0, 1.0, 3.0)  # waits before a lost worker is started again

log = get_logger("lightcone.workers")


class Worker:
    """A place for a worker process: the one that is there now, or is being started by `launch`.

    `on_lost` is called when it is lost, `on_back` awaited when there is another one, `on_gone` when
    none can be started.
    """

    def __init__(
        self,
        load: Load,
        budget_bytes: int,
        overbook: float,
        launch: Callable[[Load], Awaitable[WorkerHost]] = WorkerHost.launch,
    ) -> None:
        self.host: WorkerHost | None = None
        self.stats = NO_STATS
        self.sessions: Counter[str] = Counter()  # by world, with those in the making
        self.opening = 0  # sessions in the making
        self.on_message: Callable[[OfSession], None] = lambda message: None
        self.on_stats: Callable[[Stats], None] = lambda stats: None
        self.on_lost: Callable[[], None] = lambda: None
        self.on_back: Callable[[], Awaitable[None]] | None = None
        self.on_gone: Callable[[str], Awaitable[None]] | None = None
        self.ready: Ready
        self.start_s = 0.0  # what the last start took
        self.lost_at = 0.0
        self._load = load
        self._launch = launch
        self._limits = budget_bytes, load.max_batch, overbook
        self._costs: dict[str, StepCost] = {}  # of worlds that were ever opened
        self._fingerprints: dict[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._launching = asyncio.Lock()
        self._supervisors: set[asyncio.Task[None]] = set()

    async def working(self) -> WorkerHost:
        """The process, started if there is none. Raises WorkerError."""
        async with self._launching:
            if self.host is None:
                began = self._loop.time()
                host = await self._launch(self._load)
                self.start_s = self._loop.time() - began
                self._adopt(host)
            assert self.host is not None
            return self.host

    async def open_world(self, world: str) -> WorkerHost:
        """The process, with this world open and its cost known. Raises WorkerError and
        ModelError."""
        host = await self.working()
        if world not in self._costs:
            opened = await host.open_world(world)
            self._costs[world] = opened.cost
            self._fingerprints[world] = opened.fingerprint
        return host

    @property
    def opened(self) -> Iterable[str]:
        """Worlds that were ever opened: their cost is known."""
        return self._costs

    def cost(self, world: str) -> StepCost:
        """Of a world that has been opened, as it is now."""
        return self._costs[world]

    def fingerprint(self, world: str) -> str:
        """Of the model of a world that has been opened."""
        return self._fingerprints[world]

    def fits(self, world: str, more_encodes: Mapping[str, int] = NO_MORE) -> bool:
        """Whether one more session of this world does, beside those that are there and their
        `more_encodes` (see `admission.fits`); the first always does. Its cost must be known."""
        if not self.sessions.total():
            return True
        wanted = self.sessions + Counter({world: 1})
        return fits(self._demands(), wanted, *self._limits, more_encodes)

    def taken(self) -> float:
        """The share of its capacity that is taken, about."""
        demands = self._demands()
        return sum(
            count / max(1, capacity(demands[world], *self._limits))
            for world, count in self.sessions.items()
            if world in demands
        )

    @contextmanager
    def place(self, world: str) -> Iterator[None]:
        """Room for a session in the making; whoever makes it counts it in `sessions` after."""
        self.sessions[world] += 1
        self.opening += 1
        try:
            yield
        finally:
            self.opening -= 1
            self.sessions[world] -= 1

    async def close(self) -> None:
        for supervisor in self._supervisors:
            supervisor.cancel()
        async with self._launching:
            host, self.host = self.host, None
        if host is not None:
            await host.close()

    def _demands(self) -> Mapping[str, Demand]:
        infos: dict[str, WorldInfo] = {info.name: info for info in self.ready.infos}
        return {
            world: Demand(cost, infos[world].chunk_seconds, infos[world].fps)
            for world, cost in self._costs.items()
        }

    def _adopt(self, host: WorkerHost) -> None:
        self.host = host
        self.ready = host.ready
        self._costs |= host.ready.costs
        self._fingerprints |= host.ready.fingerprints
        host.on_message = self._receive
        supervisor = self._loop.create_task(self._supervise(host), name="supervisor of a worker")
        self._supervisors.add(supervisor)
        supervisor.add_done_callback(self._supervisors.discard)

    def _receive(self, message: OfSession | Stats) -> None:
        if isinstance(message, Stats):
            self.stats = message
            self.on_stats(message)
            for world, step_ms in message.step_ms.items():
                if world in self._costs:
                    self._costs[world] = replace(self._costs[world], step_ms=step_ms)
        else:
            self.on_message(message)

    async def _supervise(self, host: WorkerHost) -> None:
        """When it is lost the next one is started, and given what the old one had."""
        await host.lost
        log.error("a worker is lost; another one is started", worker=host.pid)
        self.host = None
        self.stats = NO_STATS
        self.lost_at = self._loop.time()
        self.on_lost()
        await host.close()
        reason = ""
        for wait in RETRIES_S:
            await asyncio.sleep(wait)
            try:
                new = await self.working()
            except (WorkerError, OSError) as error:  # no memory, no files left
                reason = outward(error)
                continue
            log.info("a worker follows another", worker=new.pid, lost=host.pid)
            if self.on_back is not None:
                await self.on_back()
            return
        if self.on_gone is not None:
            await self.on_gone(reason)


async def started(workers: list[Worker]) -> list[Worker]:
    """All of them, working. Where one can not open its first world all are closed. Raises
    WorkerError."""
    try:
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.working())
    except BaseException as error:
        await asyncio.gather(*(worker.close() for worker in workers))
        if isinstance(error, BaseExceptionGroup):
            raise error.exceptions[0] from None
        raise
    return workers
