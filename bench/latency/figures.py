"""Key-to-photon and key-to-ear from presses, receipts and arrivals. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lightcone.bench.clients.control import Receipt
from lightcone.bench.statistics import (
    Spread,
    spread,
)
from lightcone.client.media.rtp import (
    SOUND_HZ,
    TOLERANCE_S,
    Picture,
)
from lightcone.client.media.sound import Sound


@dataclass(frozen=True)
class Sample:
    """One press in milliseconds, None for what never came. `pressed` is on the client's clock."""

    pressed: float
    photon: float | None
    display: float | None
    ear: float | None


@dataclass(frozen=True)
class Latency:
    """One client's figures. `fps` are pictures a second while keys were pressed, `stalls` the
    late chunks in that time; `lost` are presses without a receipt or a picture, `unanswered` those
    and the ones without sound, where there is sound. `samples` are all presses that were not lost,
    in order."""

    measured: str  # what the times are, in words
    key_to_photon_ms: Spread | None
    key_to_display_ms: Spread | None
    key_to_ear_ms: Spread | None
    fps: float
    stalls: int
    presses: int
    lost: int
    unanswered: int
    samples: tuple[Sample, ...]


def latency(
    measured: str, samples: Sequence[Sample], presses: int, fps: float, stalls: int, sound: bool
) -> Latency:
    """`samples` hold one entry for each press that had a receipt; `sound` is whether there is any
    to wait for."""
    shown = tuple(sample for sample in samples if sample.photon is not None)
    whole = [sample for sample in shown if sample.ear is not None or not sound]
    return Latency(
        measured=measured,
        key_to_photon_ms=_spread(sample.photon for sample in shown),
        key_to_display_ms=_spread(sample.display for sample in shown),
        key_to_ear_ms=_spread(sample.ear for sample in shown),
        fps=fps,
        stalls=stalls,
        presses=presses,
        lost=presses - len(shown),
        unanswered=presses - len(whole),
        samples=shown,
    )


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


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)


def _spread(values: Iterable[float | None]) -> Spread | None:
    return spread([value for value in values if value is not None])
