"""One codec's way out of a world: a single encoder and everybody who watches through it."""

from __future__ import annotations

import av

from lightcone.streaming.aiortc_compat import Packetizer
from lightcone.streaming.fanout import (
    MediaPacket,
    PacketQueue,
)
from lightcone.streaming.keyframes import KeyframeGate
from lightcone.streaming.video import VideoEncoder


class VideoLane:
    """Encodes each picture once and hands the packets to every queue in `queues`."""

    def __init__(self, encoder: VideoEncoder, keyframe_interval_s: float) -> None:
        self.queues: set[PacketQueue] = set()
        self.gate = KeyframeGate(keyframe_interval_s)
        self._encoder = encoder
        self._packetize = Packetizer(encoder.codec)
        self._last_pts = -1

    def send(self, frame: av.VideoFrame, pts: int, ntp: int, now: float) -> MediaPacket:
        """Encode a picture of media time `pts` / 90000 that is due at wall time `ntp`.

        A picture sent again gets the next free timestamp, a few ticks of 11 us later: two
        pictures with one timestamp would be taken for one.
        """
        pts = max(pts, self._last_pts + 1)
        self._last_pts = pts
        packet = self._encoder.encode(frame, pts, keyframe=self.gate.ready_at() <= now)
        keyframe = bool(packet.is_keyframe)
        media = MediaPacket(self._packetize(packet), pts % 2**32, ntp, keyframe)
        if keyframe:
            self.gate.made(now)
        for queue in self.queues:
            queue.put(media)
        if any(queue.waits_for_keyframe for queue in self.queues):
            self.gate.request()
        return media
