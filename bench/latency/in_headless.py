"""Latency as a client without a screen meets it: aiortc and the control websocket."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.bench.clients.control import (
    ControlClient,
    Receipt,
    control,
)
from lightcone.bench.clients.headless import HeadlessViewer
from lightcone.bench.clients.session import new_session
from lightcone.bench.latency.figures import (
    Latency,
    Sample,
    ear_s,
    latency,
    milliseconds,
    photon_s,
    rate,
)
from lightcone.bench.latency.presses import (
    Press,
    perform,
    presses,
)
from lightcone.bench.latency.probe_check import (
    ProbeCheck,
    check,
    decode,
)
from lightcone.bench.server_process import Target
from lightcone.client.media.rtp import (
    Packet,
    Picture,
)
from lightcone.client.media.sound import Sound, SoundDecoder

MEASURED = (
    "key to photon: from the input being handed to the websocket to the arrival of the last "
    "packet of the first picture at or after the receipt's media time, undecoded; key to ear: "
    "to the arrival of the sound packet with the sample of that time, decoded"
)
WARM_UP_PICTURES = 48


@dataclass(frozen=True)
class Heard:
    """Everything that arrived at a viewer."""

    pictures: list[Picture]
    sounds: list[Sound]


async def measure(
    target: Target, world: str | None, count: int, seed: int
) -> tuple[Latency, ProbeCheck | None]:
    """The check only on the probe's worlds. Raises BenchError."""
    heard = Heard([], [])
    decoder = SoundDecoder()

    def on_sound(packet: Packet) -> None:
        heard.sounds.append(decoder(packet))

    async with new_session(target.url, world, seed) as entry:
        viewer = HeadlessViewer(heard.pictures.append, on_sound)
        try:
            await viewer.join(entry.whep)
            async with control(entry.control) as driver:
                await viewer.progress.until(
                    lambda: viewer.pictures > WARM_UP_PICTURES, f"{WARM_UP_PICTURES} pictures"
                )
                first = len(heard.pictures)
                stalls = len(driver.stalls)
                chunk_s = driver.session["chunk_frames"][-1] / driver.session["fps"]
                pressed = await _press(driver, presses(count, _names(driver), seed, chunk_s))
                sound = driver.session["sample_rate"] is not None
                await _until_shown(viewer, heard, [receipt for _, receipt in pressed], sound)
                stalls = len(driver.stalls) - stalls
        finally:
            await viewer.close()
    session = driver.session
    found = latency(
        measured=MEASURED,
        samples=[_sample(heard, receipt) for _, receipt in pressed],
        presses=count,
        fps=rate([picture.arrived for picture in heard.pictures[first:]]),
        stalls=stalls,
        sound=sound,
    )
    if not session["world"].startswith("probe") or not pressed:
        return found, None
    seen = decode(heard.pictures, viewer.codec, session["fps"])
    return found, check(pressed, seen, heard.sounds, session["fps"])


def _names(driver: ControlClient) -> list[str]:
    return [each["name"] for each in driver.controls]


async def _press(driver: ControlClient, plan: list[Press]) -> list[tuple[int, Receipt]]:
    """The control's index and the receipt of each press that was not lost."""
    sent = await perform(plan, lambda name: driver.hold([name]), lambda _: driver.hold([]))
    names = _names(driver)
    receipts = [await driver.receipt(seq) for seq in sent]
    return [
        (names.index(press.control), receipt)
        for press, receipt in zip(plan, receipts, strict=True)
        if receipt is not None
    ]


async def _until_shown(
    viewer: HeadlessViewer, heard: Heard, receipts: list[Receipt], sound: bool
) -> None:
    """Until a quarter of a second more than the last press has arrived."""
    last = max((receipt.media_time for receipt in receipts), default=0.0) + 0.25
    await viewer.progress.until(
        lambda: heard.pictures[-1].media_time >= last, f"the picture of media time {last:.2f} s"
    )
    if sound:
        await viewer.progress.until(
            lambda: bool(heard.sounds) and heard.sounds[-1].end >= last,
            f"the sound of media time {last:.2f} s",
        )


def _sample(heard: Heard, receipt: Receipt) -> Sample:
    return Sample(
        pressed=round(1000 * receipt.pressed, 2),
        photon=milliseconds(photon_s(receipt, heard.pictures)),
        display=None,
        ear=milliseconds(ear_s(receipt, heard.sounds)),
    )
