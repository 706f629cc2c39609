"""A session on its way to its viewers: encoded packets in, fanned out over WebRTC."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from functools import partial

from lightcone.streaming.errors import BadOffer, UnknownViewer
from lightcone.streaming.format import StreamFormat, StreamSettings
from lightcone.streaming.packets import (
    SAMPLES_PER_PACKET,
    SOUND_CLOCK_HZ,
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    Lane,
)
from lightcone.streaming.viewers.aiortc_compat import close_peer
from lightcone.streaming.viewers.congestion.picture_lanes import PictureLanes, Watcher
from lightcone.streaming.viewers.fanout import MediaPacket
from lightcone.streaming.viewers.reach import Reach
from lightcone.streaming.viewers.stats import StreamStats
from lightcone.streaming.viewers.viewer import Viewer, answer_offer


class SessionStream:
    """Sends one session to any number of viewers. Lives on the running event loop.

    It outlives whoever makes the packets: those of a worker that goes on for another continue the
    same RTP streams, whose timestamps only grow.
    """

    def __init__(self, format: StreamFormat, settings: StreamSettings | None = None) -> None:
        self.on_viewer: Callable[[str, bool], None] | None = None
        """Called on the loop with the id of a viewer who has connected (True) or left (False)."""
        self.on_viewers: Callable[[int], None] | None = None
        """Called on the loop with the number of connected viewers whenever it changes."""
        self.on_lanes: Callable[[Mapping[Lane, int], bool], None] | None = None
        """Called with the lanes that connected viewers watch and their bits a second, and whether
        any of them hears, whenever that changes."""
        self.on_keyframe_wanted: Callable[[Lane], None] | None = None
        """Called when somebody who watches the lane cannot go on without a keyframe. Not called
        again before that is sent or `keyframe_interval_s` has passed."""
        self._has_sound = format.sample_rate is not None
        self._settings = settings or StreamSettings()
        self._loop = asyncio.get_running_loop()
        self._stats = StreamStats()
        self.pictures = PictureLanes(
            self._settings, self._loop.time, self._want_keyframe, self._report_lanes
        )
        self._last_sound = -SAMPLES_PER_PACKET
        self._lanes: tuple[Mapping[Lane, int], bool] = ({}, False)
        self._viewers: dict[str, Viewer] = {}
        self._answering = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def viewers(self) -> int:
        """Connected viewers."""
        return sum(viewer.connected for viewer in self._viewers.values())

    @property
    def occupancy(self) -> int:
        """Connected viewers and those who are about to connect."""
        return len(self._viewers) + self._answering

    def has(self, viewer_id: str) -> bool:
        """Whether this viewer watches, or is about to."""
        return viewer_id in self._viewers

    @property
    def last_media_time(self) -> float:
        """Media time up to which packets have come: the start of the last picture, or the end of
        the last sound where that is later. 0 before the first packet."""
        sound = (self._last_sound + SAMPLES_PER_PACKET) / SOUND_CLOCK_HZ
        return max(self.pictures.last_media_time, sound, 0.0)

    def send(self, packet: EncodedPacket) -> None:
        """Hand a packet to everybody whom it is for. Never waits."""
        if self._closed:
            return
        if isinstance(packet, EncodedPicture):
            self._send_picture(packet)
        else:
            self._send_sound(packet)

    async def offer(self, sdp: str, reach: Reach | None = None) -> tuple[str, str]:
        """Answer a viewer's SDP offer: (viewer id, SDP answer with all candidates). `reach` says
        which of the viewer's own are tried; by default none, and its checks have to bring one.

        Raises BadOffer; OfferTooLarge; or UnsupportedCodec where the offer has no codec sent here.
        """
        self._answering += 1
        watcher = Watcher(self._settings)
        try:
            viewer = await answer_offer(
                secrets.token_urlsafe(12),
                sdp,
                reach or Reach(),
                self._settings,
                self._has_sound,
                watcher,
                partial(self.pictures.lost, watcher),
                partial(self.pictures.reported, watcher),
            )
            if self._closed:
                await close_peer(viewer.peer)
                raise BadOffer("the session has ended")
            self._viewers[viewer.id] = viewer
        finally:
            self._answering -= 1
        viewer.peer.on("connectionstatechange", partial(self._on_state, viewer))
        viewer.deadline = self._loop.call_later(
            self._settings.connect_timeout_s, self._drop, viewer
        )
        return viewer.id, viewer.answer

    async def end_viewer(self, viewer_id: str) -> None:
        """Hang up. Raises UnknownViewer, also for a viewer who has left."""
        viewer = self._viewers.get(viewer_id)
        if viewer is None:
            raise UnknownViewer(f"no viewer '{viewer_id}'")
        await self._drop(viewer)

    def stats(self) -> StreamStats:
        """As they are now."""
        connected = (viewer for viewer in self._viewers.values() if viewer.connected)
        lanes = self.pictures
        moved = StreamStats(moved_to_thin=lanes.moves_to_thin, moved_to_full=lanes.moves_to_full)
        return sum((viewer.stats() for viewer in connected), self._stats + moved)

    async def close(self) -> None:
        """Hang up on everybody and stop."""
        self._closed = True
        for viewer in list(self._viewers.values()):
            self._drop(viewer)
        await asyncio.gather(*self._closing)

    def _send_picture(self, picture: EncodedPicture) -> None:
        sent = self.pictures.send(picture)
        if sent is None:
            self._stats += StreamStats(dropped_old=1)
        else:
            self._stats += StreamStats(frames_sent=1, keyframes=int(sent.keyframe))

    def _send_sound(self, sound: EncodedSound) -> None:
        if sound.pts <= self._last_sound:
            self._stats += StreamStats(dropped_old=1)
            return
        self._last_sound = sound.pts
        packet = MediaPacket((sound.data,), sound.pts % 2**32, sound.ntp, keyframe=True)
        for viewer in self._viewers.values():
            if viewer.connected and viewer.hears:
                viewer.sound.put(packet)

    def _want_keyframe(self, lane: Lane) -> None:
        if self.on_keyframe_wanted is not None:
            self.on_keyframe_wanted(lane)

    def _on_state(self, viewer: Viewer) -> None:
        state = viewer.peer.connectionState
        if state == "connected" and not viewer.connected:
            self._admit(viewer)
        elif state in ("failed", "closed"):
            self._drop(viewer)

    def _admit(self, viewer: Viewer) -> None:
        viewer.connected = True
        self._note(viewer)
        viewer.forget_deadline()
        self._report_viewers()
        if viewer.watcher.codec is None:
            self._report_lanes()
        else:
            self.pictures.join(viewer.watcher)

    def _drop(self, viewer: Viewer) -> asyncio.Task[None]:
        """Forget a viewer and begin to hang up. Does nothing more the second time."""
        if self._viewers.pop(viewer.id, None) is not None:
            viewer.forget_deadline()
            if viewer.connected:
                self._dismiss(viewer)
            viewer.closing = self._loop.create_task(close_peer(viewer.peer))
            self._closing.add(viewer.closing)
            viewer.closing.add_done_callback(self._closing.discard)
        assert viewer.closing is not None
        return viewer.closing

    def _dismiss(self, viewer: Viewer) -> None:
        viewer.connected = False
        self._note(viewer)
        self._stats += viewer.stats()
        self._report_viewers()
        self.pictures.leave(viewer.watcher)
        self._report_lanes()

    def _note(self, viewer: Viewer) -> None:
        if self.on_viewer is not None:
            self.on_viewer(viewer.id, viewer.connected)

    def _report_viewers(self) -> None:
        """Who came or left."""
        if self.on_viewers is not None:
            self.on_viewers(self.viewers)

    def _report_lanes(self) -> None:
        """Does nothing where nothing has changed."""
        lanes = self.pictures.wanted
        hears = any(viewer.connected and viewer.hears for viewer in self._viewers.values())
        if (lanes, hears) != self._lanes:
            self._lanes = (lanes, hears)
            if self.on_lanes is not None:
                self.on_lanes(lanes, hears)
