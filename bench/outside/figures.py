"""From what was recorded to one sample for each press, and the check of receipts. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightcone.bench.outside.picture import Picture, Span, answers
from lightcone.bench.outside.recording import Recording
from lightcone.bench.outside.sound import onsets
from lightcone.bench.outside.subject import Known
from lightcone.client.media.rtp import TOLERANCE_S, VIDEO_HZ, MediaTimes

SAME_PRESS_MS = 0.5  # the page and the watcher have the moment from one event


@dataclass(frozen=True)
class Press:
    """One press, its times in milliseconds after `pressed` (the key event's own, on the page's
    clock); None for what was not found or is not known.

    `photon`: the first picture that answers was presented; `display`: the browser expects it on
    the screen; `ear`: sound rises; `share` of the picture that answers. The stages between, of a
    page that knows its receipts: `sent` to the server, `received` there, `sampled` by a chunk,
    `stepped`: the chunk is made; `encoded`, if the picture was as long on its way as the message
    and its receipt were on the mean; `arrived`: its last packet. `photon_by_receipt`: the first
    picture at or after the receipt's media time was presented; `receipt_error_frames`: from that
    picture to the one that answers.
    """

    pressed: float
    key: str
    photon: float | None
    display: float | None
    ear: float | None
    share: float | None
    sent: float | None = None
    received: float | None = None
    sampled: float | None = None
    stepped: float | None = None
    encoded: float | None = None
    arrived: float | None = None
    photon_by_receipt: float | None = None
    receipt_error_frames: int | None = None


@dataclass(frozen=True)
class Quiet:
    """What looks or sounds like an answer without a press, of so many looks: it should be none."""

    looks: int
    pictures: int
    sounds: int


def spans(seen: Recording, end: float) -> list[Span]:
    """From each press to the next one; the last to `end`."""
    moments = [at for at, _ in seen.presses]
    return [Span(a, b) for a, b in zip(moments, [*moments[1:], end], strict=True)]


def samples(seen: Recording, quiet: Span, end: float, known: Sequence[Known] | None) -> list[Press]:
    """One for each press, in order. `quiet` is a time in which nothing was pressed."""
    presses = spans(seen, end)
    pictures = answers(seen, presses, [quiet])
    sounds = onsets(seen, presses, [quiet])
    media = media_times(seen)
    return [
        _sample(seen, media, at, key, picture, sound, _of(at, known or ()))
        for (at, key), picture, sound in zip(seen.presses, pictures, sounds, strict=True)
    ]


def without_presses(seen: Recording, quiet: Span, every_ms: float) -> Quiet:
    """The second half of the quiet time, judged by the first as presses are."""
    middle = (quiet.start + quiet.end) / 2
    starts = np.arange(middle, quiet.end - every_ms, every_ms / 4)
    looks = [Span(float(start), float(start) + every_ms) for start in starts]
    learnt = [Span(quiet.start, middle)]
    return Quiet(
        looks=len(looks),
        pictures=sum(found is not None for found in answers(seen, looks, learnt)),
        sounds=sum(found is not None for found in onsets(seen, looks, learnt)),
    )


def media_times(seen: Recording) -> list[float]:
    """Seconds of each picture by its RTP timestamp; NaN where it has none."""
    times = MediaTimes(VIDEO_HZ)
    return [math.nan if math.isnan(rtp) else times(int(rtp)) for rtp in seen.rtp]


def _of(pressed: float, known: Sequence[Known]) -> Known | None:
    return next((each for each in known if abs(each.pressed - pressed) < SAME_PRESS_MS), None)


def _sample(
    seen: Recording,
    media: Sequence[float],
    pressed: float,
    key: str,
    picture: Picture | None,
    sound: float | None,
    known: Known | None,
) -> Press:
    answer = None if picture is None else picture.index
    found = Press(
        pressed=round(pressed, 2),
        key=key,
        photon=None if answer is None else _after(pressed, seen.presented[answer]),
        display=None if answer is None else _after(pressed, seen.display[answer]),
        ear=None if sound is None else _after(pressed, sound),
        share=None if picture is None else round(picture.share, 4),
        arrived=None if answer is None else _after(pressed, seen.arrived[answer]),
    )
    return found if known is None else _with_receipt(found, seen, media, answer, known)


def _with_receipt(
    found: Press, seen: Recording, media: Sequence[float], answer: int | None, known: Known
) -> Press:
    named = next(
        (i for i, time in enumerate(media) if time >= known.media_time - TOLERANCE_S), None
    )
    received = sampled = stepped = encoded = None
    if known.waited is not None and known.made is not None:
        # what is left of the way to the receipt is the network's, half of it there
        network = known.receipt - known.sent - known.waited - known.made
        received = _after(found.pressed, known.sent + network / 2)
        sampled = _after(found.pressed, known.sent + network / 2 + known.waited)
        stepped = _after(found.pressed, known.receipt - network / 2)
        encoded = None if found.arrived is None else round(found.arrived - network / 2, 2)
    return replace(
        found,
        sent=_after(found.pressed, known.sent),
        received=received,
        sampled=sampled,
        stepped=stepped,
        encoded=encoded,
        photon_by_receipt=None if named is None else _after(found.pressed, seen.presented[named]),
        receipt_error_frames=None if named is None or answer is None else answer - named,
    )


def _after(pressed: float, moment: float) -> float | None:
    return None if math.isnan(moment) else round(float(moment) - pressed, 2)
