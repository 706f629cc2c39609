"""What the control clients of a session are sent about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightcone.server.access.seats import Seat
from lightcone.server.control.describe import describe
from lightcone.server.control.protocol import VERSION, Receipt, Role, Status, Welcome
from lightcone.server.worker.messages import Carried

if TYPE_CHECKING:
    from lightcone.server.sessions.session import Session


def welcome(session: Session, seat: Seat) -> Welcome:
    rules = session.rules
    return Welcome(
        version=VERSION,
        role=session.participants.seats.role(seat),
        seat=seat.id,
        resume=seat.token,
        session=describe(
            session.id,
            session.info,
            rules.history_s,
            play_recorded=rules.play_recorded,
            consent=rules.consent,
        ),
    )


def status(session: Session, role: Role, now: float) -> Status:
    """As it is at `now`, monotonic seconds."""
    seats, state = session.participants.seats, session.state
    return Status(
        phase=session.phase,
        role=role,
        media_time=state.shown.media_time(now),
        world_frame=state.shown.world_frame(now),
        viewers=session.viewers,
        seats=session.participants.present,
        driver=None if seats.driver is None else seats.driver.id,
        asking=[seat.id for seat in seats.asking],
        turn_left_s=seats.turn_left(now),
        stalls=state.shown.stalls,
        stalled_ms=1000 * state.shown.stalled_s,
        chunk_ms=state.chunk_ms,
        steps=state.level.steps,
        rate=state.level.rate,
        overloaded=state.level.overloaded,
        recording=session.recording is not None,
        prompt=state.prompt,
        reason=session.reason,
    )


def receipt(carried: Carried, step_ms: float) -> Receipt:
    return Receipt(
        seq=carried.seq,
        t=carried.t,
        world_frame=carried.world_frame,
        stream_frame=carried.stream_frame,
        media_time=carried.media_time,
        waited_ms=carried.waited_ms,
        step_ms=step_ms,
    )
