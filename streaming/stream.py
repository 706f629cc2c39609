"""A world on its way to its viewers: encoded once, sent on the media clock."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lightcone.streaming.aiortc_compat import close_peer
from lightcone.streaming.broadcast import Broadcast
from lightcone.streaming.clock import MediaClock
from lightcone.streaming.errors import (
    BadOffer,
    UnknownSession,
)
from lightcone.streaming.format import (
    StreamFormat,
    StreamSettings,
)
from lightcone.streaming.session import (
    ViewerSession,
    answer_offer,
)
from lightcone.streaming.stats import StreamStats


class WorldStream:
    """Sends one world to any number of viewers. Lives on the running event loop."""

    def __init__(
        self, format: StreamFormat, clock: MediaClock, settings: StreamSettings | None = None
    ) -> None:
        self.on_viewers: Callable[[int], None] | None = None
        """Called on the loop with the number of connected viewers whenever it changes."""
        self._settings = settings or StreamSettings()
        self._loop = asyncio.get_running_loop()
        self._broadcast = Broadcast(format, clock, self._settings)
        self._sessions: dict[str, ViewerSession] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._dropped = 0  # packets, by sessions that have ended
        self._closed = False

    @property
    def viewers(self) -> int:
        """Connected sessions."""
        return sum(session.connected for session in self._sessions.values())

    def push(self, first_frame: int, frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        """Take one chunk: (F, H, W, 3) RGB pictures, the first of which is frame
        `first_frame`, and their sound, (F * samples_per_frame,) within [-1, 1].

        To be called at or before `clock.due(first_frame)`; chunks follow each other without a
        gap. Raises ValueError where shapes or numbers do not fit.
        """
        self._broadcast.push(first_frame, frames, sound)

    async def offer(self, sdp: str) -> tuple[str, str]:
        """Answer a viewer's SDP offer: (session id, SDP answer with all candidates).

        Raises BadOffer, or UnsupportedCodec where the offer has no codec sent here.
        """
        session = await answer_offer(
            secrets.token_urlsafe(12), sdp, self._settings, self._broadcast.want_keyframe
        )
        if self._closed:
            await close_peer(session.peer)
            raise BadOffer("the world has ended")
        self._sessions[session.id] = session
        session.peer.on("connectionstatechange", partial(self._on_state, session))
        session.deadline = self._loop.call_later(
            self._settings.connect_timeout_s, self._drop, session
        )
        return session.id, session.answer

    async def end_session(self, session_id: str) -> None:
        """Hang up. Raises UnknownSession, also for a session that has ended by itself."""
        session = self._sessions.get(session_id)
        if session is None:
            raise UnknownSession(f"no session '{session_id}'")
        await self._drop(session)

    def stats(self) -> StreamStats:
        meter = self._broadcast.meter
        dropped = self._dropped + sum(session.dropped for session in self._sessions.values())
        return StreamStats(
            viewers=self.viewers,
            frames_sent=meter.frames_sent,
            frames_skipped=meter.frames_skipped,
            keyframes=meter.keyframes,
            packets_dropped=meter.packets_dropped + dropped,
            encode_ms=meter.encode_ms,
            bitrate=meter.bitrate(self._loop.time()),
        )

    async def close(self) -> None:
        """Hang up on everybody and stop. What was pushed and is not due is not sent."""
        self._closed = True
        self._broadcast.close()
        for session in list(self._sessions.values()):
            self._drop(session)
        await asyncio.gather(*self._closing)

    def _on_state(self, session: ViewerSession) -> None:
        state = session.peer.connectionState
        if state == "connected" and not session.connected:
            self._admit(session)
        elif state in ("failed", "closed"):
            self._drop(session)

    def _admit(self, session: ViewerSession) -> None:
        session.connected = True
        session.forget_deadline()
        if session.sends_sound:
            self._broadcast.join_sound(session.sound)
        if session.video_codec is not None:
            self._broadcast.join_video(session.video_codec, session.video)
        self._tell_viewers()

    def _drop(self, session: ViewerSession) -> asyncio.Task[None]:
        """Forget a session and begin to close it. Does nothing more the second time."""
        if self._sessions.pop(session.id, None) is not None:
            session.forget_deadline()
            if session.connected:
                self._dismiss(session)
            session.closing = self._loop.create_task(close_peer(session.peer))
            self._closing.add(session.closing)
            session.closing.add_done_callback(self._closing.discard)
        assert session.closing is not None
        return session.closing

    def _dismiss(self, session: ViewerSession) -> None:
        session.connected = False
        self._dropped += session.dropped
        self._broadcast.leave_sound(session.sound)
        if session.video_codec is not None:
            self._broadcast.leave_video(session.video_codec, session.video)
        self._tell_viewers()

    def _tell_viewers(self) -> None:
        if self.on_viewers is not None:
            self.on_viewers(self.viewers)
