"""A session on a worker and a stream that note what is asked of them, for virtual time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lightcone.model.families.probe.variants import PROBE
from lightcone.model.interface import PromptError, WorldInfo
from lightcone.server.access.access import NOBODY
from lightcone.server.access.seats import Seat, SeatRules
from lightcone.server.control.commands import Commands
from lightcone.server.control.guest import Guest
from lightcone.server.control.outbox import Outbox
from lightcone.server.control.protocol import VERSION, Hello, Role, decode_server
from lightcone.server.sessions.origin import Origin, SessionRules
from lightcone.server.sessions.session import Session
from lightcone.server.sessions.session_log import SessionLog, log_start
from lightcone.server.worker import messages as wire
from lightcone.server.worker.errors import RequestFailed, RewindError
from lightcone.streaming import StreamStats

GUEST = Guest(may_drive=True, left_s=None, payer=NOBODY)
SENDING = wire.Sending(4, 2_000_000, 64_000)


class NotingWorker:
    """Keeps (name, arguments) of what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.prompt_s = 0.0
        self.oldest = 0  # frame to which it can go back

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for asked, *arguments in self.asked if asked == name]

    def watch(self, session: str, run: bool, lanes: Mapping[str, int], sound: bool) -> None:
        self.asked.append(("watch", run, dict(lanes), sound))

    def drive(self, session: str, driven: bool) -> None:
        self.asked.append(("drive", driven))

    def input(self, message: wire.Input) -> None:
        self.asked.append(("input", message.seat, message.seq))

    def release(self, session: str) -> None:
        self.asked.append(("release",))

    def keyframe(self, session: str, lane: str) -> None:
        self.asked.append(("keyframe", lane))

    def drop(self, session: str) -> None:
        self.asked.append(("drop",))

    async def condition(self, session: str, text: str, how: str, chunks: int) -> wire.Conditioned:
        self.asked.append(("condition", text))
        await asyncio.sleep(self.prompt_s)
        if text == "moon":
            raise PromptError(["moon"], ["red"])
        if text == "fail":
            raise RequestFailed("RuntimeError: no")
        return wire.Conditioned(1, 20, 42, 24, 1.0, 46, 46 / 24)

    async def rewind(self, session: str, action: str, frame: int) -> wire.Rewound:
        self.asked.append(("rewind", action, frame))
        if action == "to" and frame < self.oldest:
            raise RewindError(f"frame {frame} is before the oldest")
        return wire.Rewound(1, frame, 30, 1.25)

    async def restore(self, session: str, snapshot: bytes, sending: wire.Sending) -> wire.Opened:
        self.asked.append(("restore", snapshot, sending))
        await asyncio.sleep(0.1)
        return opened(int(snapshot))


class NotingStream:
    def __init__(self) -> None:
        self.viewers = 0
        self.pending = 0
        self.on_viewer: Callable[[str, bool], None] | None = None
        self.on_viewers: Callable[[int], None] | None = None
        self.on_lanes: Any = None
        self.on_keyframe_wanted: Any = None
        self.sent: list[Any] = []
        self.closed = False

    @property
    def occupancy(self) -> int:
        return self.viewers + self.pending

    def watch(self, viewers: int) -> None:
        self.viewers = viewers
        if self.on_viewers is not None:
            self.on_viewers(viewers)

    def stats(self) -> StreamStats:
        return StreamStats(len(self.sent))

    def send(self, packet: Any) -> None:
        self.sent.append(packet)

    async def close(self) -> None:
        self.closed = True


def opened(world_frame: int = 0) -> wire.Opened:
    """With the frame as its snapshot."""
    return wire.Opened(1, "w", "probe", world_frame, b"%d" % world_frame, "")


class Stage:
    """A session that its worker has just opened."""

    def __init__(self, rules: SeatRules | None = None, info: WorldInfo = PROBE) -> None:
        self.worker = NotingWorker()
        self.stream = NotingStream()
        self.frame = self.stream_frame = 0
        log = SessionLog(log_start(info, 7, "", None, "f", 1, 1, None))
        self.session = Session(
            Origin("w", info, 7, ""),
            SessionRules(rules or SeatRules(), SENDING, 30.0, 60.0),
            self.stream,  # type: ignore[arg-type]
            log,
        )
        self.session.begin(self.worker, opened())  # type: ignore[arg-type]

    def join(
        self, want: Role = "driver", resume: str | None = None
    ) -> tuple[Seat, Outbox, Commands]:
        hello = Hello(version=VERSION, want=want, resume=resume)
        seat, outbox = self.session.join(hello)
        return seat, outbox, Commands(self.session, seat, GUEST, outbox)

    def made(self, *carried: tuple[str, int], held_s: float = 0.0) -> None:
        """The worker has made a chunk, which carries these inputs (seat, seq)."""
        frame, shown = self.frame, self.stream_frame
        inputs = [wire.Carried(seat, seq, 0.5, frame, shown, shown / 24) for seat, seq in carried]
        self.frame, self.stream_frame = frame + 2, shown + 2
        actions = np.zeros((2, PROBE.controls), np.float32).tobytes()
        self.session.receive(
            wire.Made(
                "w", frame, 2, shown, shown / 24, actions, 1, 0, 1, 1, b"d", 20.0, held_s, inputs
            )
        )

    def clock(self, running: bool, media_time: float) -> None:
        self.session.receive(wire.Clock("w", running, media_time, time.time(), 0, 0.0))

    def kept(self) -> None:
        snapshot = b"%d" % self.frame
        self.session.receive(wire.Kept("w", self.frame, snapshot, 0.1))


def received(outbox: Outbox) -> list[Any]:
    return [decode_server(data) for data in outbox.take()]


def only(messages: list[Any], kind: type[Any]) -> list[Any]:
    return [message for message in messages if isinstance(message, kind)]
