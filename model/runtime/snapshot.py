"""Snapshots as bytes and back.

    4 bytes   "LCS1"
    32 bytes  SHA-256 of all that follows
    4 bytes   length of the header, big-endian
    header    msgpack: world, fingerprint, frame, meta
    body      safetensors: the arrays

numpy, msgpack and safetensors only: whoever stores or sends snapshots needs no torch.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Any

import msgpack
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from lightcone.model.interface import Snapshot, SnapshotError

_MAGIC = b"LCS1"
_LENGTH = struct.Struct(">I")
_DIGEST_BYTES = 32
_FIELDS = {"world": str, "fingerprint": str, "frame": int, "meta": dict}


def pack(snapshot: Snapshot) -> bytes:
    """Raises SnapshotError where `meta` or `arrays` hold what has no place in a snapshot."""
    try:
        header = msgpack.packb(
            {
                "world": snapshot.world,
                "fingerprint": snapshot.fingerprint,
                "frame": snapshot.frame,
                "meta": dict(snapshot.meta),
            }
        )
        body = save({name: _plain(array) for name, array in snapshot.arrays.items()})
    except (TypeError, ValueError, OverflowError, KeyError, SafetensorError) as error:
        raise SnapshotError(f"this can not be part of a snapshot: {error}") from error
    rest = _LENGTH.pack(len(header)) + header + body
    return _MAGIC + sha256(rest).digest() + rest


def unpack(data: bytes) -> Snapshot:
    """Raises SnapshotError where the bytes are no snapshot, not all of one, or damaged."""
    if data[: len(_MAGIC)] != _MAGIC:
        raise SnapshotError("this is no snapshot, or one of another version")
    start = len(_MAGIC) + _DIGEST_BYTES
    digest, rest = data[len(_MAGIC) : start], data[start:]
    if sha256(rest).digest() != digest:
        raise SnapshotError("the snapshot is damaged, or not all of it is there")
    try:
        (length,) = _LENGTH.unpack_from(rest)
        end = _LENGTH.size + length
        header = msgpack.unpackb(rest[_LENGTH.size : end])
        arrays = load(rest[end:])
        fields = {name: header[name] for name in _FIELDS}
    except (struct.error, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise SnapshotError(f"the snapshot can not be read: {error}") from error
    for name, kind in _FIELDS.items():
        if not isinstance(fields[name], kind):
            raise SnapshotError(f"the snapshot can not be read: its {name} is no {kind.__name__}")
    return Snapshot(arrays=arrays, **fields)


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """As safetensors writes it: in C order."""
    return array if array.flags.c_contiguous else array.copy(order="C")
