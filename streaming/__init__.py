"""Media clock, encoders, fan-out, viewers and recording. Knows no torch and no model."""

from lightcone.streaming.clock import MediaClock
from lightcone.streaming.errors import (
    BadOffer,
    RecordingError,
    StreamingError,
    UnknownSession,
    UnsupportedCodec,
)
from lightcone.streaming.format import (
    StreamFormat,
    StreamSettings,
)
from lightcone.streaming.recording import Mp4Writer
from lightcone.streaming.stats import StreamStats
from lightcone.streaming.stream import WorldStream

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
