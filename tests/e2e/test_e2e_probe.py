"""The probe world in real Chromium: real keys, receipts, and the pixels that they name."""

from __future__ import annotations

import signal
from collections.abc import Callable

from e2e_page import Visitor
from serving import Served

from lightcone.model.families.probe.picture import read_frame_code
from lightcone.model.families.probe.variants import PROBE

KEYS = {button.keys[0]: i for i, button in enumerate(PROBE.buttons)}
[CHUNK] = PROBE.chunk_frames


def shown(visitor: Visitor) -> list[tuple[int, tuple[bool, ...]]]:
    """World frame and what is held, as the pixels tell, of every picture presented."""
    # the first one may come before the canvas can draw it
    return [read_frame_code(picture) for _, picture in visitor.pictures()[1:]]


def test_the_pixels_answer_a_key_at_the_frame_that_the_receipt_names(
    probe_server: Served, visitor: Callable[[], Visitor]
) -> None:
    session = probe_server.new_session()
    page = visitor()
    page.open(f"{probe_server.url}/?session={session['id']}")
    page.page.keyboard.down("ArrowRight")
    page.until("lightcone.samples.length === 1")
    page.until_later(0.3)
    pictures = shown(page)
    page.page.keyboard.up("ArrowRight")
    frame = page.get("lightcone.samples[0].worldFrame")
    assert frame % CHUNK == 0
    assert any(code >= frame for code, _ in pictures)
    assert any(code < frame for code, _ in pictures)
    for code, held in pictures:
        assert held == (False, code >= frame, False, False), code


def test_ten_taps_have_ten_receipts_and_all_are_seen(
    probe_server: Served, visitor: Callable[[], Visitor]
) -> None:
    session = probe_server.new_session()
    page = visitor()
    page.open(f"{probe_server.url}/?session={session['id']}")
    taps = [list(KEYS)[i % len(KEYS)] for i in range(10)]
    for code in taps:
        page.page.keyboard.press(code)
    page.until("lightcone.samples.length === 10")
    page.until_later(0.3)
    samples = page.get("lightcone.samples")
    assert sorted(sample["seq"] for sample in samples) == [sample["seq"] for sample in samples]
    assert [sample["code"] for sample in samples] == taps
    while not taps_in_picture(page):  # a slow page may have dropped just these frames
        count = len(page.get("lightcone.samples"))
        page.page.keyboard.press(taps[count % 10])
        page.until(f"lightcone.samples.length > {count}")
        page.until_later(0.3)


def taps_in_picture(page: Visitor) -> int:
    """How many taps the page has shown; each is in the picture of the frame of its receipt."""
    pictures = dict(shown(page))
    seen = 0
    for sample in page.get("lightcone.samples"):
        frame: int = sample["worldFrame"]  # a tap may be as short as that one frame
        if frame in pictures:
            assert pictures[frame][KEYS[sample["code"]]], frame
            seen += 1
    return seen


def test_ctrl_c_with_a_visitor_in_the_session_ends_cleanly(
    serve: Callable[..., Served], visitor: Callable[[], Visitor]
) -> None:
    server = serve("--probe-compute-ms", "5")
    page = visitor()
    page.open(server.url)
    assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.log.read_text()
    page.until("lightcone.phase !== 'live'")
