"""A world's pictures and sound, encoded once and sent out on the media clock."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from lightcone.streaming.audio import (
    PACKET_S,
    OpusEncoder,
    SoundPacket,
)
from lightcone.streaming.clock import MediaClock
from lightcone.streaming.fanout import (
    MediaPacket,
    PacketQueue,
)
from lightcone.streaming.format import (
    VIDEO_CLOCK_HZ,
    StreamFormat,
    StreamSettings,
)
from lightcone.streaming.lane import VideoLane
from lightcone.streaming.stats import StreamMeter
from lightcone.streaming.video import (
    PictureScaler,
    VideoCodec,
    VideoEncoder,
)

NTP_EPOCH_S = 2_208_988_800  # from 1900, where NTP counts from, to 1970 (RFC 5905)
TIMER_S = 0.001  # the loop's timers may fire this much early (uvloop counts milliseconds)
STALE_SOUND_S = 0.06  # sound later than this would only make its hearers wait


@dataclass(frozen=True)
class _Picture:
    frame: av.VideoFrame
    index: int  # frame number of the world


@dataclass(frozen=True)
class _Shown:
    """The picture that viewers see now, kept for those who join."""

    frame: av.VideoFrame
    pts: int
    ntp: int


class Broadcast:
    """Encodes what is pushed and puts the packets into the queues that joined, when due.

    Pictures are enlarged when pushed, but encoded when due: so a keyframe that somebody needs
    is never behind pictures already encoded, and a picture that was overtaken costs nothing.
    A sound packet goes out when its last sample is due, which is the earliest moment at which
    one can always be ready.
    """

    def __init__(self, format: StreamFormat, clock: MediaClock, settings: StreamSettings) -> None:
        self.meter = StreamMeter()
        self._format = format
        self._clock = clock
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._wall_offset = time.time() - self._loop.time() + NTP_EPOCH_S
        self._scaler = PictureScaler(format, settings.scale)
        self._opus: OpusEncoder | None = None
        self._next_frame: int | None = None
        self._pictures: deque[_Picture] = deque()
        self._sounds: deque[SoundPacket] = deque()
        self._shown: _Shown | None = None
        # H264 is made ready before anybody comes: opening an encoder takes tens of milliseconds.
        self._lanes = {VideoCodec.H264: self._new_lane(VideoCodec.H264)}
        self._sound_queues: set[PacketQueue] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        clock.on_change = self._arm

    def push(self, first_frame: int, frames: NDArray[np.uint8], sound: NDArray[np.float32]) -> None:
        """Take one chunk, as `WorldStream.push` says."""
        self._check(first_frame, frames, sound)
        if self._closed:
            return
        if self._opus is None:
            start = first_frame * self._format.samples_per_frame
            self._opus = OpusEncoder(self._format.sample_rate, self._settings.audio_bitrate, start)
        self._next_frame = first_frame + len(frames)
        for index, picture in enumerate(frames, start=first_frame):
            self._pictures.append(_Picture(self._scaler(picture), index))
        self._send_due()  # a picture that is due already does not wait for the sound's encoder
        self._sounds.extend(self._opus.push(sound))
        self._send_due()

    def join_video(self, codec: VideoCodec, queue: PacketQueue) -> None:
        """Send pictures to `queue` from now on, a keyframe first. A codec is encoded only while
        somebody watches it."""
        if codec not in self._lanes:
            self._lanes[codec] = self._new_lane(codec)
        self._lanes[codec].queues.add(queue)
        self.want_keyframe(codec)

    def leave_video(self, codec: VideoCodec, queue: PacketQueue) -> None:
        self._lanes[codec].queues.discard(queue)

    def join_sound(self, queue: PacketQueue) -> None:
        self._sound_queues.add(queue)

    def leave_sound(self, queue: PacketQueue) -> None:
        self._sound_queues.discard(queue)

    def want_keyframe(self, codec: VideoCodec) -> None:
        """Somebody who watches `codec` cannot go on without a keyframe."""
        self._lanes[codec].gate.request()
        self._arm()

    def close(self) -> None:
        """Stop. What was pushed and is not due is not sent."""
        self._closed = True
        self._clock.on_change = None
        self._pictures.clear()
        self._sounds.clear()
        self._sound_queues.clear()
        for lane in self._lanes.values():
            lane.queues.clear()
        self._arm()

    def _check(
        self, first_frame: int, frames: NDArray[np.uint8], sound: NDArray[np.float32]
    ) -> None:
        picture = (self._format.height, self._format.width, 3)
        if frames.shape[1:] != picture or frames.dtype != np.uint8:
            raise ValueError(f"pictures of {frames.shape[1:]} {frames.dtype}, not {picture} uint8")
        if sound.shape != (len(frames) * self._format.samples_per_frame,):
            raise ValueError(f"sound of {sound.shape} does not fit {len(frames)} pictures")
        if self._next_frame is not None and first_frame != self._next_frame:
            raise ValueError(f"frame {first_frame} came where {self._next_frame} follows")

    def _send_due(self) -> None:
        """Send what is due and set the timer for what comes next."""
        now = self._loop.time()
        soon = now + TIMER_S
        self._show_due_picture(soon, now)
        self._send_due_sound(soon, now)
        self._repeat_for_keyframes(soon, now)
        self._arm()

    def _show_due_picture(self, soon: float, now: float) -> None:
        due: _Picture | None = None
        while self._pictures and self._clock.due(self._pictures[0].index) <= soon:
            self.meter.frames_skipped += due is not None
            due = self._pictures.popleft()
        if due is None:
            return
        media_time = due.index / self._format.fps
        pts = round(media_time * VIDEO_CLOCK_HZ)
        self._shown = _Shown(due.frame, pts, self._ntp(media_time))
        self.meter.frames_sent += 1
        for lane in self._watched_lanes():
            self._send_shown(lane, self._shown, now)

    def _send_due_sound(self, soon: float, now: float) -> None:
        while self._sounds and self._sound_due(self._sounds[0]) <= soon:
            sound = self._sounds.popleft()
            if self._sound_due(sound) < now - STALE_SOUND_S:
                self.meter.packets_dropped += 1
                continue
            packet = MediaPacket(
                (sound.data,), sound.first_sample % 2**32, self._ntp(sound.media_time), True
            )
            self.meter.sent(now, packet.size)
            for queue in self._sound_queues:
                queue.put(packet)

    def _repeat_for_keyframes(self, soon: float, now: float) -> None:
        """Send the picture that is shown once more, as the keyframe that somebody waits for:
        a viewer who joins sees it at once, even while the world stands still."""
        if self._shown is None:
            return
        for lane in self._watched_lanes():
            if lane.gate.ready_at() <= soon:
                self._send_shown(lane, self._shown, now)

    def _send_shown(self, lane: VideoLane, shown: _Shown, now: float) -> None:
        began = time.perf_counter()
        packet = lane.send(shown.frame, shown.pts, shown.ntp, now + TIMER_S)
        self.meter.encoded(time.perf_counter() - began, packet.keyframe)
        self.meter.sent(now, packet.size)

    def _arm(self) -> None:
        """Set the timer to the next moment at which there is something to do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moments = [math.inf]
        if self._pictures:
            moments.append(self._clock.due(self._pictures[0].index))
        if self._sounds:
            moments.append(self._sound_due(self._sounds[0]))
        if self._shown is not None:
            moments.extend(lane.gate.ready_at() for lane in self._watched_lanes())
        if min(moments) < math.inf:
            moment = max(min(moments), self._loop.time())
            self._timer = self._loop.call_at(moment, self._send_due)

    def _watched_lanes(self) -> list[VideoLane]:
        return [lane for lane in self._lanes.values() if lane.queues]

    def _sound_due(self, sound: SoundPacket) -> float:
        delay = 0.0 if self._opus is None else self._opus.delay_s
        return self._clock.due_at(sound.media_time + PACKET_S + delay)

    def _ntp(self, media_time: float) -> int:
        """Wall-clock time at which `media_time` is due, as NTP writes it (32.32)."""
        return round((self._clock.due_at(media_time) + self._wall_offset) * 2**32)

    def _new_lane(self, codec: VideoCodec) -> VideoLane:
        encoder = VideoEncoder(
            codec,
            self._scaler.width,
            self._scaler.height,
            self._format.fps,
            self._settings.video_bitrate,
        )
        return VideoLane(encoder, self._settings.keyframe_interval_s)
