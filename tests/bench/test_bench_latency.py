"""From presses, receipts and arrivals to latencies, and the check of receipts."""

from __future__ import annotations

import numpy as np
import pytest

from lightcone.bench.clients.control import Receipt
from lightcone.bench.latency.figures import (
    Sample,
    ear_s,
    latency,
    photon_s,
    rate,
)
from lightcone.bench.latency.in_chromium import ear_ms
from lightcone.bench.latency.probe_check import (
    Seen,
    check,
    frame_error,
    nearest,
    read_frame_code,
)
from lightcone.client.media.rtp import Picture
from lightcone.client.media.sound import Sound
from lightcone.model.families.probe.model import ProbeModel
from lightcone.model.interface import collect

RECEIPT = Receipt(seq=4, pressed=100.0, frame=26, media_time=26 / 24)


def pictures(*frames: int) -> list[Picture]:
    return [Picture(frame / 24, b"", 100 + 0.01 * frame) for frame in frames]


def sound(first_sample: int, ready: float) -> Sound:
    return Sound(first_sample / 48_000, np.zeros(960, np.float32), ready)


def test_the_first_picture_at_or_after_the_receipts_time_counts() -> None:
    assert photon_s(RECEIPT, pictures(24, 25, 26, 27)) == pytest.approx(0.26)
    assert photon_s(RECEIPT, pictures(24, 25, 28)) == pytest.approx(0.28)
    assert photon_s(RECEIPT, pictures(24, 25)) is None


def test_the_packet_with_the_receipts_first_sample_counts() -> None:
    packets = [sound(960 * n, 100 + n) for n in range(100)]
    assert ear_s(RECEIPT, packets) == 52_000 // 960
    on_the_border = Receipt(1, 100.0, 12, 0.5)
    assert ear_s(on_the_border, packets) == 25
    assert ear_s(RECEIPT, packets[:10]) is None


def test_chromiums_playout_is_read_within_the_packet() -> None:
    samples = [{"mediaTime": 1.01, "pressedAt": 300.0}, {"mediaTime": 9.0, "pressedAt": 0.0}]
    playout = [(47_040, 400.0), (48_000, 420.0), (48_960, 440.0)]
    assert ear_ms(samples, playout) == [pytest.approx(420 + 10 - 300), None]


def test_a_few_packets_that_the_page_missed_do_not_lose_a_press() -> None:
    samples = [{"mediaTime": 1.05, "pressedAt": 300.0}]
    missed_two = [(48_000, 420.0), (50_880, 480.0)]
    assert ear_ms(samples, missed_two) == [pytest.approx(420 + 50 - 300)]
    assert ear_ms(samples, [(48_000, 420.0), (57_600, 620.0)]) == [None]
    assert ear_ms(samples, missed_two[:1]) == [None]


def test_what_never_came_is_counted_and_left_out() -> None:
    assert rate([1.0, 1.5, 2.0]) == 2.0
    assert rate([1.0]) == 0.0
    whole, unheard = Sample(0.0, 100.0, 110.0, 140.0), Sample(1.0, 200.0, 210.0, None)
    unseen = Sample(2.0, None, None, None)
    found = latency("", [whole, unheard, unseen], presses=5, fps=24, stalls=0, sound=True)
    assert (found.presses, found.lost, found.unanswered) == (5, 3, 4)
    assert found.samples == (whole, unheard)
    for spread, n in ((found.key_to_photon_ms, 2), (found.key_to_ear_ms, 1)):
        assert spread is not None
        assert spread.n == n
    silent = latency("", [unheard, unseen], presses=2, fps=24, stalls=0, sound=False)
    assert (silent.lost, silent.unanswered, silent.key_to_ear_ms) == (1, 1, None)


@pytest.mark.parametrize("held", [[], ["left"], ["jump", "shoot"]])
@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("world", ["probe", "probe-long", "probe-60"])
def test_the_code_is_read_as_the_probe_writes_it(held: list[str], scale: int, world: str) -> None:
    model = ProbeModel(compute_ms=0)
    info = model.worlds[world]
    state = model.start(world, 0, model.prepare(world))
    for _ in range(5):
        actions = info.actions(held, frames=info.frames_of(state.chunk))
        [state], [chunk] = collect(model, [state], [actions])
        large = chunk.frames[-1].repeat(scale, axis=0).repeat(scale, axis=1)
        code, cells = read_frame_code(large.mean(axis=2))
        assert code == chunk.end_frame - 1
        assert [b.name for b, on in zip(info.buttons, cells, strict=True) if on] == held


def seen(frames: range, held_from: int, held_to: int) -> list[Seen]:
    return [Seen(f, f % 2**16, (held_from <= f < held_to, False, False, False)) for f in frames]


def test_receipts_are_checked_against_pixels_and_sound() -> None:
    t = np.arange(960 * 100) / 48_000
    tone = 0.5 * np.sin(2 * np.pi * 1000 * t) * (t >= RECEIPT.media_time)
    sounds = [
        Sound(n * 0.02, tone[960 * n : 960 * (n + 1)].astype(np.float32), 0) for n in range(100)
    ]
    good = check([(0, RECEIPT)], seen(range(20, 40), 26, 28), sounds)
    assert (good.code_errors, good.receipt_error_frames, good.unseen, good.unheard) == (0, 0, 0, 0)
    assert good.beep_error_ms is not None
    assert good.beep_error_ms < 1
    wrong = [Seen(20, 21, (False,) * 4), *seen(range(21, 40), 28, 30)]
    off = check([(0, RECEIPT), (1, RECEIPT)], wrong, sounds)
    assert (off.code_errors, off.receipt_error_frames, off.unseen) == (1, 2, 1)


def test_what_is_too_far_off_is_no_answer() -> None:
    assert frame_error(0, RECEIPT, seen(range(0, 90), 60, 70)) is None
    assert frame_error(0, RECEIPT, seen(range(20, 40), 25, 27)) == -1


def test_frames_that_were_overtaken_can_be_the_answer() -> None:
    whole = seen(range(20, 40), 25, 32)
    assert frame_error(0, RECEIPT, whole) == -1
    late = seen(range(20, 40), 29, 32)
    assert frame_error(0, RECEIPT, late) == 29 - RECEIPT.frame
    unseen = [picture for picture in late if not RECEIPT.frame <= picture.frame < 29]
    assert frame_error(0, RECEIPT, unseen) == 0


def test_no_event_is_near() -> None:
    assert nearest(1.0, []) is None
    assert nearest(1.0, [0.0, 1.2, 0.9]) == pytest.approx(-0.1)
