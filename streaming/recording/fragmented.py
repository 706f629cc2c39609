"""A fragmented MP4 file of the very packets that viewers get: nothing is encoded here."""

from __future__ import annotations

import contextlib
import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container.output import OutputContainer

from lightcone.streaming.errors import RecordingError
from lightcone.streaming.packets import (
    SAMPLES_PER_PACKET,
    SOUND_CLOCK_HZ,
    VIDEO_CLOCK_HZ,
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    Lane,
)

FRAGMENT_US = 1_000_000
_LATEST_SOUND = VIDEO_CLOCK_HZ // 5  # sound this much later than the picture does not come any more
_SILENCE = b"\xf8\xff\xfe"  # 20 ms of Opus, mono (RFC 6716 section 3: CELT, one frame)


class FragmentedRecorder:
    """Writes H264 pictures and, with `sound`, Opus; pictures of other lanes are passed over.

    The file begins with the first keyframe, at time 0, and goes on in media time: where the clock
    was held or stood there is no gap. Where no sound was sent there is silence. Each fragment is
    about a second long and in the file as soon as it is complete, so that what is there can be
    played whatever happens to the process.

    Packets come in the order of sending; one that is not later than the last of its kind is
    passed over. Writing may wait for the disk.
    """

    def __init__(self, path: Path | str, fps: int, *, sound: bool) -> None:
        """Raises RecordingError, also where there is a file already."""
        self._path = Path(path)
        self._fps = fps
        self._has_sound = sound
        self._tracks: _Tracks | None = None  # from the first keyframe on
        self._whole = 0  # bytes up to the end of the last whole fragment
        try:
            self._file = _WholeWrites(self._path, "x")
        except OSError as error:
            raise self._failure(error) from error

    def write(self, packet: EncodedPacket) -> None:
        """Append a packet. Raises RecordingError; the recording is then closed, and what was
        written before can be played."""
        if self._file.closed:
            raise RecordingError(f"cannot write {self._path}: the recording has ended")
        try:
            if isinstance(packet, EncodedSound):
                if self._tracks is not None:
                    self._tracks.write_sound(packet)
            elif packet.lane is Lane.H264:
                if self._tracks is None and packet.keyframe:
                    self._tracks = _Tracks(self._file, packet, self._fps, self._has_sound)
                if self._tracks is not None:
                    self._tracks.write_picture(packet)
            self._whole = self._file.tell()
        except (OSError, ValueError, av.FFmpegError) as error:
            self._abandon()
            raise self._failure(error) from error

    def close(self) -> None:
        """Complete the last fragment. A recording without a keyframe leaves no file. Does nothing
        the second time. Raises RecordingError."""
        if self._file.closed:
            return
        try:
            if self._tracks is not None:
                self._tracks.close()
            else:
                self._path.unlink(missing_ok=True)
        except (OSError, av.FFmpegError) as error:
            raise self._failure(error) from error
        finally:
            self._file.close()

    def _abandon(self) -> None:
        """Close after a failure, without the fragment that was torn by it."""
        with contextlib.suppress(OSError, av.FFmpegError):
            if self._tracks is not None:
                self._tracks.close()
        with contextlib.suppress(OSError):
            self._file.truncate(self._whole)
        self._file.close()

    def _failure(self, error: Exception) -> RecordingError:
        return RecordingError(f"cannot write {self._path}: {error}")


class _WholeWrites(io.FileIO):
    """Writes all that it is given or raises, where a full disk would take a part of it."""

    def write(self, data: Any) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) :]
        return len(data)


class _Tracks:
    """The open file: times in it are media time since the first picture."""

    def __init__(self, file: io.RawIOBase, first: EncodedPicture, fps: int, sound: bool) -> None:
        options = {
            "movflags": "empty_moov+default_base_moof+delay_moov",
            "frag_duration": str(FRAGMENT_US),
        }
        self._container: OutputContainer = av.open(file, "w", format="mp4", options=options)
        with av.open(io.BytesIO(first.data), format="h264") as keyframe:
            # Size and parameter sets are in the keyframe itself.
            self._video = self._container.add_stream_from_template(keyframe.streams.video[0])
        self._video.time_base = Fraction(1, VIDEO_CLOCK_HZ)
        self._sound = None
        if sound:
            # Nothing is encoded with it; an encoder of the same kind describes the packets.
            self._sound = self._container.add_stream(
                "libopus",
                rate=SOUND_CLOCK_HZ,
                layout="mono",
                options={"application": "lowdelay"},
            )
            self._sound.time_base = Fraction(1, SOUND_CLOCK_HZ)
        self._duration = VIDEO_CLOCK_HZ // fps
        self._begin = first.pts
        self._next_picture = first.pts
        # Sound before the picture is left out.
        first_sample = -(-first.pts * SOUND_CLOCK_HZ // VIDEO_CLOCK_HZ)
        self._begin_sound = first_sample
        self._next_sound = -(-first_sample // SAMPLES_PER_PACKET) * SAMPLES_PER_PACKET

    def write_picture(self, picture: EncodedPicture) -> None:
        if picture.pts < self._next_picture:
            return
        self._fill_silence((picture.pts - _LATEST_SOUND) * SOUND_CLOCK_HZ // VIDEO_CLOCK_HZ)
        self._next_picture = picture.pts + 1
        self._mux(
            self._video,
            picture.data,
            picture.pts - self._begin,
            self._duration,
            picture.keyframe,
        )

    def write_sound(self, sound: EncodedSound) -> None:
        if sound.pts >= self._next_sound:
            self._fill_silence(sound.pts)
            self._add_sound(sound.data)

    def close(self) -> None:
        self._container.close()

    def _fill_silence(self, end: int) -> None:
        """Up to media sample `end`."""
        while self._next_sound + SAMPLES_PER_PACKET <= end:
            self._add_sound(_SILENCE)

    def _add_sound(self, data: bytes) -> None:
        if self._sound is not None:
            at = self._next_sound - self._begin_sound
            self._mux(self._sound, data, at, SAMPLES_PER_PACKET, True)
        self._next_sound += SAMPLES_PER_PACKET

    def _mux(self, stream: Any, data: bytes, pts: int, duration: int, keyframe: bool) -> None:
        packet: av.Packet[Any] = av.Packet(data)
        packet.stream = stream
        packet.time_base = stream.time_base
        packet.pts = packet.dts = pts
        packet.duration = duration
        packet.is_keyframe = keyframe
        self._container.mux(packet)
