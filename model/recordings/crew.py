"""The near end of recording processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import cast

from lightcone.model.interface import EnvironmentFailed, ModelError, WorldInfo
from lightcone.model.recordings.job import Grown, Job, Opened, Recorded, work
from lightcone.model.recordings.plan import Plan

END_SECONDS = 5.0  # for a process to end in peace


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    connection: Connection


class Crew:
    """Processes that record a job's episodes. A context manager: they end with it, and what they
    have not finished is given up."""

    def __init__(self, job: Job, processes: int) -> None:
        self._job = job
        self._processes = processes
        self._workers: dict[Connection, _Worker] = {}
        self._idle: list[_Worker] = []
        self._info: WorldInfo | None = None

    def __enter__(self) -> Crew:
        context = multiprocessing.get_context("spawn")
        for _ in range(self._processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, self._job), daemon=True)
            process.start()
            theirs.close()
            self._workers[ours] = _Worker(process, ours)
        return self

    def __exit__(self, *reason: object) -> None:
        for connection in self._workers:
            connection.close()
        for worker in self._workers.values():
            worker.process.join(END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def info(self) -> WorldInfo:
        """Of what is recorded. Raises what a process says."""
        while self._info is None:
            self._listen(None, lambda index, frames: None)
        return self._info

    def run(self, plan: Plan, grown: Callable[[int], None]) -> None:
        """Until the plan is finished. `grown` is called with numbers of frames as they are made.
        Raises what a process says."""
        while not plan.finished:
            while self._idle and (order := plan.order()) is not None:
                self._idle.pop().connection.send(order)
            self._listen(grown, plan.take)

    def _listen(
        self, grown: Callable[[int], None] | None, recorded: Callable[[int, int], None]
    ) -> None:
        for connection in wait(list(self._workers)):
            worker = self._workers[cast(Connection, connection)]
            match self._received(worker):
                case Opened(info):
                    self._info = info
                    self._idle.append(worker)
                case Grown(frames) if grown is not None:
                    grown(frames)
                case Recorded(index, frames):
                    recorded(index, frames)
                    self._idle.append(worker)

    def _received(self, worker: _Worker) -> object:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError) as error:
            worker.process.join(END_SECONDS)
            code = worker.process.exitcode
            raise EnvironmentFailed(f"a recording process ended (exit code {code})") from error
        if isinstance(answer, ModelError):
            raise answer
        return answer
