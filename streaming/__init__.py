"""Media clock, encoding, fan-out to viewers, recording. Knows no torch and no model.

In two halves: `encoding` lives with the model in the worker, `viewers` in the server; packets
cross between them.
"""

from lightcone.streaming.clock import MediaClock
from lightcone.streaming.encoding.lane import measure_encoding
from lightcone.streaming.encoding.meter import TransmitterStats
from lightcone.streaming.encoding.transmitter import Transmitter
from lightcone.streaming.errors import (
    BadOffer,
    RecordingError,
    StreamingError,
    UnknownViewer,
    UnsupportedCodec,
)
from lightcone.streaming.format import StreamFormat, StreamSettings
from lightcone.streaming.packets import (
    EncodedPacket,
    EncodedPicture,
    EncodedSound,
    VideoCodec,
)
from lightcone.streaming.recording.fragmented import FragmentedRecorder
from lightcone.streaming.recording.mp4 import Mp4Writer
from lightcone.streaming.viewers.session_stream import SessionStream
from lightcone.streaming.viewers.stats import StreamStats

__all__ = [
    "BadOffer",
    "EncodedPacket",
    "EncodedPicture",
    "EncodedSound",
    "FragmentedRecorder",
    "MediaClock",
    "Mp4Writer",
    "RecordingError",
    "SessionStream",
    "StreamFormat",
    "StreamSettings",
    "StreamStats",
    "StreamingError",
    "Transmitter",
    "TransmitterStats",
    "UnknownViewer",
    "UnsupportedCodec",
    "VideoCodec",
    "measure_encoding",
]
