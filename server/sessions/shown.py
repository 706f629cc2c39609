"""Where a session's stream is now, from what its worker reported last. Sans-IO: times are seconds
of one clock, given by the caller."""

from __future__ import annotations

from lightcone.server.worker.messages import Clock, Made


class Shown:
    """Media time and world frame of what is shown."""

    def __init__(self, world_frame: int = 0) -> None:
        self.stalls = 0
        self.stalled_s = 0.0
        self.next_stream_frame = 0
        self.next_media_time = 0.0  # at which what was not made yet is due
        self._running = False
        self._media_time = 0.0
        self._at = 0.0
        self._stalls_before, self._stalled_before = 0, 0.0  # by workers that are gone
        self._first_frame = world_frame
        self._frames = 0
        self._first_time = 0.0
        self._frame_s = 0.0

    @property
    def begun(self) -> bool:
        """Whether a chunk was ever made."""
        return self.next_stream_frame > 0

    @property
    def last_frame(self) -> int:
        """The world frame that comes next."""
        return self._first_frame + self._frames

    def clock(self, message: Clock, at: float) -> None:
        """`at` is `message.wall` on this clock."""
        self._running = message.running
        self._media_time, self._at = message.media_time, at
        self.stalls = self._stalls_before + message.stalls
        self.stalled_s = self._stalled_before + message.stalled_s

    def made(self, message: Made, frame_s: float) -> None:
        """A chunk, each frame of which is shown for `frame_s`."""
        self._first_frame, self._frames = message.world_frame, message.frames
        self._first_time, self._frame_s = message.media_time, frame_s
        self.sent(
            message.stream_frame + message.frames, message.media_time + message.frames * frame_s
        )

    def sent(self, stream_frame: int, media_time: float) -> None:
        """The stream reaches up to here at least."""
        self.next_stream_frame = max(self.next_stream_frame, stream_frame)
        self.next_media_time = max(self.next_media_time, media_time)

    def went_to(self, world_frame: int) -> None:
        """The session stands at this world frame."""
        self._first_frame, self._frames = world_frame, 0

    def stop(self, now: float) -> None:
        """The worker is lost: media time stands until another one's clock runs."""
        self._media_time, self._running = self.media_time(now), False
        self._stalls_before, self._stalled_before = self.stalls, self.stalled_s

    def media_time(self, now: float) -> float:
        passed = max(0.0, now - self._at) if self._running else 0.0
        return self._media_time + passed

    def world_frame(self, now: float) -> int:
        if self._frames == 0:
            return self._first_frame
        into = (self.media_time(now) - self._first_time) / self._frame_s
        return self._first_frame + min(max(int(into), 0), self._frames)
