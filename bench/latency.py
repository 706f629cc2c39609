"""Key-to-photon and key-to-ear from presses, receipts and arrivals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightcone.bench.control_client import Receipt
from lightcone.bench.rtp import (
    SOUND_HZ,
    TOLERANCE_S,
    Picture,
)
from lightcone.bench.sound import Sound
from lightcone.bench.statistics import (
    Spread,
    spread,
)


@dataclass(frozen=True)
class Latency:
    """One client's figures. `fps` are pictures a second while keys were pressed, `stalls` the
    late chunks in that time; `unanswered` are presses without a receipt, picture or sound."""

    measured: str  # what the two times are, in words
    key_to_photon_ms: Spread | None
    key_to_ear_ms: Spread | None
    fps: float
    stalls: int
    presses: int
    unanswered: int


def photon_s(receipt: Receipt, pictures: Sequence[Picture]) -> float | None:
    """From the press to the arrival of the first whole picture that the receipt names."""
    for picture in pictures:
        if picture.media_time >= receipt.media_time - TOLERANCE_S:
            return picture.arrived - receipt.pressed
    return None


def ear_s(receipt: Receipt, sounds: Sequence[Sound]) -> float | None:
    """From the press until the packet with the receipt's first sample had been decoded."""
    for sound in sounds:
        if sound.end > receipt.media_time + 0.5 / SOUND_HZ:
            return sound.ready - receipt.pressed
    return None


def rate(times: Sequence[float]) -> float:
    """Events a second between the first and the last of them."""
    if len(times) < 2 or times[-1] <= times[0]:
        return 0.0
    return round((len(times) - 1) / (times[-1] - times[0]), 2)


def milliseconds(seconds: Sequence[float | None]) -> Spread | None:
    return spread([1000 * value for value in seconds if value is not None])
