"""Pictures of one lane on their way to everybody who watches it."""

from __future__ import annotations

from lightcone.streaming.packets import EncodedPicture, VideoCodec
from lightcone.streaming.viewers.aiortc_compat import Packetizer
from lightcone.streaming.viewers.fanout import MediaPacket, PacketQueue


class PictureFanout:
    """Cuts each picture into RTP payloads once and hands them to every queue in `queues`.

    Timestamps only grow. A picture that is older than the last one is dropped, as a worker that
    goes on for another may begin a little before where that one ended; as pictures refer to those
    before them, all queues then wait for a keyframe.
    """

    def __init__(self, codec: VideoCodec) -> None:
        self.queues: set[PacketQueue] = set()
        self.last_pts = -1
        self._packetize = Packetizer(codec)

    @property
    def waits_for_keyframe(self) -> bool:
        return any(queue.waits_for_keyframe for queue in self.queues)

    def send(self, picture: EncodedPicture) -> MediaPacket | None:
        """What was sent; None where the picture was dropped."""
        if picture.pts < self.last_pts:
            for queue in self.queues:
                queue.shut()
            return None
        # The picture that was sent last may come again from another worker: one tick later.
        self.last_pts = max(picture.pts, self.last_pts + 1)
        timestamp = self.last_pts % 2**32
        payloads = self._packetize(picture.data) if self.queues else ()
        packet = MediaPacket(payloads, timestamp, picture.ntp, picture.keyframe)
        for queue in self.queues:
            queue.put(packet)
        return packet
