"""A page is measured from outside: by its picture and its sound alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Served

from lightcone.bench.cli import main
from lightcone.bench.clients.chromium import Browser
from lightcone.bench.outside.command import Timing, measure
from lightcone.bench.outside.figures import samples
from lightcone.bench.outside.page import WatchedPage, watched_page
from lightcone.bench.outside.picture import Span, answers
from lightcone.bench.outside.pixel import Pixel
from lightcone.bench.outside.recording import Recording, recording
from lightcone.bench.outside.sound import onsets
from lightcone.bench.outside.subject import Known, Settings

FRAME_MS, BLOCK_MS = 40.0, 128 / 48
QUIET = Span(0.0, 2000.0)

# A picture that moves by itself, and answers the space bar after 120 ms, as it notes itself: when
# it was drawn, and when the beep is heard. It does not answer any other key.
ARCADE = b"""<!doctype html><button>start</button><canvas width=320 height=240></canvas><script>
const paint = document.querySelector("canvas").getContext("2d");
const answered = [];
let sound, due = Infinity, x = 0;
document.querySelector("button").onclick = () => { sound = new AudioContext(); draw(); };
addEventListener("keydown", ({ code }) => { if (code === "Space") due = performance.now() + 120; });
const beep = () => {
  const tone = new OscillatorNode(sound, { frequency: 880 }), at = sound.currentTime + 0.05;
  tone.connect(sound.destination);
  tone.start(at);
  tone.stop(at + 0.1);
  const { contextTime, performanceTime } = sound.getOutputTimestamp();
  return performanceTime && performanceTime + 1000 * (at - contextTime);  // 0: nothing came out yet
};
const draw = () => {
  requestAnimationFrame(draw);
  const lit = performance.now() - due, on = lit >= 0 && lit < 100;
  paint.fillStyle = on ? "orange" : "navy";
  paint.fillRect(0, 0, 320, 240);
  paint.fillStyle = "white";
  paint.fillRect((x = (x + 7) % 320), 100, 40, 40);
  if (on && answered.at(-1)?.[2] !== due) answered.push([performance.now(), beep(), due]);
};
</script>"""


@pytest.fixture(scope="module")
def arcade() -> Iterator[str]:
    """The URL of a page of somebody else."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ARCADE)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Arcade(Pixel):
    """A third kind of page: it keeps what the page noted itself."""

    notes: Sequence[Sequence[float]] = ()

    async def details(self, page: WatchedPage) -> None:
        self.notes = await page.get("answered")


async def test_the_answer_of_a_moving_page_is_found_where_the_page_drew_it(arcade: str) -> None:
    subject = Arcade(Settings(arcade, keys=("Space", "KeyX"), clicks=("button",)))
    async with watched_page(Browser()) as page:
        found = await measure(
            page, subject, Timing(presses=4, quiet_s=1.5, settle_s=0.6, hold_s=0.1, seed=1)
        )
    seen = found.recording
    presses = samples(seen, found.quiet, found.end, found.known)
    assert found.element == "canvas"
    assert [press.key for press in presses] == ["Space", "KeyX"] * 2
    assert [press.photon for press in presses if press.key == "KeyX"] == [None, None]
    assert [press.ear for press in presses if press.key == "KeyX"] == [None, None]
    for press, (drawn, heard, _) in zip(presses[::2], subject.notes, strict=True):
        assert press.photon is not None
        assert press.ear is not None
        # no picture was taken between the one that answers and the moment it was drawn at
        first = seen.presented[seen.presented >= drawn][0]
        assert press.pressed + press.photon == pytest.approx(first, abs=0.1)
        assert press.photon >= 120
        if heard:  # the page knows when; a busy machine plays later than it says, never sooner
            assert -100 <= press.pressed + press.ear - heard <= 500


