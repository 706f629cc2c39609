"""The sessions of this server: who gets in, who waits, and what happens when a worker under them
is lost."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lightcone.model.interface import ModelError, WorldInfo
from lightcone.server.access.access import NOBODY, Access, Payer
from lightcone.server.access.quotas import QuotaExceeded
from lightcone.server.cli.settings import Settings
from lightcone.server.errors import LightconeError
from lightcone.server.outward import outward
from lightcone.server.sessions.origin import Origin, SessionRules
from lightcone.server.sessions.queue import Queue, Ticket
from lightcone.server.sessions.recording import Recording, Recordings
from lightcone.server.sessions.recovery.recovering import Recovering, Recovery
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.session_log import SessionLog, log_start
from lightcone.server.sessions.snapshot_store import SnapshotStore, StorageError, StoredSnapshot
from lightcone.server.sessions.wanted import Opener, Wanted, opener_of
from lightcone.server.sessions.workers import Worker, started
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.telemetry.meter import Meter
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import WorkerError
from lightcone.server.worker.host import WorkerHost
from lightcone.streaming import SessionStream, StreamFormat, StreamSettings, StreamStats

MAX_WAITING = 8  # requests for a session that may be read or wait for one in the making
MAX_OVER = 32  # sessions that are over and can still be asked about
GENERATION = "generation"  # the quota of seconds that sessions run
MAKES_ROOM_S = 10.0  # a session left alone this long makes room for a new one

log = get_logger("lightcone.sessions")


class Busy(LightconeError):
    """Too many ask for a session at once."""


class Sessions:
    """Owns the workers and the sessions. Made by `launch`."""

    def __init__(self, settings: Settings, workers: list[Worker], store: SnapshotStore) -> None:
        self.settings = settings
        self.access: Access = settings.access
        self.workers = workers
        self.store = store
        self.recordings = Recordings(settings.recordings_dir)
        self.infos = {info.name: info for info in workers[0].ready.infos}
        self._sessions: dict[str, Session] = {}  # by id, the oldest first
        self._homes: dict[str, Worker] = {}  # by id, of live sessions
        self.meter = Meter(self.infos)
        self._sent_before = {world: StreamStats() for world in self.infos}  # by forgotten sessions
        self._queue: Queue[Wanted] = Queue()
        self._waiting = 0
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.recovering = [Recovering(worker, self.of) for worker in workers]
        for worker in workers:
            worker.on_message = self._on_message
            worker.on_stats = self.meter.worker

    @classmethod
    async def launch(cls, settings: Settings) -> Sessions:
        """Start all workers. Raises WorkerError where one can not open its first world."""
        load = settings.load()
        workers = await started(
            [
                Worker(load, settings.budget_bytes, settings.overbook)
                for _ in range(settings.workers)
            ]
        )
        store = SnapshotStore(settings.data_dir / "snapshots")
        await store.open()
        return cls(settings, workers, store)

    def __iter__(self) -> Iterator[Session]:
        """The live ones."""
        return (session for session in self._sessions.values() if session.live)

    def get(self, session_id: str) -> Session | None:
        """Also one that was over not long ago."""
        return self._sessions.get(session_id)

    def of(self, worker: Worker) -> list[Session]:
        """The live ones in a worker."""
        return [session for session in self if self._homes[session.id] is worker]

    @property
    def recoveries(self) -> list[Recovery]:
        """Of workers that were lost, as long as they are remembered."""
        return [recovery for each in self.recovering for recovery in each.recoveries]

    def sent(self) -> dict[str, StreamStats]:
        """By the sessions of each world, over ones too."""
        sent = dict(self._sent_before)
        for session in self._sessions.values():
            sent[session.info.name] += session.stream.stats()
        return sent

    @property
    def working(self) -> bool:
        """Whether some worker is there."""
        return any(worker.host is not None for worker in self.workers)

    @property
    def chunk_ms(self) -> float | None:
        """Measured time of one chunk of one session of the first world; None without a worker."""
        first = next(iter(self.infos))
        ready = (worker for worker in self.workers if worker.host is not None)
        return next((worker.cost(first).step_ms[1] for worker in ready), None)

    @property
    def queued(self) -> int:
        return self._queue.waiting(self._loop.time())

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A place among the few that may ask for a session at once. Raises Busy."""
        if self._waiting >= MAX_WAITING:
            raise Busy("too many ask for a session at this moment")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    # making them

    async def create(self, wanted: Wanted) -> Session | Ticket[Wanted]:
        """A new session, or a place in the queue where there is no room for one.

        Raises PromptError, ImageError, SnapshotError, EnvironmentFailed, WorkerError, StorageError,
        QueueFull, QuotaExceeded.
        """
        wanted.owner.pay(GENERATION)
        session = None if self.queued else await self._create(wanted)
        return session or self._queue.join(wanted, self._loop.time())

    async def fork(
        self, session: Session, prompt: str, owner: Payer = NOBODY
    ) -> Session | Ticket[Wanted]:
        """A second session from this moment of one. Raises what `create` and `save` raise."""
        home, seed = self._homes.get(session.id), session.origin.seed
        host = session.working()
        wanted = Wanted(session.info, seed, prompt, owner=owner)
        if home is not None and not self.queued and self._room(home, session.info):
            owner.pay(GENERATION)
            with home.place(session.info.name):
                forked = await self._begin(
                    home,
                    host,
                    wanted,
                    lambda new, sending: host.fork(session.id, new, sending),
                    from_state=True,
                )
                forked.state.rolling.take_over(session.state.rolling)
                await self._prompt(forked, prompt)
            session.log.forked(forked.world_frame, forked.id)
            return forked
        return await self.create(replace(wanted, snapshot=await session.save()))

    async def poll(self, ticket_id: str) -> Session | Ticket[Wanted] | None:
        """The session of a ticket that is first, if there is room now; the ticket while it waits;
        None where there is no such ticket. Raises what `create` raises, and the ticket is gone."""
        ticket = self._queue.poll(ticket_id, self._loop.time())
        if ticket is None or ticket.taken or self._queue.place(ticket) > 1:
            return ticket
        ticket.taken = True
        try:
            session = await self._create(ticket.wanted)
        except BaseException:
            self._queue.leave(ticket)
            raise
        finally:
            ticket.taken = False
        if session is None:
            return self._queue.poll(ticket_id, self._loop.time())
        self._queue.leave(ticket)
        return session

    def place(self, ticket: Ticket[Wanted]) -> int:
        """1 for the first."""
        return self._queue.place(ticket)

    def leave_queue(self, ticket_id: str) -> bool:
        """Whether there was such a ticket."""
        ticket = self._queue.poll(ticket_id, self._loop.time())
        if ticket is not None:
            self._queue.leave(ticket)
        return ticket is not None

    async def _create(self, wanted: Wanted) -> Session | None:
        """None where there is no room."""
        worker = await self._find_room(wanted.info)
        if worker is None:
            return None
        with worker.place(wanted.info.name):
            host = await worker.working()
            seed = wanted.seed
            if seed is None and wanted.snapshot is None:
                seed = secrets.randbelow(2**31)
            wanted = replace(wanted, seed=seed)
            if isinstance(wanted.snapshot, StoredSnapshot):
                wanted = replace(wanted, snapshot=await self.store.read(wanted.snapshot))
            from_state = wanted.snapshot is not None
            opener = opener_of(host, wanted)
            session = await self._begin(worker, host, wanted, opener, from_state)
            if from_state:
                await self._prompt(session, wanted.prompt)
            return session

    async def _find_room(self, info: WorldInfo) -> Worker | None:
        """The emptiest worker that takes one more session of this world, if need be after a
        session with nobody there has ended. Raises WorkerError and ModelError."""
        while True:
            for worker in sorted(self.workers, key=lambda w: (w.host is None, w.taken())):
                if self._room_left():
                    await worker.open_world(info.name)
                    if self._room(worker, info):
                        return worker
            lonely = self._lonely()
            if lonely is None:
                return None
            await self.retire(lonely, "nobody was there and somebody wanted a session")

    def why_not(self) -> str | None:
        """Why no session can be made now; None where one can, of some world that is open."""
        if not self.working:
            return "no worker is there"
        if waiting := self.queued:
            return f"there is a queue of {waiting}"
        workers = [worker for worker in self.workers if worker.host is not None]
        if self._room_left() and any(
            w.fits(world, self._more_encodes(w)) for w in workers for world in w.opened
        ):
            return None
        return None if self._lonely() else "there is no room for another session"

    def _lonely(self) -> Session | None:
        """The session that makes room for another one: nobody has been there for long enough."""
        lonely = max(self, key=Session.idle_s, default=None)
        least = min(MAKES_ROOM_S, self.settings.idle_timeout_s)
        return lonely if lonely is not None and lonely.idle_s() > least else None

    def _room_left(self) -> bool:
        most = self.settings.max_sessions
        return not most or sum(worker.sessions.total() for worker in self.workers) < most

    def _room(self, worker: Worker, info: WorldInfo) -> bool:
        return self._room_left() and worker.fits(info.name, self._more_encodes(worker))

    def _more_encodes(self, worker: Worker) -> Counter[str]:
        """Of a worker's sessions by world, beside one for each."""
        more: Counter[str] = Counter()
        for session in self:
            if worker.host is not None and session.worker is worker.host:
                more[session.info.name] += max(0, len(session.encoded) - 1)
        return more

    async def _begin(
        self, worker: Worker, host: WorkerHost, wanted: Wanted, open: Opener, from_state: bool
    ) -> Session:
        """Open a session in a worker in which there is a place for it. `from_state`: it goes on
        from a state that was there before."""
        info, id = wanted.info, secrets.token_urlsafe(6)
        format = StreamFormat(info.width, info.height, info.fps, info.sample_rate)
        sent = StreamSettings(
            scale=format.fitting_scale(self.settings.scale),
            video_bitrate=self.settings.video_bitrate,
            audio_bitrate=self.settings.audio_bitrate,
            sockets=self.settings.sockets,
        )
        sending = wire.Sending(sent.scale, sent.video_bitrate, sent.audio_bitrate)
        try:
            opened = await open(id, sending)
            start = log_start(
                info,
                wanted.seed,
                wanted.prompt,
                wanted.image,
                worker.fingerprint(info.name),
                self.settings.steps,
                self.settings.threads,
                opened if from_state else None,
            )
            log_file = SessionLog(start)  # a temporary file
        except BaseException:
            host.drop(id)
            raise
        origin = Origin(id, info, wanted.seed, opened.prompt, wanted.owner)
        rules = SessionRules.of(self.settings, sending)
        session = Session(origin, rules, SessionStream(format, sent), log_file)
        self._keep(session, worker)
        session.begin(host, opened)
        log.info("session begins", session=id, world=info.name, world_frame=opened.world_frame)
        return session

    async def _prompt(self, session: Session, prompt: str) -> None:
        """Under which a session goes on from the state that it was made from. Raises what
        `condition` raises, and the session has ended."""
        if prompt:
            try:
                await session.condition(prompt, "cut", 1)
            except BaseException:
                await session.end("its prompt was refused")
                raise

    def _keep(self, session: Session, worker: Worker) -> None:
        self._sessions[session.id] = session
        self._homes[session.id] = worker
        worker.sessions[session.info.name] += 1
        self.meter.begun(session.info.name)
        session.on_over = self._on_over
        session.on_second = self._charge
        session.on_idle = lambda idle: self._spawn(
            self.retire(idle, f"nobody was there for {self.settings.idle_timeout_s:g} s")
        )

    def _charge(self, session: Session) -> None:
        """For a second of world time."""
        try:
            session.origin.owner.pay(GENERATION)
        except QuotaExceeded as error:
            self._spawn(self.retire(session, str(error), left_alone=False))

    # ending them

    async def retire(self, session: Session, reason: str, left_alone: bool = True) -> None:
        """End a session, with `left_alone` only one with nobody there; a snapshot of it is kept if
        it had begun."""
        if session.world_frame:
            try:
                stored = await self.store.keep(await session.save())
                reason += f"; it is kept as snapshot {stored.id}"
            except (StorageError, WorkerError, ModelError, LightconeError) as error:
                reason += f"; it could not be kept: {outward(error)}"
            if left_alone and not session.idle_s():
                return
        await session.end(reason)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(session.end("the server goes down") for session in list(self)))
        await asyncio.gather(*(worker.close() for worker in self.workers))
        for session in self._sessions.values():
            session.log.close()

    def _on_over(self, session: Session) -> None:
        home = self._homes.pop(session.id)
        home.sessions[session.info.name] -= 1
        self.meter.over(session.info.name, failed=session.phase == "failed")
        # in the order in which they ended: this one still stops, and is forgotten last
        self._sessions[session.id] = self._sessions.pop(session.id)
        over = [session for session in self._sessions.values() if not session.live]
        for old in over[:-MAX_OVER]:
            del self._sessions[old.id]
            self._sent_before[old.info.name] += old.stream.stats()
            old.log.close()

    # recording them

    async def record(self, session: Session) -> Recording:
        """Begin to record, if that is not done yet. Raises RecordingError and SessionOver."""
        session.must_live()
        if session.recording is None:
            recording = self.recordings.begin(session.info)
            try:
                session.record(recording)
            except BaseException:
                await recording.close()
                raise
        assert session.recording is not None
        return session.recording

    # inside

    def _on_message(self, message: wire.OfSession) -> None:
        session = self._sessions.get(message.session)
        if session is not None:
            self.meter.received(session.info.name, message)
            session.receive(message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
