from __future__ import annotations

import asyncio

from lightcone.server.control.outbox import (
    MAX_WAITING,
    Goodbye,
    Outbox,
)
from lightcone.server.control.protocol import (
    Receipt,
    Status,
    decode_server,
)
from lightcone.server.control.ratelimit import TokenBucket


def receipt(seq: int) -> Receipt:
    return Receipt(
        seq=seq, t=0, world_frame=0, stream_frame=0, media_time=0, waited_ms=0, step_ms=0
    )


def status(media_time: float) -> Status:
    return Status(
        phase="running",
        role="spectator",
        media_time=media_time,
        world_frame=0,
        viewers=1,
        seats=1,
        driver=None,
        asking=[],
        turn_left_s=None,
        stalls=0,
        stalled_ms=0,
        chunk_ms=1,
        steps=1,
        rate=1,
        overloaded=False,
        recording=False,
        prompt="",
    )


async def test_receipts_are_kept_and_only_the_newest_status() -> None:
    outbox = Outbox()
    for i in range(100):
        outbox.put(status(i))
    for i in range(3):
        outbox.put(receipt(i))
    await outbox.wait()
    taken = [decode_server(data) for data in outbox.take()]
    assert taken == [receipt(0), receipt(1), receipt(2), status(99)]
    assert outbox.take() == []


async def test_waiting_ends_with_the_first_message() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    outbox.put(receipt(1))
    await waiting


async def test_a_client_that_does_not_read_overflows_and_costs_nothing_more() -> None:
    outbox = Outbox()
    for i in range(MAX_WAITING):
        outbox.put(receipt(i))
    assert outbox.goodbye is None
    outbox.put(receipt(MAX_WAITING))
    assert outbox.goodbye is not None
    assert outbox.goodbye.code == 4430
    outbox.put(receipt(0))
    assert outbox.take() == []


def test_a_token_bucket_allows_a_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=8, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.0625)
    assert bucket.take(100.125)
    assert sum(bucket.take(100.125 + i / 64) for i in range(1, 641)) == 80


async def test_what_waits_is_sent_before_the_goodbye_and_nothing_after_it() -> None:
    outbox = Outbox()
    outbox.put(receipt(1))
    outbox.hang_up(Goodbye(4410))
    outbox.hang_up(Goodbye(4500))
    outbox.put(receipt(2))
    await outbox.wait()
    assert [decode_server(data) for data in outbox.take()] == [receipt(1)]
    assert outbox.goodbye is not None
    assert outbox.goodbye.code == 4410
