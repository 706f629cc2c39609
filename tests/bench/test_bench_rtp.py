"""Media time and whole pictures from RTP packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.client.media.rtp import (
    CYCLE,
    SOUND_HZ,
    VIDEO_HZ,
    Assembler,
    MediaTimes,
    Packet,
)


@given(
    st.sampled_from([VIDEO_HZ, SOUND_HZ]),
    st.integers(0, 10**7),
    st.lists(st.integers(-240, 24 * 3600), max_size=50),
)
def test_timestamps_become_media_times_over_any_number_of_cycles(
    rate: int, start: int, steps: list[int]
) -> None:
    times = MediaTimes(rate, near=start / 24)
    frame = start
    for step in steps:
        frame = max(frame + step, 0)
        timestamp = round(frame / 24 * rate) % CYCLE
        assert times(timestamp) == pytest.approx(frame / 24, abs=0.5 / rate)


def packet(sequence: int, marker: bool = False, timestamp: int = 0) -> Packet:
    return Packet(sequence % 2**16, timestamp, marker, bytes([sequence % 256]), sequence / 1000)


def test_the_marker_ends_a_picture() -> None:
    assembler = Assembler(MediaTimes(VIDEO_HZ))
    assert assembler.add(packet(65535)) is None
    assert assembler.add(packet(65536)) is None
    whole = assembler.add(packet(65537, marker=True))
    assert whole is not None
    assert whole.data == b"\xff\x00\x01"
    assert whole.arrived == 65.537
    after = assembler.add(packet(65538, marker=True, timestamp=3750))
    assert after is not None
    assert after.media_time == 1 / 24
    assert assembler.lost == 0


@pytest.mark.parametrize("missing", [(2,), (3,), (2, 3), (3, 4)])
def test_a_picture_with_a_hole_is_not_one(missing: tuple[int, ...]) -> None:
    assembler = Assembler(MediaTimes(VIDEO_HZ))
    whole = []
    for sequence in range(1, 10):
        if sequence not in missing:
            picture = assembler.add(packet(sequence, sequence % 3 == 0, sequence // 3 * 3750))
            whole += [] if picture is None else [picture.data]
    assert b"\x07\x08\x09" in whole
    assert all(len(data) == 3 for data in whole)
    assert assembler.lost == len(missing)


def test_a_late_packet_is_passed_over() -> None:
    assembler = Assembler(MediaTimes(VIDEO_HZ))
    assembler.add(packet(5, marker=True))
    assert assembler.add(packet(4, marker=True)) is None
    assert assembler.add(packet(6, marker=True)) is not None
