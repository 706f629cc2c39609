"""Latency as a visitor with a browser meets it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightcone.bench.client_chromium import chromium_page
from lightcone.bench.control_client import controls_of
from lightcone.bench.errors import BenchError
from lightcone.bench.latency import (
    Latency,
    rate,
)
from lightcone.bench.presses import (
    perform,
    presses,
)
from lightcone.bench.rtp import (
    SOUND_HZ,
    MediaTimes,
)
from lightcone.bench.server_process import Target
from lightcone.bench.statistics import spread
from lightcone.bench.world_client import new_world

MEASURED = (
    "key to photon: from the key event's own timestamp to the requestVideoFrameCallback of the "
    "first presented frame whose RTP timestamp is at or after the receipt's media time; key to "
    "ear: to the moment at which the browser's playout takes the sound of that media time out "
    "of its jitter buffer (RTCRtpReceiver.getSynchronizationSources, interpolated within the "
    "20 ms packet); a screen and a sound card come after that"
)
WARM_UP_FRAMES = 48
PACKET_S = 0.02
MISSED = 4  # packets
KEPT = 900  # the page keeps 1000 samples


async def measure(target: Target, world: str | None, count: int, seed: int) -> tuple[Latency, str]:
    """The figures and Chromium's version. Raises BenchError."""
    if count > KEPT:
        raise BenchError(f"the page keeps {KEPT} presses, not {count}")
    async with new_world(target.url, world, seed) as entry, chromium_page() as page:
        controls = await controls_of(entry.control)
        codes = {control["name"]: control["keys"][0] for control in controls}
        await page.open(target.url, entry.id)
        await page.until(f"lightcone.frames.length > {WARM_UP_FRAMES}")
        began = await page.get("performance.now()")
        stalls = await page.get("lightcone.stalls")
        await perform(
            presses(count, list(codes), seed),
            lambda name: page.key_down(codes[name]),
            lambda name: page.key_up(codes[name]),
        )
        await page.until(f"lightcone.samples.length >= {count}")
        samples: list[dict[str, float]] = await page.get("lightcone.samples")
        last = max(sample["mediaTime"] for sample in samples) + 0.1
        await page.until(f"playout.length && playout.at(-1)[0] >= {last * SOUND_HZ:.0f}")
        playout = await page.get("playout")
        frames: list[dict[str, Any]] = await page.get("lightcone.frames")
        stalls = await page.get("lightcone.stalls") - stalls
    ear = ear_ms(samples, playout)
    latency = Latency(
        measured=MEASURED,
        key_to_photon_ms=spread([sample["keyToPhotonMs"] for sample in samples]),
        key_to_ear_ms=spread(ear),
        fps=rate([f["presentedAt"] / 1000 for f in frames if f["presentedAt"] >= began]),
        stalls=stalls,
        presses=count,
        unanswered=count - min(len(samples), len(ear)),
    )
    return latency, page.version


def ear_ms(
    samples: Sequence[dict[str, float]], playout: Sequence[tuple[float, float]]
) -> list[float]:
    """From each press to the playout of the sound of its media time, in ms.

    `playout` are RTP timestamps of packets and when they were taken, in ms. The packet that
    covers the media time is looked for. A busy page looks late and misses packets; over as many
    as MISSED the playout is taken to be even. A press beyond that is left out.
    """
    times = MediaTimes(SOUND_HZ)
    taken = [(times(int(timestamp)), at) for timestamp, at in playout]
    found = []
    for sample in samples:
        m = sample["mediaTime"]
        for i, (start, at) in enumerate(taken):
            following = taken[i + 1][0] if i + 1 < len(taken) else start
            gap = following - start - PACKET_S
            covered = PACKET_S + (gap if 0 < gap < (MISSED + 0.5) * PACKET_S else 0)
            if start <= m + 0.5 / SOUND_HZ < start + covered:
                found.append(at + 1000 * max(m - start, 0.0) - sample["pressedAt"])
                break
    return found