def test_a_page_of_ours_is_as_anybodys(
    probe_server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    session = probe_server.new_session(world="probe")["id"]
    page = f"{probe_server.url}/?session={session}"
    argv = ["--subject", "pixel", "--url", page, "--key", "Space", "--presses", "2"]
    assert main(["latency", *argv, "--quiet", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["command"], found["element"]) == (1, "latency", "video")
    assert (found["presses"], found["unseen"]) == (2, 0)
    assert found["key_to_photon_ms"]["p50"] > 0
    assert found["pictures"]["fps"] > 0
    assert found["settings"]["key"] == ["Space"]
    assert "receipts" not in found


def test_receipts_are_held_against_what_was_seen(
    probe_server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    probe_server.end_sessions()
    argv = ["--subject", "lightcone", "--url", probe_server.url, "--world", "probe"]
    assert main(["latency", *argv, "--presses", "3", "--quiet", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["receipts"] == {"missing": 0, "seen_frames_after": {"0": 3}}
    assert found["unheard"] == 0
    for press in found["samples"]:
        stages = ("sent", "received", "sampled", "stepped", "encoded", "arrived", "photon")
        moments = [press[stage] for stage in stages]
        assert moments == sorted(moments)


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--subject", "pixel"], "--url, which is not given"),
        (["--subject", "pixel", "--url", "http://127.0.0.1:9/"], "no page at"),
        (["--subject", "lightcone", "--presses", "9999"], "2000 presses at most"),
    ],
)
def test_what_can_not_be_watched_is_one_line(
    argv: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["latency", *argv]) == 1
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1
    assert reason in printed.err


def seen(grey: np.ndarray[Any, Any], level: np.ndarray[Any, Any] | None = None) -> Recording:
    frames = FRAME_MS * np.arange(len(grey))
    blank = np.full(len(grey), np.nan)
    level = np.zeros(0) if level is None else level
    at = BLOCK_MS * np.arange(len(level))
    return Recording(frames, blank, blank, blank, grey, at, level, ())


def world(seed: int, frames: int = 100) -> np.ndarray[Any, Any]:
    """Noise everywhere, flicker in one part, a square that moves: (frames, 36, 48)."""
    random = np.random.default_rng(seed)
    grey = np.full((frames, 36, 48), 100, np.int16) + random.integers(-2, 3, (frames, 36, 48))
    grey[:, :6] = 255 * random.integers(0, 2, (frames, 6, 48))
    for n in range(frames):
        grey[n, 20:24, n % 44 : n % 44 + 4] = 220
    return grey.clip(0, 255).astype(np.uint8)


@given(st.integers(0, 2**32 - 1))
def test_a_world_that_moves_by_itself_answers_nothing(seed: int) -> None:
    still = [Span(2000.0 + 400 * n, 2400.0 + 400 * n) for n in range(4)]
    assert answers(seen(world(seed)), still, [QUIET]) == [None] * 4


@given(st.integers(0, 2**32 - 1), st.integers(66, 85), st.integers(8, 30))
def test_the_first_changed_picture_is_the_answer(seed: int, at: int, rows: int) -> None:
    grey = world(seed)
    grey[at:, 24 : 24 + rows] = 160
    [found] = answers(seen(grey), [Span(60 * FRAME_MS, 90 * FRAME_MS)], [QUIET])
    assert found is not None
    assert found.index == at


@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.2), st.integers(900, 1200))
def test_the_onset_over_the_running_level_is_the_answer(seed: int, tone: float, at: int) -> None:
    random = np.random.default_rng(seed)
    level = 0.002 * random.uniform(0.5, 1.5, 1500)
    level[at : at + 60] += tone
    presses = [Span(2200.0, 4000.0)]
    [found] = onsets(seen(np.zeros((0, 1, 1), np.uint8), level), presses, [QUIET])
    assert found == pytest.approx(at * BLOCK_MS, abs=3 * BLOCK_MS)
    level[at : at + 60] -= tone
    assert onsets(seen(np.zeros((0, 1, 1), np.uint8), level), presses, [QUIET]) == [None]


def test_stages_are_between_the_press_and_the_picture() -> None:
    grey = world(3)
    grey[70:, 24:] = 160
    frames = FRAME_MS * np.arange(100)
    pressed = 60 * FRAME_MS
    pictures = Recording(
        frames, frames + 15, frames - 5, 90 * frames, grey, *np.zeros((2, 0)), ((pressed, "Space"),)
    )
    known = Known(pressed, pressed + 1, 30.0, 20.0, pressed + 61, media_time=69 * FRAME_MS / 1000)
    [press] = samples(pictures, QUIET, 4000.0, [known])
    assert (press.sent, press.received, press.sampled, press.stepped) == (1.0, 6.0, 36.0, 56.0)
    assert press.encoded == 390.0
    assert (press.arrived, press.photon, press.display) == (395.0, 400.0, 415.0)
    assert (press.photon_by_receipt, press.receipt_error_frames) == (360.0, 1)
    assert press.ear is None


def test_parts_of_a_recording_follow_each_other() -> None:
    part = {
        "frames": [[1.0, None, None, 90]],
        "pictures": "AQIDBAUG",
        "size": [2, 3],
        "levels": [[5.0, 0.5], [4.0, 0.25]],
        "presses": [[0.5, "Space"]],
    }
    found = recording([part, {**part, "presses": []}])
    assert found.grey.tolist() == [[[1, 2, 3], [4, 5, 6]]] * 2
    assert np.isnan(found.display).all()
    assert found.sound_at.tolist() == [4.0, 4.0, 5.0, 5.0]
    assert found.presses == ((0.5, "Space"),)
