"""The pictures of a session on their way to its viewers: who gets which lane, moves between lanes,
keyframes, bitrates. What decides about them is in `choice.py`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightcone.streaming.format import StreamSettings
from lightcone.streaming.packets import VIDEO_CLOCK_HZ, EncodedPicture, Lane, VideoCodec
from lightcone.streaming.viewers.congestion.choice import HEADROOM, Bounds, LaneBitrate, LaneChoice
from lightcone.streaming.viewers.congestion.estimate import BandwidthEstimate
from lightcone.streaming.viewers.congestion.feedback import Limit, Report
from lightcone.streaming.viewers.congestion.repeats import Repeats
from lightcone.streaming.viewers.fanout import MediaPacket, PacketQueue
from lightcone.streaming.viewers.loss_reports import LossReports
from lightcone.streaming.viewers.picture_fanout import PictureFanout

RATE_S = 2.0  # over which the rate of a lane is taken


class Watcher:
    """What one viewer has to do with pictures. `lane` is None before it has connected, and on the
    way to a thinner one; `next` is the lane whose next keyframe it waits for."""

    def __init__(self, settings: StreamSettings) -> None:
        bounds = Bounds(settings.video_bitrate)
        self.queue = PacketQueue(settings.queue_limit)
        self.codec: VideoCodec | None = None
        self.lane: Lane | None = None
        self.next: Lane | None = None
        self.estimate = BandwidthEstimate(bounds.most / HEADROOM)
        self.choice = LaneChoice(bounds)
        self.repeats = Repeats()
        self.losses = LossReports(settings.loss_interval_s, settings.loss_burst)
        self._lossy_bits = bounds.lossy / HEADROOM

    @property
    def bits(self) -> float:
        """What its lane may have, as far as this viewer is concerned."""
        lossy = self.choice.thin and self.choice.lossy
        return min(self.estimate.bits, self._lossy_bits) if lossy else self.estimate.bits


@dataclass
class _LaneOut:
    fanout: PictureFanout
    bitrate: LaneBitrate
    asked: float | None = None  # when for a keyframe, until that is sent
    sizes: deque[tuple[float, int]] = field(default_factory=deque)  # of the last pictures

    def note(self, now: float, size: int) -> None:
        self.sizes.append((now, size))
        while self.sizes[0][0] < now - RATE_S:
            self.sizes.popleft()

    @property
    def bits(self) -> float | None:
        """A second, when pictures were sent last; None before there were some."""
        if len(self.sizes) < 2:
            return None
        seconds = self.sizes[-1][0] - self.sizes[0][0]
        return 8 * sum(size for _, size in self.sizes) / max(seconds, RATE_S / 2)


class PictureLanes:
    """Sans-IO but for its callbacks: `want_keyframe` is asked for a keyframe of a lane, not again
    before that is sent or `keyframe_interval_s` has passed; `changed` is called when `wanted` has
    changed. `now` is a monotonic clock."""

    def __init__(
        self,
        settings: StreamSettings,
        now: Callable[[], float],
        want_keyframe: Callable[[Lane], None],
        changed: Callable[[], None],
    ) -> None:
        self.moves_to_thin = self.moves_to_full = 0
        self._settings = settings
        self._now = now
        self._want = want_keyframe
        self._changed = changed
        bounds = Bounds(settings.video_bitrate)
        self._lanes = {
            lane: _LaneOut(
                PictureFanout(lane.codec),
                LaneBitrate(bounds.thin if lane.thin else bounds.full, bounds.most),
            )
            for lane in Lane
        }
        self._watchers: set[Watcher] = set()

    @property
    def wanted(self) -> Mapping[Lane, int]:
        """The lanes that somebody watches, or waits for, and their bits a second."""
        used = {w.lane for w in self._watchers} | {w.next for w in self._watchers}
        return {lane: out.bitrate.bits for lane, out in self._lanes.items() if lane in used}

    @property
    def last_media_time(self) -> float:
        """Start of the last picture that was sent in any lane, seconds."""
        return max(out.fanout.last_pts for out in self._lanes.values()) / VIDEO_CLOCK_HZ

    def estimates(self, thin: bool) -> list[float]:
        """Of those who get, or wait for, thin or full pictures: bit/s."""
        return [w.estimate.bits for w in self._watchers if w.choice.thin == thin]

    def join(self, watcher: Watcher) -> None:
        """One that has connected; its `codec` is known."""
        assert watcher.codec is not None
        lane = Lane.of(watcher.codec, thin=False)
        self._begin(lane, watcher.estimate.bits)
        self._watchers.add(watcher)
        self._put_in(watcher, lane)
        self._changed()
        self._want_keyframe(lane)

    def leave(self, watcher: Watcher) -> None:
        """Does nothing to one that is not there."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            self._take_out(watcher)
            self._changed()

    def send(self, picture: EncodedPicture) -> MediaPacket | None:
        """To everybody in its lane. Returns what was sent, None for one older than the last."""
        lane = picture.lane
        out = self._lanes[lane]
        if picture.keyframe:
            self._arrive(lane)
        out.note(self._now(), len(picture.data))
        sent = out.fanout.send(picture)
        if sent is not None and sent.keyframe:
            out.asked = None
        if out.fanout.waits_for_keyframe or any(w.next is lane for w in self._watchers):
            self._want_keyframe(lane)
        return sent

    def lost(self, watcher: Watcher) -> None:
        """A viewer has lost a picture (PLI, FIR)."""
        lane = watcher.next or watcher.lane
        if lane is None or self._is_asked(lane):
            return
        if watcher.losses.allows(self._now()):
            self._want_keyframe(lane)

    def reported(self, watcher: Watcher, report: Report) -> None:
        """How a viewer's line does."""
        if watcher not in self._watchers:
            return
        if isinstance(report, Limit):
            watcher.estimate.limited(report)
        elif watcher.estimate.received(self._now(), report, watcher.queue.taken_bytes):
            estimate = watcher.estimate
            watcher.repeats.update(self._now(), estimate.loss, estimate.overused)
            self._adapt(watcher)

    def _adapt(self, watcher: Watcher) -> None:
        """After a new estimate."""
        now, estimate = self._now(), watcher.estimate
        assert watcher.codec is not None
        full = Lane.of(watcher.codec, thin=False)
        full_bits = self._lanes[full].bits if full in self.wanted else None
        if watcher.next is None and watcher.choice.update(
            now, estimate.bits, estimate.tried, full_bits, estimate.loss
        ):
            self._move(watcher)
        changes = [self._follow(now, lane) for lane in self.wanted]
        if any(changes):
            self._changed()

    def _move(self, watcher: Watcher) -> None:
        assert watcher.codec is not None
        thin = watcher.choice.thin
        lane = Lane.of(watcher.codec, thin)
        self._begin(lane, watcher.bits)
        watcher.next = lane
        if thin:
            self.moves_to_thin += 1
            self._take_out(watcher)  # its line is to be free for the keyframe
        else:
            self.moves_to_full += 1
        watcher.estimate.begin_anew()
        self._changed()
        self._want_keyframe(lane)

    def _begin(self, lane: Lane, bits: float) -> None:
        """A lane that nobody watches begins with what the first one's line carries."""
        if lane not in self.wanted:
            self._lanes[lane].bitrate.begin(HEADROOM * bits)

    def _arrive(self, lane: Lane) -> None:
        """Those who wait for a keyframe of this lane get the one that is sent next."""
        arriving = [watcher for watcher in self._watchers if watcher.next is lane]
        for watcher in arriving:
            self._take_out(watcher)
            self._put_in(watcher, lane)
            watcher.next = None
        if arriving:
            self._changed()

    def _put_in(self, watcher: Watcher, lane: Lane) -> None:
        watcher.lane = lane
        self._lanes[lane].fanout.queues.add(watcher.queue)

    def _take_out(self, watcher: Watcher) -> None:
        if watcher.lane is not None:
            self._lanes[watcher.lane].fanout.queues.discard(watcher.queue)
            watcher.lane = None

    def _follow(self, now: float, lane: Lane) -> bool:
        """Whether the bitrate of the lane has changed."""
        bitrate = self._lanes[lane].bitrate
        estimates = [w.bits for w in self._watchers if w.lane is lane and w.next is None]
        if not lane.thin:  # whose line is too thin for it will leave it
            estimates = [bits for bits in estimates if HEADROOM * bits >= bitrate.low]
        return bitrate.follow(now, estimates)

    def _want_keyframe(self, lane: Lane) -> None:
        if not self._is_asked(lane):
            self._lanes[lane].asked = self._now()
            self._want(lane)

    def _is_asked(self, lane: Lane) -> bool:
        """Whether a keyframe is on its way already."""
        asked = self._lanes[lane].asked
        return asked is not None and self._now() < asked + self._settings.keyframe_interval_s
