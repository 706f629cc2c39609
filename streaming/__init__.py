"""Media clock, encoders, fan-out, viewers and recording. Knows no torch and no model."""

from streaming.clock import MediaClock
from streaming.errors import (
    BadOffer,
    RecordingError,
    StreamingError,
    UnknownSession,
    UnsupportedCodec,
)
from streaming.format import StreamFormat, StreamSettings
from streaming.recording import Mp4Writer
from streaming.stats import StreamStats
from streaming.stream import WorldStream

__all__ = [
    "BadOffer",
    "MediaClock",
    "Mp4Writer",
    "RecordingError",
    "StreamFormat",
    "StreamSettings",
    "StreamStats",
    "StreamingError",
    "UnknownSession",
    "UnsupportedCodec",
    "WorldStream",
]
