"""What visitors do with sessions in real Chromium: go back, fork, save, record, share, queue."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from client_page import WATCH_TEXTS, DemoPage
from playwright.sync_api import BrowserContext, expect
from serving import Served


def first_frame(page: DemoPage) -> int:
    """The world frame that the picture shows first; frame 0 may be none yet."""
    return page.until_frame(lambda frame: frame > 0)


def do(page: DemoPage, item: str) -> None:
    """Choose from the session's menu."""
    page.page.click("#menu-open")
    page.page.click(item)


def children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(pid) for pid in tasks.split()]


def test_r_runs_the_session_back_and_its_release_lets_it_go_on(page: DemoPage) -> None:
    before = page.until_frame(lambda frame: frame > 144)  # some seconds to go back
    page.page.keyboard.down("KeyR")
    expect(page.page.locator("#rewound")).to_be_visible()
    back = page.until_frame(lambda frame: frame < before - 96)
    page.page.keyboard.up("KeyR")
    # at once: `before` comes again some seconds later
    page.until_frame(lambda frame: back < frame < before)
    expect(page.page.locator("#rewound")).to_be_hidden()
    media_times = page.get("lightcone.frames.map(({mediaTime}) => mediaTime)")
    assert media_times == sorted(media_times)  # the stream never went back
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)


def test_the_button_that_runs_back_is_held_too(page: DemoPage) -> None:
    before = page.until_frame(lambda frame: frame > 72)
    page.page.locator("#rewind").focus()
    page.page.keyboard.down("Enter")
    page.until_frame(lambda frame: frame < before - 24)
    page.page.keyboard.up("Enter")
    page.until("lightcone.rewinding.phase === 'idle'")


def test_a_fork_goes_on_from_this_moment_in_a_new_tab(
    page: DemoPage, context: BrowserContext
) -> None:
    page.until_frame(lambda frame: frame > 48)
    with context.expect_page() as opened:
        do(page, "#fork")
    fork = DemoPage(opened.value)
    fork.until_role("driver")
    assert fork.get("lightcone.session") != page.get("lightcone.session")
    assert first_frame(fork) > 48
    link = page.page.locator("#offered-links a")
    expect(link).to_have_attribute("href", fork.page.url)
    # each has a driver of its own
    fork.page.bring_to_front()
    fork.page.keyboard.down("ArrowLeft")
    fork.until_cell("left", True)
    page.page.bring_to_front()
    page.until_cell("left", False)
    assert page.get("lightcone.role") == "driver"


def test_a_saved_session_starts_from_its_file(page: DemoPage, tmp_path: Path) -> None:
    page.until_frame(lambda frame: frame > 100)
    with page.page.expect_download() as download:
        do(page, "#save")
    path = tmp_path / download.value.suggested_filename
    assert path.suffix == ".lightcone"
    download.value.save_as(path)
    before = page.get("lightcone.session")
    with page.page.expect_file_chooser() as chooser:
        do(page, "#open-file")
    chooser.value.set_files(path)
    page.until(f"lightcone.session !== '{before}'")
    page.until_role("driver")
    assert first_frame(page) > 100


def test_a_file_that_is_no_snapshot_is_refused_and_the_session_goes_on(
    page: DemoPage, tmp_path: Path
) -> None:
    (tmp_path / "spoiled.lightcone").write_bytes(b"nothing of the kind")
    before = page.get("lightcone.session")
    page.page.set_input_files("#snapshot-file", tmp_path / "spoiled.lightcone")
    expect(page.page.locator("#toast")).to_have_class("toast on")
    expect(page.page.locator("#toast")).to_contain_text("snapshot")
    assert page.get("lightcone.session") == before
    assert page.get("lightcone.phase") == "live"


def test_a_recording_has_links_to_its_video_and_log(page: DemoPage, server: Served) -> None:
    do(page, "#record")
    expect(page.page.locator("#recording")).to_be_visible()
    later = page.get("lightcone.mediaTime") + 1
    page.until(f"lightcone.mediaTime > {later}")
    do(page, "#record")
    expect(page.page.locator("#recording")).to_be_hidden()
    links = page.page.locator("#offered-links a")
    expect(links).to_have_text(["Video", "Action log"])
    hrefs = [link.get_attribute("href") or "" for link in links.all()]
    with server.blocking_client() as client:
        video, log = (client.get(href) for href in hrefs)
    assert video.status_code == log.status_code == 200
    assert video.content[4:8] == b"ftyp"
    assert log.text.startswith('{"lightcone_log"')


