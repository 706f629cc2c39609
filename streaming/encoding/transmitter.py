"""A session on its way out of the worker: encoded once, when due on the media clock."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightcone.streaming.clock import MediaClock
from lightcone.streaming.encoding.keyframes import KeyframeGate
from lightcone.streaming.encoding.lane import Encoded, LaneEncoder, LaneState, Shown
from lightcone.streaming.encoding.sound import FrameSound, SoundEncoder, SoundPacket
from lightcone.streaming.encoding.sound_lane import SoundLane
from lightcone.streaming.encoding.stats import TransmitterStats
from lightcone.streaming.encoding.timeline import Timeline
from lightcone.streaming.encoding.video import Picture, PictureScaler
from lightcone.streaming.format import StreamFormat, StreamSettings
from lightcone.streaming.packets import (
    VIDEO_CLOCK_HZ,
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    Lane,
)

NTP_EPOCH_S = 2_208_988_800  # from 1900, where NTP counts from, to 1970 (RFC 5905)
TIMER_S = 0.001  # the loop's timers may fire this much early (uvloop counts milliseconds)
STALE_SOUND_S = 0.06  # sound later than this would only make its hearers wait

T = TypeVar("T")


@dataclass(frozen=True)
class _Frame:
    """A frame that is not due yet. `sound` is None where the session has none."""

    picture: Picture
    stream_frame: int
    media_time: Fraction
    sound: FrameSound | None


class Transmitter:
    """Encodes the frames of one session and hands the packets to `out` when they are due.

    Lives on the running event loop, where `out` is called; encoding runs in `executor`, which must
    have a single thread and may be shared by all sessions. Nothing is encoded before it is due: so
    a keyframe that somebody needs is never behind pictures already encoded, and a picture that was
    overtaken costs nothing. Each lane has one encode under way at most; when it ends, the newest
    picture is next. A sound packet goes out once all that it is made of is due, which is the
    earliest moment at which one can always be ready.

    `stream_frame` and `media_time` are those of the first frame.
    """

    def __init__(
        self,
        format: StreamFormat,
        clock: MediaClock,
        settings: StreamSettings,
        out: Callable[[EncodedPacket], None],
        *,
        executor: Executor,
        stream_frame: int = 0,
        media_time: float = 0.0,
    ) -> None:
        self._format = format
        self._clock = clock
        self._settings = settings
        self._out = out
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._wall_offset = time.time() - self._loop.time() + NTP_EPOCH_S
        self._timeline = Timeline(format.fps, stream_frame, media_time)
        self._scalers = {
            thin: PictureScaler(format, settings.scale, thin=thin) for thin in (False, True)
        }
        self._stats = TransmitterStats()
        self._waiting: deque[_Frame] = deque()
        self._shown: Shown | None = None
        self._continues = False  # the next sound follows on the last one
        self._lanes: dict[Lane, LaneState] = {}
        self._last_pts: dict[Lane, int] = {}  # outlives the lanes
        self._sound: SoundLane | None = None
        self._jobs: set[asyncio.Future[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._forget_clock = clock.on_change(self._work)

    @property
    def next_stream_frame(self) -> int:
        return self._timeline.frame

    @property
    def next_media_time(self) -> float:
        """Seconds of media time at which the next frame begins."""
        return float(self._timeline.time)

    def stats(self) -> TransmitterStats:
        """As they are now."""
        return replace(self._stats)

    def push(
        self, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None = None
    ) -> tuple[int, float]:
        """Take a chunk or a part of one: (F, H, W, 3) RGB pictures and their sound, (samples,)
        within [-1, 1], F frames long to within a sample. No sound is silence.

        To be called at or before `clock.due(next_media_time)`. Returns the stream frame and the
        media time of the first picture. Raises ValueError where shapes do not fit.
        """
        self._check(frames, sound)
        began = self._timeline.frame, float(self._timeline.time)
        samples = 0 if sound is None else len(sound)
        for i, picture in enumerate(frames):
            part = slice(i * samples // len(frames), (i + 1) * samples // len(frames))
            self._append(picture, None if sound is None else sound[part])
        self._work()
        return began

    def still(self, frame: NDArray[np.uint8]) -> tuple[int, float]:
        """Show one (H, W, 3) RGB picture, with silence: at the next media time, or now where that
        is past, so that pictures shown now and then need no hold. Returns as `push`."""
        self._check(frame[np.newaxis], None)
        self._timeline.skip_to(self._clock.media_time(self._loop.time()))
        began = self._timeline.frame, float(self._timeline.time)
        self._append(frame, None)
        self._work()
        return began

    def cut(self) -> None:
        """What follows does not continue what went before: its sound fades in over 5 ms.

        Frames that were pushed and are not shown yet are dropped. They were never sent, so what
        follows takes their stream frames and their media time: it begins when the first of them
        would have, or now where that is past.
        """
        self._work()
        if self._waiting:
            first = self._waiting[0]
            self._timeline.go_back(first.stream_frame, first.media_time)
            self._waiting.clear()
        self._timeline.skip_to(self._clock.media_time(self._loop.time()))
        self._continues = False
        self._arm()

    def set_lanes(self, lanes: Mapping[Lane, int], sound: bool) -> None:
        """What somebody watches now, with bits a second. Nothing else is encoded, and its encoders
        are freed. A new lane begins with a keyframe of the picture that is shown. Raises ValueError
        for a bitrate below 1."""
        if any(bitrate < 1 for bitrate in lanes.values()):
            raise ValueError(f"not bitrates: {lanes}")
        for lane in self._lanes.keys() - lanes.keys():
            del self._lanes[lane]
        for lane, bitrate in lanes.items():
            if lane in self._lanes:
                self._lanes[lane].bitrate = bitrate
                continue
            scaler = self._scalers[lane.thin]
            self._lanes[lane] = LaneState(
                LaneEncoder(lane.codec, self._format.fps, scaler),
                bitrate,
                KeyframeGate(self._settings.keyframe_interval_s),
            )
        rate = self._format.sample_rate
        if not sound or rate is None:
            self._sound = None
        elif self._sound is None:
            encoder = SoundEncoder(self._format.fps, rate, self._settings.audio_bitrate)
            self._sound = SoundLane(encoder)
        self._work()

    def want_keyframe(self, lane: Lane) -> None:
        """Somebody who watches `lane` cannot go on without a keyframe: the picture that is shown
        is sent once more as one, even while the clock stands."""
        state = self._lanes.get(lane)
        if state is not None:
            state.gate.request()
            self._work()

    def set_rate(self, rate: Fraction) -> None:
        """The share of the full frame rate, in (0, 1], of frames that are pushed from now on: they
        last longer, and their sound is stretched to it."""
        self._timeline.set_rate(rate)

    async def flush(self) -> None:
        """Wait until no encode is under way."""
        while self._jobs:
            await asyncio.wait(self._jobs)

    def close(self) -> None:
        """Stop. What was pushed and is not due is not sent, nor what is being encoded."""
        if self._closed:
            return
        self._closed = True
        self._forget_clock()
        self._waiting.clear()
        self._lanes.clear()
        self._sound = None
        self._arm()

    def _check(self, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None) -> None:
        picture = (self._format.height, self._format.width, 3)
        if frames.shape[1:] != picture or frames.dtype != np.uint8:
            raise ValueError(f"pictures of {frames.shape[1:]} {frames.dtype}, not {picture} uint8")
        if sound is None:
            return
        rate = self._format.sample_rate
        if rate is None:
            raise ValueError("sound for a session without sound")
        if sound.ndim != 1 or abs(len(sound) - len(frames) * rate / self._format.fps) >= 1:
            raise ValueError(f"sound of {sound.shape} does not fit {len(frames)} pictures")

    def _append(self, picture: Picture, samples: NDArray[np.float32] | None) -> None:
        timeline = self._timeline
        sound = None
        if self._format.sample_rate is not None and not self._closed:
            continues = self._continues and samples is not None
            sound = FrameSound(timeline.time, timeline.duration, samples, continues)
        self._continues = samples is not None
        if not self._closed:
            self._waiting.append(_Frame(picture, timeline.frame, timeline.time, sound))
        timeline.advance()

    def _work(self) -> None:
        """Do what is due and set the timer for what comes next."""
        now = self._loop.time()
        soon = now + TIMER_S
        self._show(soon)
        self._encode_pictures(soon)
        self._encode_sound()
        self._send_sound(soon, now)
        self._arm()

    def _show(self, soon: float) -> None:
        """The newest frame that is due becomes the picture that is shown."""
        due: _Frame | None = None
        while self._waiting and self._clock.due(float(self._waiting[0].media_time)) <= soon:
            self._stats.frames_skipped += due is not None
            due = self._waiting.popleft()
            if self._sound is not None and due.sound is not None:
                self._sound.add(due.sound)
        if due is None:
            return
        if self._shown is not None:
            self._stats.frames_skipped += any(lane.stale for lane in self._lanes.values())
        self._stats.frames_shown += 1
        pts = round(due.media_time * VIDEO_CLOCK_HZ)
        ntp = self._ntp(float(due.media_time))
        self._shown = Shown(due.picture, due.stream_frame, pts, ntp)
        for lane in self._lanes.values():
            lane.stale = True

    def _encode_pictures(self, soon: float) -> None:
        """Where a lane lacks the picture that is shown, or somebody waits for a keyframe of it.

        A picture that is sent again gets the next free timestamp, a few ticks of 11 us later: two
        pictures with one timestamp would be taken for one.
        """
        shown = self._shown
        if shown is None:
            return
        for lane, state in self._lanes.items():
            keyframe = state.gate.ready_at() <= soon
            if state.busy or not (state.stale or keyframe):
                continue
            state.busy, state.stale = True, False
            pts = max(shown.pts, self._last_pts.get(lane, -1) + 1)
            self._last_pts[lane] = pts
            job = partial(state.encoder.encode, shown, pts, keyframe, state.bitrate)
            self._run(job, partial(self._picture_encoded, lane, state, shown, pts))

    def _picture_encoded(
        self, lane: Lane, state: LaneState, shown: Shown, pts: int, job: asyncio.Future[Encoded]
    ) -> None:
        state.busy = False
        if self._lanes.get(lane) is not state:  # nobody watches it any more
            return
        encoded = job.result()
        self._stats.busy_s += encoded.took_s
        if encoded.keyframe:
            self._stats.keyframes += 1
            state.gate.made(self._loop.time())
        self._out(
            EncodedPicture(
                lane,
                encoded.data,
                pts,
                shown.ntp,
                encoded.keyframe,
                shown.stream_frame,
                encoded.took_s,
            )
        )
        self._work()

    def _encode_sound(self) -> None:
        sound = self._sound
        if sound is None or sound.busy:
            return
        unfed = sound.take_unfed()
        if unfed:
            sound.busy = True
            self._run(partial(_fed, sound.encoder, unfed), partial(self._sound_encoded, sound))

    def _sound_encoded(
        self, sound: SoundLane, job: asyncio.Future[tuple[list[SoundPacket], float]]
    ) -> None:
        sound.busy = False
        if self._sound is not sound:  # nobody hears it any more
            return
        packets, took_s = job.result()
        self._stats.busy_s += took_s
        sound.encoded(packets)
        self._work()

    def _send_sound(self, soon: float, now: float) -> None:
        sound = self._sound
        while sound is not None and (packet := sound.next_packet) is not None:
            due = self._clock.due(packet.complete_at)
            if due > soon:
                return
            sound.take_next()
            if due < now - STALE_SOUND_S:
                self._stats.sounds_dropped += 1
            else:
                ntp = self._ntp(packet.media_time)
                self._out(EncodedSound(packet.data, packet.first_sample, ntp))

    def _arm(self) -> None:
        """Set the timer to the next moment at which there is something to do."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        moments = [math.inf]
        if self._waiting:
            moments.append(self._clock.due(float(self._waiting[0].media_time)))
        if self._sound is not None and self._sound.next_packet is not None:
            moments.append(self._clock.due(self._sound.next_packet.complete_at))
        if self._shown is not None:
            moments.extend(lane.gate.ready_at() for lane in self._lanes.values() if not lane.busy)
        if min(moments) < math.inf:
            moment = max(min(moments), self._loop.time())
            self._timer = self._loop.call_at(moment, self._work)

    def _run(self, job: Callable[[], T], then: Callable[[asyncio.Future[T]], None]) -> None:
        """Run `job` in the encoding thread, then `then` on the loop unless closed meanwhile."""

        def finish(future: asyncio.Future[T]) -> None:
            self._jobs.discard(future)
            if not self._closed and not future.cancelled():
                then(future)

        future = self._loop.run_in_executor(self._executor, job)
        self._jobs.add(future)
        future.add_done_callback(finish)

    def _ntp(self, media_time: float) -> int:
        """Wall-clock time at which `media_time` is due, as NTP writes it (32.32)."""
        return round((self._clock.due(media_time) + self._wall_offset) * 2**32)


def _fed(encoder: SoundEncoder, sounds: list[FrameSound]) -> tuple[list[SoundPacket], float]:
    began = time.perf_counter()
    packets = encoder.feed(sounds)
    return packets, time.perf_counter() - began
