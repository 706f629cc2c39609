"""Media clock, encoding, fan-out to viewers, recording. Knows no torch and no model.

In two halves: `encoding` lives with the model in the worker, `viewers` in the server; packets
cross between them. The worker never names `SessionStream`, and so never loads aiortc.
"""

from typing import TYPE_CHECKING

from lightcone.streaming.clock import MediaClock
from lightcone.streaming.encoding.lane import measure_encoding
from lightcone.streaming.encoding.stats import TransmitterStats
from lightcone.streaming.encoding.transmitter import Transmitter
from lightcone.streaming.errors import (
    BadOffer,
    NoSocket,
    OfferTooLarge,
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
    Lane,
    VideoCodec,
)
from lightcone.streaming.recording.fragmented import FragmentedRecorder
from lightcone.streaming.recording.mp4 import Mp4Writer
from lightcone.streaming.viewers.reach import Network, Reach, parse_address, parse_networks
from lightcone.streaming.viewers.sockets import Relay, Sockets, parse_ports
from lightcone.streaming.viewers.stats import StreamStats

if TYPE_CHECKING:
    from lightcone.streaming.viewers.session_stream import SessionStream
else:

    def __getattr__(name: str) -> object:
        """Import `SessionStream` when it is first named (PEP 562)."""
        if name != "SessionStream":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from lightcone.streaming.viewers.session_stream import SessionStream

        return SessionStream


__all__ = [
    "BadOffer",
    "EncodedPacket",
    "EncodedPicture",
    "EncodedSound",
    "FragmentedRecorder",
    "Lane",
    "MediaClock",
    "Mp4Writer",
    "Network",
    "NoSocket",
    "OfferTooLarge",
    "Reach",
    "RecordingError",
    "Relay",
    "SessionStream",
    "Sockets",
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
    "parse_address",
    "parse_networks",
    "parse_ports",
]
