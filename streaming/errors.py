"""Everything that streaming refuses at its edge; the message is one readable line."""

from __future__ import annotations


class StreamingError(Exception):
    """Base of the errors below."""


class BadOffer(StreamingError):
    """What a viewer sent is not an SDP offer that can be answered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OfferTooLarge(BadOffer):
    """The offer has more bytes, lines, media sections, codecs or candidates than one may have."""


class UnsupportedCodec(BadOffer):
    """The offer holds no codec that this server sends."""


class NoSocket(StreamingError):
    """There is nowhere to send to one more viewer from."""


class UnknownViewer(StreamingError):
    """No viewer has this id, or it has left."""


class RecordingError(StreamingError):
    """A recording could not be written."""
