"""What the server asks of a worker, and what it is answered. Lives on the running event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lightcone.model.interface import Image, Model, ModelError, Snapshot, WorldInfo
from lightcone.server.scheduling.input import HeldInput
from lightcone.server.telemetry.logs import get_logger
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import UnknownSession, WorkerError, failure
from lightcone.server.worker.sessions.changes import Changes, check
from lightcone.server.worker.sessions.history import History, Moment
from lightcone.server.worker.sessions.recorders import Recorders
from lightcone.server.worker.sessions.session import Session
from lightcone.server.worker.sessions.snapshots import pack_moment, unpack_session
from lightcone.server.worker.stepping.runner import Runner
from lightcone.server.worker.stepping.threads import Aside, Caller
from lightcone.server.worker.worlds import OpenWorld, Worlds, stream_format
from lightcone.streaming import (
    EncodedPacket,
    EncodedPicture,
    Lane,
    MediaClock,
    StreamSettings,
    Transmitter,
    TransmitterStats,
)

ASIDE = 3  # slow calls at once
TIMEOUT_S = 30.0  # of a start, of a snapshot

M = TypeVar("M", wire.Condition, wire.Rewind, wire.Save)

log = get_logger("lightcone.worker")


class Service:
    """`send` takes messages for the server; `new_caller` makes a thread of a name; `encoder` has
    one thread."""

    def __init__(
        self,
        load: wire.Load,
        worlds: Worlds,
        send: Callable[[wire.Message], None],
        new_caller: Callable[[str], Caller],
        encoder: Executor,
    ) -> None:
        self._load = load
        self._send = send
        self._encoder = encoder
        self._loop = asyncio.get_running_loop()
        self._aside = Aside(ASIDE, partial(new_caller, "aside"))
        self._worlds = worlds
        self._recorders = Recorders(Path(load.record), load.consent) if load.record else None
        self._sessions: dict[str, Session] = {}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoded = TransmitterStats()  # of sessions that are gone
        self.runner = Runner(
            new_caller,
            send,
            self._forget,
            threads=load.threads,
            step_timeout_s=load.step_timeout_s,
        )
        self._changes = Changes(self.runner, self._aside, new_caller)

    async def begin(self) -> wire.Ready:
        """Open the first world. Raises ModelError, and TimeoutError."""
        began = time.monotonic()
        await self._worlds.get(self._load.worlds[0])
        opened = self._worlds.open
        return wire.Ready(
            list(self._worlds.infos.values()),
            {name: world.cost for name, world in opened.items()},
            {name: world.model.fingerprint for name, world in opened.items()},
            time.monotonic() - began,
        )

    @property
    def encoded(self) -> TransmitterStats:
        """Of all sessions together."""
        living = (session.transmitter.stats() for session in self._sessions.values())
        return sum(living, self._encoded)

    @property
    def step_ms(self) -> dict[str, dict[int, float]]:
        """What a step takes now, by open world and bucket."""
        return {name: world.times.step_ms() for name, world in self._worlds.open.items()}

    def receive(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Ping(request):
                self._send(wire.Pong(request))
            case wire.OpenWorld(request):
                self._spawn(self._answer(request, self._open_world(message)))
            case wire.Open(request, session):
                self._open(session, self._answer(request, self._start(message)))
            case wire.Restore(request, session):
                self._open(session, self._answer(request, self._restore(message)))
            case wire.Fork(request):
                self._open(message.new, self._answer(request, self._fork(message)))
            case wire.Condition(request):
                self._change(request, message.session, self._changes.condition, message)
            case wire.Rewind(request):
                self._change(request, message.session, self._changes.rewind, message)
            case wire.Save(request):
                self._change(request, message.session, self._changes.save, message)
            case wire.Drop(name):
                self._drop(name)
            case wire.Load():
                log.warning("a second Load is ignored")
            case _:
                if (known := self._sessions.get(message.session)) is not None:
                    self._note(known, message)

    def want_keyframe(self, session: str, lane: wire.LaneName) -> None:
        """Does nothing for a session that is not there."""
        if (known := self._sessions.get(session)) is not None:
            known.transmitter.want_keyframe(Lane(lane))

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.runner.close()
        for session in self._sessions.values():
            self._end_recording(session)
        self._worlds.close()

    def finish_recordings(self) -> None:
        """Once closed: wait until what was played is written."""
        if self._recorders is not None:
            self._recorders.finish()

    # notifications

    def _note(
        self,
        session: Session,
        message: wire.Watch | wire.KeyframeWanted | wire.Drive | wire.Input | wire.Release,
    ) -> None:
        now = self._loop.time()
        match message:
            case wire.Watch():
                lanes = {Lane(lane): bitrate for lane, bitrate in message.lanes.items()}
                session.transmitter.set_lanes(lanes, message.sound)
                if message.run:
                    self.runner.start(session)
                else:
                    self.runner.stop(session)
            case wire.KeyframeWanted():
                self.want_keyframe(session.id, message.lane)
            case wire.Drive():
                if message.driven:
                    self._begin_recording(session)
                else:
                    self._end_recording(session)
            case wire.Input(_, seat, seq, t, buttons, axes):
                session.input.accept(seat, seq, t, buttons, axes, now)
            case wire.Release():
                session.input.release(now)
                self._spawn(self._changes.release(session))

    def _drop(self, name: str) -> None:
        if (opening := self._opening.get(name)) is not None:
            opening.cancel()
        if (session := self._sessions.get(name)) is not None:
            self.runner.remove(session)
            self._forget(session)

    def _forget(self, session: Session) -> None:
        self._encoded += session.transmitter.stats()
        self._end_recording(session)
        del self._sessions[session.id]

    def _begin_recording(self, session: Session) -> None:
        if self._recorders is not None and session.recorder is None:
            session.recorder = self._recorders.begin(session.world.info)

    def _end_recording(self, session: Session) -> None:
        if self._recorders is not None and session.recorder is not None:
            self._recorders.end(session.recorder)
            session.recorder = None

    # requests: new sessions

    async def _open_world(self, message: wire.OpenWorld) -> wire.WorldOpened:
        world = await self._worlds.get(message.world)
        return wire.WorldOpened(message.request, world.name, world.cost, world.model.fingerprint)

    async def _start(self, message: wire.Open) -> wire.Opened:
        world = await self._worlds.get(message.world)

        def start() -> tuple[Moment, bytes]:
            model, image = world.model, _image(message.image, world.info)
            conditioning = model.prepare(world.name, message.prompt, image)
            state = model.start(world.name, message.seed, conditioning)
            moment = Moment(state, message.prompt, image)
            return moment, pack_moment(model, moment)

        moment, data = await self._aside.call(start, TIMEOUT_S)
        self._add(message.session, world, moment, [moment], message.sending)
        return self._opened(message.request, message.session, data)

    async def _restore(self, message: wire.Restore) -> wire.Opened:
        snapshot, prompt = await self._aside.call(
            lambda: unpack_session(message.snapshot), TIMEOUT_S
        )
        world = await self._worlds.get(snapshot.world)
        moment = await self._aside.call(lambda: _restored(world.model, snapshot, prompt), TIMEOUT_S)
        self._add(message.session, world, moment, [moment], message.sending)
        return self._opened(message.request, message.session, message.snapshot)

    async def _fork(self, message: wire.Fork) -> wire.Opened:
        parent = self._get(message.session)
        async with parent.turn:
            check(parent)
            world, moment = parent.world, parent.shown
            before = [kept for kept in parent.history if kept.frame < moment.frame]
            self._add(message.new, world, moment, [*before, moment], message.sending)
        data = await self._aside.call(lambda: pack_moment(world.model, moment), TIMEOUT_S)
        return self._opened(message.request, message.new, data)

    def _add(
        self,
        name: str,
        world: OpenWorld,
        moment: Moment,
        moments: list[Moment],
        sending: wire.Sending,
    ) -> None:
        if name in self._sessions:
            raise WorkerError(f"there is a session '{name}' already")
        now = self._loop.time()
        clock = MediaClock()
        clock.start(now, sending.media_time)
        clock.pause(now)
        clock.on_change(lambda: self._send_clock(name, clock))
        transmitter = Transmitter(
            stream_format(world.info),
            clock,
            StreamSettings(
                scale=sending.scale,
                video_bitrate=sending.video_bitrate,
                audio_bitrate=sending.audio_bitrate,
            ),
            lambda packet: self._send(_packet(name, packet)),
            executor=self._encoder,
            stream_frame=sending.stream_frame,
            media_time=sending.media_time,
        )
        session = Session(
            id=name,
            world=world,
            now=moment,
            history=History(world.info.fps, self._load.history_s, moments),
            input=HeldInput(world.info, now),
            clock=clock,
            transmitter=transmitter,
        )
        self._sessions[name] = session
        self.runner.add(session)

    def _opened(self, request: int, name: str, data: bytes) -> wire.Opened:
        session = self._get(name)
        moment = session.now
        return wire.Opened(request, name, session.world.name, moment.frame, data, moment.prompt)

    # inside

    def _get(self, name: str) -> Session:
        if (session := self._sessions.get(name)) is None:
            raise UnknownSession(f"the worker has no session '{name}'")
        return session

    def _change(
        self,
        request: int,
        name: str,
        change: Callable[[Session, M], Awaitable[wire.Reply]],
        message: M,
    ) -> None:
        async def changed() -> wire.Reply:
            return await change(self._get(name), message)

        self._spawn(self._answer(request, changed()))

    async def _answer(self, request: int, work: Awaitable[wire.Reply]) -> None:
        try:
            reply = await work
        except Exception as error:  # whatever it is, it must not end the other sessions
            if not isinstance(error, ModelError | WorkerError):
                log.warning("a request fails", exc_info=error)
            self._send(failure(request, error))
        else:
            self._send(reply)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _open(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """May be dropped before it is there."""
        task = self._opening[name] = self._spawn(work)
        task.add_done_callback(lambda task: self._opened_or_not(name, task))

    def _opened_or_not(self, name: str, task: asyncio.Task[None]) -> None:
        if self._opening.get(name) is task:
            del self._opening[name]

    def _send_clock(self, name: str, clock: MediaClock) -> None:
        media_time = clock.media_time(self._loop.time())
        self._send(
            wire.Clock(name, clock.running, media_time, time.time(), clock.stalls, clock.stalled_s)
        )


def _image(data: bytes | None, info: WorldInfo) -> Image | None:
    if data is None:
        return None
    return np.frombuffer(data, np.uint8).reshape(info.height, info.width, 3).copy()


def _restored(model: Model, snapshot: Snapshot, prompt: str) -> Moment:
    return Moment(model.restore(snapshot), prompt)


def _packet(session: str, packet: EncodedPacket) -> wire.Picture | wire.Sound:
    if isinstance(packet, EncodedPicture):
        return wire.Picture(
            session,
            packet.lane.value,
            packet.data,
            packet.pts,
            packet.ntp,
            packet.keyframe,
            packet.stream_frame,
            1000 * packet.encode_s,
        )
    return wire.Sound(session, packet.data, packet.pts, packet.ntp)
