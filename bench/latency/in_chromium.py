"""Latency as a visitor with a browser meets it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from lightcone.bench.clients.chromium import chromium_page
from lightcone.bench.clients.control import control
from lightcone.bench.clients.progress import TooLate
from lightcone.bench.clients.session import new_session
from lightcone.bench.errors import BenchError
from lightcone.bench.latency.figures import Latency, Sample, latency, rate
from lightcone.bench.latency.presses import perform, presses
from lightcone.bench.server_process import Target
from lightcone.client.media.rtp import SOUND_HZ, MediaTimes

MEASURED = (
    "key to photon: from the key event's own timestamp to the requestVideoFrameCallback of the "
    "first presented frame whose RTP timestamp is at or after the receipt's media time; key to "
    "display: to its expectedDisplayTime, when the browser expects it on the screen; key to ear: "
    "to the moment at which the browser's playout takes the sound of that media time out of its "
    "jitter buffer (RTCRtpReceiver.getSynchronizationSources, interpolated within the 20 ms "
    "packet); a screen and a sound card come after that"
)
WARM_UP_FRAMES = 48
PACKET_S = 0.02
MISSED = 4  # packets
KEPT = 4500  # the page keeps 5000 samples
LAST_S = 6.0  # until the page knows that the last press is lost


async def measure(target: Target, world: str | None, count: int, seed: int) -> tuple[Latency, str]:
    """The figures and Chromium's version. Raises BenchError."""
    if count > KEPT:
        raise BenchError(f"the page keeps {KEPT} presses, not {count}")
    async with new_session(target.url, world, seed) as entry, chromium_page() as page:
        async with control(entry.control, "spectator") as onlooker:
            session = onlooker.session
        codes = {each["name"]: each["keys"][0] for each in session["controls"]}
        sound = session["sample_rate"] is not None
        chunk_s = session["chunk_frames"][-1] / session["fps"]
        await page.open(target.url, entry.id)
        await page.until(f"lightcone.frames.length > {WARM_UP_FRAMES}")
        began = await page.get("performance.now()")
        stalls = await page.get("lightcone.stalls")
        await perform(
            presses(count, list(codes), seed, chunk_s),
            lambda name: page.key_down(codes[name]),
            lambda name: page.key_up(codes[name]),
        )
        with contextlib.suppress(TooLate):  # what is missing is lost
            done = f"lightcone.samples.length >= {count}"
            await page.until(done, 1000 * (LAST_S + chunk_s))
        samples: list[dict[str, float]] = await page.get("lightcone.samples")
        playout: list[tuple[float, float]] = []
        if sound and samples:
            last = max(sample["mediaTime"] for sample in samples) + 0.1
            await page.until(f"playout.length && playout.at(-1)[0] >= {last * SOUND_HZ:.0f}")
            playout = await page.get("playout")
        frames: list[dict[str, Any]] = await page.get("lightcone.frames")
        stalls = await page.get("lightcone.stalls") - stalls
    found = latency(
        measured=MEASURED,
        samples=[
            Sample(
                pressed=round(sample["pressedAt"], 2),
                photon=round(sample["keyToPhotonMs"], 2),
                display=round(sample["keyToDisplayMs"], 2),
                ear=ear,
            )
            for sample, ear in zip(samples, ear_ms(samples, playout), strict=True)
        ],
        presses=count,
        fps=rate([f["presentedAt"] / 1000 for f in frames if f["presentedAt"] >= began]),
        stalls=stalls,
        sound=sound,
    )
    return found, page.version


def ear_ms(
    samples: Sequence[dict[str, float]], playout: Sequence[tuple[float, float]]
) -> list[float | None]:
    """From each press to the playout of the sound of its media time, in ms.

    `playout` are RTP timestamps of packets and when they were taken, in ms. The packet that
    covers the media time is looked for. A busy page looks late and misses packets; over as many
    as MISSED the playout is taken to be even. None for a press beyond that.
    """
    times = MediaTimes(SOUND_HZ)
    taken = [(times(int(timestamp)), at) for timestamp, at in playout]
    return [_ear_ms(sample, taken) for sample in samples]


def _ear_ms(sample: dict[str, float], taken: Sequence[tuple[float, float]]) -> float | None:
    m = sample["mediaTime"]
    for i, (start, at) in enumerate(taken):
        following = taken[i + 1][0] if i + 1 < len(taken) else start
        gap = following - start - PACKET_S
        covered = PACKET_S + (gap if 0 < gap < (MISSED + 0.5) * PACKET_S else 0)
        if start <= m + 0.5 / SOUND_HZ < start + covered:
            return round(at + 1000 * max(m - start, 0.0) - sample["pressedAt"], 2)
    return None
