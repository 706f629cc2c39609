"""What can be done with a session that is there: conditioning, going back in time, saving. In the
order in which it was asked for, between two steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lightcone.server.sessions.prompt_history import and_then
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import RewindError, UnknownSession
from lightcone.server.worker.sessions.backwards import Backwards
from lightcone.server.worker.sessions.history import Moment
from lightcone.server.worker.sessions.session import Session
from lightcone.server.worker.sessions.snapshots import pack_moment
from lightcone.server.worker.stepping.runner import Runner
from lightcone.server.worker.stepping.threads import Aside, Caller

CONDITIONED = 8  # sessions at once that take conditioning quickly
TIMEOUT_S = 30.0  # of preparing and applying conditioning, of a snapshot


def check(session: Session) -> None:
    """Whether it still is there, after a wait. Raises UnknownSession."""
    if session.gone:
        raise UnknownSession(f"the session '{session.id}' is over")


class Changes:
    """All may raise UnknownSession, and TimeoutError. `aside` makes slow calls, `new_caller` a
    thread of a name."""

    def __init__(self, runner: Runner, aside: Aside, new_caller: Callable[[str], Caller]) -> None:
        self._runner = runner
        self._aside = aside
        self._between = Aside(CONDITIONED, partial(new_caller, "between steps"))

    async def condition(self, session: Session, message: wire.Condition) -> wire.Conditioned:
        """Raises PromptError."""
        world, text = session.world, message.text
        async with session.turn:
            check(session)
            if session.backwards is not None:
                raise RewindError("no prompt can be given while it runs backwards")
            conditioning = await self._aside.call(
                lambda: world.model.prepare(world.name, text, running=True), TIMEOUT_S
            )
            slow = message.how == "recache"
            aside = self._aside if slow else self._between
            async with self._runner.between_steps(session):
                check(session)
                before = session.now
                session.excluded = slow
                try:
                    state, full = await aside.call(
                        lambda: world.model.apply(
                            before.state, conditioning, message.how, message.chunks
                        ),
                        TIMEOUT_S,
                    )
                finally:
                    session.excluded = False
                if session.gone:
                    self._runner.chores.release(world.model, [state])
                check(session)
                prompt = and_then(before.prompt, text, world.info)
                self._runner.change(session, Moment(state, prompt, before.picture))
                self._runner.chores.send_in_order(
                    wire.Prompted(
                        session.id, before.frame, text, message.how, message.chunks, prompt
                    )
                )
                reply = self._conditioned(message.request, session, full)
            if slow:
                self._runner.realign(session)
            return reply

    def _conditioned(self, request: int, session: Session, full: int) -> wire.Conditioned:
        first, out = session.now.frame, session.transmitter
        return wire.Conditioned(
            request,
            first,
            full,
            out.next_stream_frame,
            out.next_media_time,
            out.next_stream_frame + full - first,
            out.next_media_time + (full - first) * session.frame_s,
        )

    async def rewind(self, session: Session, message: wire.Rewind) -> wire.Rewound:
        """Raises RewindError."""
        async with session.turn:
            check(session)
            match message.action:
                case "start":
                    await self._run_back(session)
                case "stop":
                    self._go_on(session)
                case "to":
                    await self._go_back(session, message.frame)
            return wire.Rewound(
                message.request,
                session.shown.frame,
                session.transmitter.next_stream_frame,
                session.transmitter.next_media_time,
            )

    async def release(self, session: Session) -> None:
        """Nobody drives any more: what runs backwards goes on from where that has come to."""
        async with session.turn:
            if not session.gone and session.backwards is not None:
                self._go_on(session)

    async def _run_back(self, session: Session) -> None:
        if session.backwards is not None:
            raise RewindError("it runs backwards already")
        async with self._runner.between_steps(session):
            check(session)
            session.backwards = Backwards(
                session.now,
                session.history,
                session.clock,
                session.transmitter,
                lambda frame: self._runner.chores.send_in_order(
                    wire.RunningBack(session.id, frame)
                ),
            )

    def _go_on(self, session: Session) -> None:
        if session.backwards is None:
            raise RewindError("it does not run backwards")
        backwards, session.backwards = session.backwards, None
        backwards.stop()
        self._runner.jump(session, backwards.moment)

    async def _go_back(self, session: Session, frame: int) -> None:
        async with self._runner.between_steps(session):
            check(session)
            if frame > session.now.frame:
                raise RewindError(f"frame {frame} is after the present, {session.now.frame}")
            moment = session.history.at(frame)
            if moment is None:
                oldest = session.history.oldest
                known = "no moment is kept" if oldest is None else f"the oldest is {oldest.frame}"
                raise RewindError(f"frame {frame} can not be gone back to: {known}")
            if session.backwards is not None:
                session.backwards.stop()
                session.backwards = None
            self._runner.jump(session, moment)

    async def save(self, session: Session, message: wire.Save) -> wire.Saved:
        async with session.turn:
            check(session)
            model, moment = session.world.model, session.shown
            self._runner.chores.hold(moment)
            try:
                data = await self._aside.call(lambda: pack_moment(model, moment), TIMEOUT_S)
            finally:
                self._runner.chores.let_go(model, [moment])
            return wire.Saved(message.request, data)
