"""`bench latency --subject`: a page measured from outside, in the picture and in the sound."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lightcone.bench.clients.chromium import Browser
from lightcone.bench.errors import BenchError
from lightcone.bench.latency.presses import perform, spaced
from lightcone.bench.link.network import Network
from lightcone.bench.machine import machine
from lightcone.bench.outside.figures import Press, samples, without_presses
from lightcone.bench.outside.lightcone import Lightcone
from lightcone.bench.outside.page import WatchedPage, watched_page
from lightcone.bench.outside.picture import Span, within
from lightcone.bench.outside.pixel import Pixel
from lightcone.bench.outside.recording import Numbers, Recording
from lightcone.bench.outside.subject import Known, Settings, Subject
from lightcone.bench.statistics import spread

SUBJECTS: dict[str, Callable[[Settings], Subject]] = {"lightcone": Lightcone, "pixel": Pixel}
MEASURED = (
    "from the key event's own timestamp; key to photon: to the presentation "
    "(requestVideoFrameCallback, or the end of the animation frame that drew) of the first "
    "picture that changes by more than it does without a press; key to display: to when the "
    "browser expects that picture on the screen; key to ear: to the sound's rise over its running "
    "level, at the output of Web Audio (getOutputTimestamp)"
)
RECEIVED = (
    "packetsReceived",
    "packetsLost",
    "retransmittedPacketsReceived",
    "nackCount",
    "pliCount",
    "framesDecoded",
    "framesDropped",
    "keyFramesDecoded",
    "freezeCount",
    "totalFreezesDuration",
    "jitterBufferDelay",
    "jitterBufferEmittedCount",
    "concealedSamples",
)
FREEZE_MS = 1000.0
MOST_PRESSES = 2000  # their pictures are kept in memory: about 2 GB


@dataclass(frozen=True)
class Timing:
    """`quiet_s` without a press at first, then so many presses, `settle_s` before each, each held
    for `hold_s` at most."""

    presses: int
    quiet_s: float
    settle_s: float
    hold_s: float
    seed: int


@dataclass(frozen=True)
class Measured:
    """A recording and what belongs to it. `element` is what showed the picture; nothing was
    pressed in `quiet`; pressing ended at `end`. `received` is what WebRTC counted since `quiet`
    began."""

    recording: Recording
    quiet: Span
    end: float
    element: str
    known: Sequence[Known] | None
    received: dict[str, dict[str, float]]
    browser: str


def run(args: Namespace, url: str, through: Network | None = None) -> dict[str, Any]:
    """The report on the page at `url`, which is met through this network. Raises BenchError."""
    settings = Settings(
        url=url,
        keys=tuple(args.key or ()),
        clicks=tuple(args.click or ()),
        selector=args.selector,
        world=args.world,
        seed=args.seed,
    )
    browser = Browser() if through is None else through.browser(url)
    measured = asyncio.run(_measure(SUBJECTS[args.subject](settings), browser, args))
    return report(measured, args)


def check(args: Namespace) -> None:
    """Before anything is started. Raises BenchError."""
    if args.presses > MOST_PRESSES:
        raise BenchError(f"{MOST_PRESSES} presses at most, not {args.presses}")
    if args.subject == "pixel" and args.url is None:
        raise BenchError("pixel measures the page at --url, which is not given")


async def _measure(subject: Subject, browser: Browser, args: Namespace) -> Measured:
    timing = Timing(args.presses, args.quiet, args.settle, args.hold, args.seed)
    async with watched_page(browser) as page:
        return await measure(page, subject, timing)


async def measure(page: WatchedPage, subject: Subject, timing: Timing) -> Measured:
    """Open, watch, press. Raises BenchError."""
    async with subject.opened(page) as keys:
        element = await page.watch(subject.selector)
        return await _press(page, subject, keys, element, timing)


async def _press(
    page: WatchedPage, subject: Subject, keys: Sequence[str], element: str, timing: Timing
) -> Measured:
    began, before = await page.now(), await page.received()
    await asyncio.sleep(timing.quiet_s)
    quiet = Span(began, await page.now())
    plan = spaced(timing.presses, keys, timing.seed, timing.settle_s, timing.hold_s)
    await perform(plan, page.key_down, page.key_up)
    await asyncio.sleep(timing.settle_s)
    end, after = await page.now(), await page.received()
    known = await subject.details(page)
    received = {kind: increase(before.get(kind, {}), after[kind]) for kind in after}
    return Measured(await page.recording(), quiet, end, element, known, received, page.browser)


def report(measured: Measured, args: Namespace) -> dict[str, Any]:
    seen = measured.recording
    found = samples(seen, measured.quiet, measured.end, measured.known)
    window_ms = 1000 * (args.settle + args.hold)
    described = asdict(machine())
    described["packages"]["chromium"] = measured.browser
    return {
        "subject": args.subject,
        "element": measured.element,
        "measured": MEASURED,
        "key_to_photon_ms": _spread(each.photon for each in found),
        "key_to_display_ms": _spread(each.display for each in found),
        "key_to_ear_ms": _spread(each.ear for each in found),
        "presses": len(found),
        "unseen": sum(each.photon is None for each in found),
        "unheard": sum(each.ear is None for each in found),
        "without_press": asdict(without_presses(seen, measured.quiet, window_ms)),
        "pictures": pictures(seen, measured.element, Span(measured.quiet.start, measured.end)),
        "webrtc": measured.received or None,
        **({} if measured.known is None else receipts(found)),
        "samples": [asdict(each) for each in found],
        "machine": described,
    }


def receipts(found: Sequence[Press]) -> dict[str, Any]:
    """What the page's receipts say against what was seen; frames late are positive."""
    errors = Counter(each.receipt_error_frames for each in found)
    return {
        "key_to_photon_by_receipt_ms": _spread(each.photon_by_receipt for each in found),
        "receipts": {
            "missing": sum(each.photon_by_receipt is None for each in found),
            "seen_frames_after": {
                str(error): errors[error] for error in sorted(e for e in errors if e is not None)
            },
        },
    }


def increase(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Of those counters that say how the network did."""
    return {
        name: round(after[name] - before.get(name, 0.0), 3) for name in RECEIVED if name in after
    }


def pictures(seen: Recording, element: str, span: Span) -> dict[str, Any] | None:
    """How evenly they came; None where the browser does not say when there is a new one."""
    shown: Numbers = seen.presented[within(seen.presented, [span])]
    if element != "video" or len(shown) < 2:
        return None
    gaps = np.diff(shown)
    return {
        "fps": round(1000 * len(gaps) / float(shown[-1] - shown[0]), 2),
        "longest_gap_ms": round(float(gaps.max()), 1),
        "freezes_over_1_s": int((gaps > FREEZE_MS).sum()),
        "gap_ms": _spread(gaps.tolist()),
        "shown_at_ms": [round(float(at), 1) for at in shown],
    }


def _spread(values: Any) -> dict[str, Any] | None:
    found = spread([value for value in values if value is not None])
    return None if found is None else asdict(found)
