"""A worker without processes and threads, in virtual time: its service, with probe models."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from lightcone.model.families.probe.model import ProbeModel
from lightcone.server.scheduling.degradation import Degradation
from lightcone.server.worker import messages as wire
from lightcone.server.worker.service import Service
from lightcone.server.worker.stepping.threads import Done, Post
from lightcone.server.worker.worlds import OpenWorld, Worlds

T = TypeVar("T")
M = TypeVar("M", bound=wire.Message)

SENDING = wire.Sending(1, 200_000, 32_000)
SESSION_BYTES = 1_000_000


class AtOnceExecutor(Executor):
    """Encodes in no time."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Computing:
    """Virtual seconds that the call under way has taken so far."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.factor = 1.0  # how slow the machine is

    def sleep(self, seconds: float) -> None:
        self.seconds += self.factor * seconds


class VirtualCaller:
    """Computes at once; what comes of it arrives when it would."""

    def __init__(self, computing: Computing) -> None:
        self._computing = computing
        self._loop = asyncio.get_running_loop()
        self._free = 0.0
        self._closed = False

    def call(self, function: Callable[[Post], T]) -> asyncio.Future[Done[T]]:
        future: asyncio.Future[Done[T]] = self._loop.create_future()
        began = max(self._free, self._loop.time())
        self._computing.seconds = 0.0

        def post(callback: Callable[[], None]) -> None:
            self._loop.call_at(began + self._computing.seconds, self._arrive, callback)

        try:
            result = function(post)
        except Exception as error:
            post(lambda error=error: future.set_exception(error))  # type: ignore[misc]
        else:
            done = Done(result, self._computing.seconds)
            post(lambda: None if future.done() else future.set_result(done))
        self._free = began + self._computing.seconds
        return future

    def close(self) -> None:
        self._closed = True

    def _arrive(self, callback: Callable[[], None]) -> None:
        if not self._closed:
            callback()


class VirtualWorker:
    """Serves these probes. `sent` are all messages to the server, by session and kind."""

    def __init__(
        self,
        *worlds: str,
        compute_ms: float = 20.0,
        history_s: float = 30.0,
        step_timeout_s: float = 5.0,
        max_batch: int = 0,
        record: str = "",
    ) -> None:
        self.computing = Computing()
        self.sent: dict[str | None, list[wire.Message]] = defaultdict(list)
        self.loop = asyncio.get_running_loop()
        self.model = ProbeModel(compute_ms, worlds, sleep=self.computing.sleep)
        load = wire.Load(
            list(worlds),
            "none",
            probe_compute_ms=compute_ms,
            step_timeout_s=step_timeout_s,
            history_s=history_s,
            record=record,
            consent="agreed",
        )
        encoder = AtOnceExecutor()
        opened = Worlds(load, self._new_caller, encoder)
        for name in worlds:
            steps = self.model.cost(name).step_ms
            opened.open[name] = OpenWorld(
                self.model.worlds[name],
                self.model,
                wire.StepCost(dict(steps), 1.0, SESSION_BYTES),
                max_batch or max(steps),
                Degradation(self.model.steps, load.min_rate),
            )
        self.service = Service(load, opened, self._take, self._new_caller, encoder)
        self._request = 0

    async def ask(self, make: Callable[[int], wire.Message], kind: type[M]) -> M:
        """The reply to a request."""
        self._request += 1
        message = make(self._request)
        self.service.receive(message)  # type: ignore[arg-type]
        while True:
            for reply in self.sent[None]:
                if getattr(reply, "request", None) == message.request:  # type: ignore[attr-defined]
                    assert isinstance(reply, kind), reply
                    return reply
            await asyncio.sleep(0.001)

    async def open(self, name: str, world: str, prompt: str = "", *, run: bool = True) -> None:
        await self.ask(lambda n: wire.Open(n, name, world, 1, prompt, None, SENDING), wire.Opened)
        if run:
            self.watch(name)

    async def condition(self, name: str, text: str, how: Any = "cut") -> wire.Conditioned:
        return await self.ask(lambda n: wire.Condition(n, name, text, how, 2), wire.Conditioned)

    async def rewind(self, name: str, action: Any, frame: int = 0) -> wire.Rewound:
        return await self.ask(lambda n: wire.Rewind(n, name, action, frame), wire.Rewound)

    def watch(self, name: str, *, run: bool = True) -> None:
        self.service.receive(wire.Watch(name, run, {"H264": 2_000_000} if run else {}, False))

    def of(self, name: str, kind: type[M]) -> list[M]:
        return [message for message in self.sent[name] if isinstance(message, kind)]

    def made(self, name: str) -> list[wire.Made]:
        return self.of(name, wire.Made)

    def held_s(self, name: str) -> float:
        return sum(made.held_s for made in self.made(name))

    def close(self) -> None:
        self.service.close()

    def _take(self, message: wire.Message) -> None:
        self.sent[getattr(message, "session", None)].append(message)
        if isinstance(message, wire.Opened):
            self.sent[None].append(message)

    def _new_caller(self, name: str) -> VirtualCaller:
        return VirtualCaller(self.computing)