def test_the_log_is_a_file(page: DemoPage) -> None:
    with page.page.expect_download() as download:
        do(page, "#save-log")
    assert Path(download.value.path()).read_text().startswith('{"lightcone_log"')


def test_a_reload_takes_the_same_seat(
    context: BrowserContext, others: Callable[[], DemoPage], serve: Callable[..., Served]
) -> None:
    server = serve("--probe-compute-ms", "5", "--grace-s", "60")
    page, other = DemoPage(context.new_page()), others()
    page.open(server.url)
    page.until_role("driver")
    other.open(page.page.url)
    other.until_role("spectator")
    session, seat = page.get("[lightcone.session, lightcone.seat]")
    page.page.reload()
    page.until_role("driver")
    assert page.get("[lightcone.session, lightcone.seat]") == [session, seat]
    assert other.get("lightcone.role") == "spectator"
    page.page.keyboard.down("ArrowRight")
    other.until_cell("right", True)


def test_a_seat_used_in_two_tabs_is_the_newer_ones(page: DemoPage, context: BrowserContext) -> None:
    stored = page.get("Object.entries(sessionStorage)")
    second = DemoPage(context.new_page())
    # as a duplicated tab has it
    second.page.add_init_script(f"for (const [k, v] of {stored}) sessionStorage.setItem(k, v)")
    second.open(page.page.url)
    second.until_role("driver")
    assert second.get("lightcone.seat") == page.get("lightcone.seat")
    expect(page.page.locator("#veil-title")).to_have_text("Your seat is used elsewhere")
    assert second.get("lightcone.phase") == "live"  # and it is not taken back
    page.page.get_by_role("button", name="Use it here").click()
    page.until_role("driver")


def test_the_wheel_is_asked_for_handed_over_and_left(
    page: DemoPage, others: Callable[[], DemoPage]
) -> None:
    second = others()
    second.open(page.page.url)
    second.until_role("spectator")
    assert second.get("lightcone.session") == page.get("lightcone.session")
    expect(second.page.locator("#role")).to_contain_text("Somebody else is driving")
    expect(second.page.locator("#role")).to_contain_text("You are next at the wheel")
    second.page.keyboard.press("ArrowRight", delay=50)  # steers nothing, breaks nothing
    page.page.keyboard.down("ArrowLeft")
    second.until_cell("left", True)
    second.until_cell("right", False)
    page.page.keyboard.up("ArrowLeft")
    page.page.get_by_role("button", name="Hand over the wheel").click()
    second.until_role("driver")
    page.until_role("spectator")
    second.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)
    page.page.get_by_role("button", name="Ask for the wheel").click()
    expect(second.page.locator("#role")).to_contain_text("Somebody asks for the wheel")
    second.page.get_by_role("button", name="Just watch").click()
    page.until_role("driver")
    page.until_cell("right", False)  # what the other one holds counts no more
    second.until_role("spectator")


def test_the_wheel_is_free_after_its_driver_has_left(
    page: DemoPage, others: Callable[[], DemoPage]
) -> None:
    second = others()
    second.open(page.page.url)
    second.until_role("spectator")
    page.page.close()
    second.until_role("driver")
    expect(second.page.locator("#toast")).to_have_text("You are driving now")
    second.page.keyboard.down("ArrowRight")
    second.until_cell("right", True)


def test_turns_end_by_themselves_and_count_down(
    context: BrowserContext, others: Callable[[], DemoPage], serve: Callable[..., Served]
) -> None:
    server = serve("--probe-compute-ms", "5", "--turn-seconds", "4")
    page, second = DemoPage(context.new_page()), others()
    page.open(server.url)
    page.until_role("driver")
    watch = f"addEventListener('DOMContentLoaded', () => ({WATCH_TEXTS})('#role-text'))"
    second.page.add_init_script(watch)
    second.open(page.page.url)
    second.until("window.texts.some((text) => text.includes('Their turn ends in'))")
    second.until_role("driver")
    page.until_role("spectator")


