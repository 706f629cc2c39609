"""What happens to the sessions of a worker that is lost: another one goes on with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lightcone.model.interface import ModelError
from lightcone.server.outward import outward
from lightcone.server.sessions.recovery.blame import Blame
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.workers import Worker
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker.errors import WorkerError, WorkerLost

MAX_RECOVERIES = 32  # that are remembered

log = get_logger("lightcone.workers")


@dataclass(frozen=True)
class Recovery:
    """How long a lost worker took: its start, warm-up included, and from there until its sessions
    ran again."""

    worker_start_s: float
    warm_up_s: float
    restore_s: float
    sessions: int


class Recovering:
    """Of one worker; `sessions` are the live ones in it. `lost` counts its losses, `recovered`
    those after which another process went on."""

    def __init__(self, worker: Worker, sessions: Callable[[Worker], list[Session]]) -> None:
        self.recoveries: deque[Recovery] = deque(maxlen=MAX_RECOVERIES)
        self.lost = self.recovered = 0
        self._worker = worker
        self._sessions = sessions
        self._blame = Blame()
        self._alone: str | None = None  # the session that is restored alone
        self._loop = asyncio.get_running_loop()
        self._failing: set[asyncio.Task[None]] = set()
        worker.on_lost = self._on_lost
        worker.on_back = self._on_back
        worker.on_gone = self._on_gone

    def _on_lost(self) -> None:
        self.lost += 1
        sessions = self._sessions(self._worker)
        ids = [session.id for session in sessions]
        guilty = self._blame.lost(self._suspects(sessions), ids, self._loop.time())
        for session in sessions:
            session.lose_worker()
            if session.id in guilty:
                text = "its worker was lost with it again and again"
                failing = self._loop.create_task(session.fail(text))
                self._failing.add(failing)
                failing.add_done_callback(self._failing.discard)

    def _suspects(self, sessions: list[Session]) -> set[str]:
        """Who can have been the reason: nobody whom a session in the making can have been."""
        if self._alone is not None:
            return {self._alone}
        if self._worker.opening:
            return set()
        return {session.id for session in sessions if session.viewers}

    async def _on_back(self) -> None:
        """Restore every session; one after the other where it is not known which of them takes
        the worker down."""
        sessions = [s for s in self._sessions(self._worker) if s.phase == "restoring"]
        if self._blame.careful(self._loop.time()):
            for session in sessions:
                self._alone = session.id
                try:
                    await self._restore(session)
                finally:
                    self._alone = None
        else:
            await asyncio.gather(*(self._restore(session) for session in sessions))
        if self._worker.host is not None:
            self._note(len(sessions))

    async def _restore(self, session: Session) -> None:
        """Until it runs again, or is over, or the worker is lost once more."""
        host = self._worker.host
        if host is None or not session.live:
            return
        try:
            await session.restore(host)
        except WorkerLost:
            return
        except (WorkerError, ModelError) as error:
            await session.fail(f"it can not be restored: {outward(error)}")
            return
        settled = self._loop.create_task(session.settled())
        await asyncio.wait({settled, host.lost}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()

    def _note(self, sessions: int) -> None:
        self.recovered += 1
        start_s, took_s = self._worker.start_s, self._loop.time() - self._worker.lost_at
        warm_up_s = self._worker.ready.warm_up_s
        self.recoveries.append(Recovery(start_s, warm_up_s, took_s - start_s, sessions))
        log.info(
            "sessions run again after their worker was lost",
            sessions=sessions,
            took_s=round(took_s, 2),
            worker_start_s=round(start_s, 2),
            warm_up_s=round(warm_up_s, 2),
        )

    async def _on_gone(self, reason: str) -> None:
        text = f"there is no worker for it: {reason}"
        await asyncio.gather(*(s.fail(text) for s in self._sessions(self._worker)))
