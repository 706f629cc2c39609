"""Latency as a client without a screen meets it: aiortc and the control websocket."""

from __future__ import annotations

from dataclasses import dataclass

from lightcone.bench.client_headless import HeadlessViewer
from lightcone.bench.control_client import (
    ControlClient,
    Receipt,
    control,
)
from lightcone.bench.latency import (
    Latency,
    ear_s,
    milliseconds,
    photon_s,
    rate,
)
from lightcone.bench.presses import (
    Press,
    perform,
    presses,
)
from lightcone.bench.probe_check import (
    ProbeCheck,
    check,
    decode,
)
from lightcone.bench.rtp import (
    Packet,
    Picture,
)
from lightcone.bench.server_process import Target
from lightcone.bench.sound import (
    Sound,
    SoundDecoder,
)
from lightcone.bench.world_client import new_world

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
    """The check only on the probe world. Raises BenchError."""
    heard = Heard([], [])
    decoder = SoundDecoder()

    def on_sound(packet: Packet) -> None:
        heard.sounds.append(decoder(packet))

    async with new_world(target.url, world, seed) as entry:
        viewer = HeadlessViewer(heard.pictures.append, on_sound)
        try:
            await viewer.join(entry.whep)
            async with control(entry.control) as driver:
                await viewer.progress.until(
                    lambda: viewer.pictures > WARM_UP_PICTURES, f"{WARM_UP_PICTURES} pictures"
                )
                first = len(heard.pictures)
                stalls = len(driver.stalls)
                pressed = await _press(driver, presses(count, _names(driver), seed))
                await _until_shown(viewer, heard, [receipt for _, receipt in pressed])
                stalls = len(driver.stalls) - stalls
        finally:
            await viewer.close()
    latency = _latency(heard, pressed, count, first, stalls)
    probe = driver.welcome["world"]["world"] == "probe"
    checked = check(pressed, decode(heard.pictures, viewer.codec), heard.sounds) if probe else None
    return latency, checked


def _names(driver: ControlClient) -> list[str]:
    return [each["name"] for each in driver.controls]


async def _press(driver: ControlClient, plan: list[Press]) -> list[tuple[int, Receipt]]:
    """The control's index and the receipt of each press."""
    sent = await perform(plan, lambda name: driver.hold([name]), lambda _: driver.hold([]))
    names = _names(driver)
    return [
        (names.index(press.control), await driver.wait_for_receipt(seq))
        for press, seq in zip(plan, sent, strict=True)
    ]


async def _until_shown(viewer: HeadlessViewer, heard: Heard, receipts: list[Receipt]) -> None:
    """Until a quarter of a second more than the last press has arrived."""
    last = max(receipt.media_time for receipt in receipts) + 0.25
    await viewer.progress.until(
        lambda: heard.pictures[-1].media_time >= last, f"the picture of media time {last:.2f} s"
    )
    await viewer.progress.until(
        lambda: bool(heard.sounds) and heard.sounds[-1].end >= last,
        f"the sound of media time {last:.2f} s",
    )


def _latency(
    heard: Heard, pressed: list[tuple[int, Receipt]], count: int, first: int, stalls: int
) -> Latency:
    photon = [photon_s(receipt, heard.pictures) for _, receipt in pressed]
    ear = [ear_s(receipt, heard.sounds) for _, receipt in pressed]
    answered = sum(p is not None and e is not None for p, e in zip(photon, ear, strict=True))
    return Latency(
        measured=MEASURED,
        key_to_photon_ms=milliseconds(photon),
        key_to_ear_ms=milliseconds(ear),
        fps=rate([picture.arrived for picture in heard.pictures[first:]]),
        stalls=stalls,
        presses=count,
        unanswered=count - answered,
    )