def test_one_waits_in_the_queue_and_watches_meanwhile(
    context: BrowserContext, others: Callable[[], DemoPage], pair: Served
) -> None:
    first = DemoPage(context.new_page())
    first.open(f"{pair.url}/?session={pair.new_session()['id']}")
    first.until_role("driver")
    second, third = others(), others()
    second.open(pair.url)
    title = second.page.locator("#veil-title")
    expect(title).to_have_text("Place 1 in the queue")
    third.open(f"{pair.url}/?world=probe-wide")
    expect(third.page.locator("#veil-title")).to_have_text("Place 2 in the queue")
    assert "ticket" in parse_qs(urlsplit(third.page.url).query)

    second.page.get_by_role("button", name="Watch Probe meanwhile").click()
    second.until_role("spectator")
    expect(second.page.locator("#notice-text")).to_have_text("Place 1 in the queue")
    second.page.locator("#notice").get_by_role("button", name="Leave the queue").click()
    expect(second.page.locator("#notice")).to_be_hidden()
    assert second.get("lightcone.phase") == "live"

    expect(third.page.locator("#veil-title")).to_have_text("Place 1 in the queue")
    third.page.reload()  # the place is kept
    expect(third.page.locator("#veil-title")).to_have_text("Place 1 in the queue")
    with pair.blocking_client() as client:
        client.delete(f"/sessions/{first.get('lightcone.session')}")
    first.page.close()
    second.page.close()
    third.until_role("driver")
    assert third.get("lightcone.world") == "probe-wide"
    assert third.get("lightcone.place") is None


def test_a_place_in_the_queue_can_be_left(context: BrowserContext, pair: Served) -> None:
    first = DemoPage(context.new_page())
    first.open(f"{pair.url}/?session={pair.new_session()['id']}")
    first.until_role("driver")
    second = DemoPage(context.new_page())
    second.open(pair.url)
    second.page.get_by_role("button", name="Leave the queue").click()
    expect(second.page.locator("#veil-title")).to_have_text("You left the queue")
    second.until_nobody_waits()


def test_a_lost_worker_is_named_over_the_picture_and_the_session_goes_on(
    page: DemoPage, server: Served
) -> None:
    page.until_frame(lambda frame: frame > 60)
    session, seat = page.get("[lightcone.session, lightcone.seat]")
    page.page.evaluate(WATCH_TEXTS, "#banner")
    connection = page.get("document.querySelector('video').srcObject.id")
    frames = page.get("lightcone.mediaTime")
    [worker] = children(server.process.pid)
    os.kill(worker, signal.SIGKILL)
    page.until("window.texts.includes('The model restarts; your session goes on')")
    page.until("lightcone.sessionPhase === 'running'")
    page.until(f"lightcone.mediaTime > {frames} + 1")
    assert page.get("[lightcone.session, lightcone.seat]") == [session, seat]
    assert page.get("document.querySelector('video').srcObject.id") == connection
    assert page.get("lightcone.role") == "driver"
    page.page.keyboard.down("ArrowRight")
    page.until_cell("right", True)


def test_who_plays_is_shown_that_it_is_recorded(
    serve: Callable[..., Served], tmp_path: Path, context: BrowserContext, phone: BrowserContext
) -> None:
    consent = "Kept and used for training."
    server = serve("--record", str(tmp_path), "--consent", consent)
    page, watcher = DemoPage(context.new_page()), DemoPage(phone.new_page())
    page.open(f"{server.url}/?session={server.new_session()['id']}")
    page.until_role("driver")
    sign = page.page.get_by_role("button", name="Your play is recorded")
    expect(sign).to_be_visible()
    expect(sign).to_have_accessible_description(consent)
    text = page.page.get_by_text(consent)
    expect(text).to_be_hidden()
    sign.focus()
    page.page.keyboard.press("Enter")
    expect(text).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    watcher.open(page.page.url)
    watcher.until_role("spectator")
    watcher.page.get_by_role("button", name="Play is recorded here").tap()
    expect(watcher.page.get_by_text(consent)).to_be_visible()


def test_no_sign_is_shown_where_nothing_is_recorded(page: DemoPage) -> None:
    expect(page.page.locator("#play-recorded")).to_be_hidden()
