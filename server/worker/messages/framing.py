"""Messages as frames of a byte stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

from lightcone.server.worker.messages.base import Message
from lightcone.server.worker.messages.from_worker import FromWorker
from lightcone.server.worker.messages.to_worker import ToWorker

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
_LENGTH = struct.Struct("!I")


def encode(message: Message) -> bytes:
    """A frame: its length, then the message."""
    data = _encoder.encode(message)
    return _LENGTH.pack(len(data)) + data


class Frames:
    """Cuts a byte stream into the frames that `encode` makes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            end = at + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            yield bytes(self._buffer[at + _LENGTH.size : end])
            at = end
        del self._buffer[:at]


def decode_to_worker(frame: bytes) -> ToWorker:
    return _to_worker.decode(frame)


def decode_from_worker(frame: bytes) -> FromWorker:
    return _from_worker.decode(frame)
