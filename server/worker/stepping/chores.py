"""What is left to do for a chunk once it is made: its digest, its entry for the action log, the
snapshot of about every second, and letting go of states. In one thread, in order, off the step
path."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from lightcone.model.interface import Model
from lightcone.server.worker.errors import one_line
from lightcone.server.worker.messages import Kept, Made, Message
from lightcone.server.worker.sessions.history import Holders, Moment
from lightcone.server.worker.sessions.session import Session
from lightcone.server.worker.sessions.snapshots import pack_moment
from lightcone.server.worker.stepping.threads import Caller, Done, Post


@dataclass(frozen=True)
class Chore:
    """A chunk of a session that is made; `made` lacks its digest. With `keep` the moment after it
    is one to go back to."""

    session: Session
    moment: Moment
    made: Made
    keep: bool
    went_back: int  # of the session, when the chunk was made


@dataclass(frozen=True)
class _Result:
    digest: bytes
    kept: Moment | None = None
    snapshot: bytes = b""
    ms: float = 0.0


class Chores:
    """`fail` is called with a session whose chore has failed, the error's name and its text."""

    def __init__(
        self,
        caller: Caller,
        send: Callable[[Message], None],
        fail: Callable[[Session, str, str], None],
    ) -> None:
        self._caller = caller
        self._send = send
        self._fail = fail
        self._holders = Holders()

    def hold(self, moment: Moment) -> None:
        self._holders.take(moment.state)

    def let_go(self, model: Model, moments: Sequence[Moment]) -> None:
        """Whoever held these moments does not any more."""
        states = [m.state for m in moments if self._holders.let_go(m.state)]
        if states:
            self.release(model, states)

    def release(self, model: Model, states: Sequence[Any]) -> None:
        """Nobody holds these states."""
        self._caller.call(partial(_release, model, list(states)))

    def send_in_order(self, message: Message) -> None:
        """After the chores that wait already."""
        self._caller.call(_nothing).add_done_callback(lambda _: self._send(message))

    def do(self, chores: Sequence[Chore]) -> None:
        """Those of one step. Moments that are to be kept are held until then."""
        for chore in chores:
            if chore.keep:
                chore.session.keeping = True
                self.hold(chore.moment)
        future = self._caller.call(partial(_do, chores))
        future.add_done_callback(partial(self._done, chores))

    def close(self) -> None:
        self._caller.close()

    def _done(
        self, chores: Sequence[Chore], future: asyncio.Future[Done[list[_Result | Exception]]]
    ) -> None:
        for chore, result in zip(chores, future.result().result, strict=True):
            session = chore.session
            if isinstance(result, Exception):
                self._fail(session, type(result).__name__, one_line(result))
            elif not session.gone:
                self._send(msgspec.structs.replace(chore.made, digest=result.digest))
            if chore.keep:
                session.keeping = False
                if not isinstance(result, Exception):
                    self._keep(chore, result)
                self.let_go(session.world.model, [chore.moment])

    def _keep(self, chore: Chore, result: _Result) -> None:
        session = chore.session
        assert result.kept is not None
        self.hold(result.kept)
        if session.gone:
            self.let_go(session.world.model, [result.kept])
            return
        # The server is sent it in any case: a step back of the session comes after it.
        self._send(Kept(session.id, result.kept.frame, result.snapshot, result.ms))
        if session.went_back == chore.went_back:
            self.let_go(session.world.model, session.history.add(result.kept))
        else:
            self.let_go(session.world.model, [result.kept])


def _do(chores: Sequence[Chore], post: Post) -> list[_Result | Exception]:
    return [_result(chore) for chore in chores]


def _result(chore: Chore) -> _Result | Exception:
    model = chore.session.world.model
    try:
        digest = model.digest(chore.moment.state)
        if not chore.keep:
            return _Result(digest)
        began = time.thread_time()
        picture = chore.moment.picture
        kept = replace(chore.moment, picture=None if picture is None else picture.copy())
        snapshot = pack_moment(model, kept)
        return _Result(digest, kept, snapshot, 1000 * (time.thread_time() - began))
    except Exception as error:
        return error


def _release(model: Model, states: list[Any], post: Post) -> None:
    for state in states:
        model.release(state)


def _nothing(post: Post) -> None:
    pass
