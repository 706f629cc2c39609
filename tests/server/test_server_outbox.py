from __future__ import annotations

import asyncio

from lightcone.server.control.outbox import (
    MAX_WAITING,
    Outbox,
)
from lightcone.server.control.protocol import (
    Receipt,
    Status,
    decode_server,
)
from lightcone.server.control.ratelimit import TokenBucket


def receipt(seq: int) -> Receipt:
    return Receipt(seq=seq, t=0, frame=0, media_time=0)


def status(media_time: float) -> Status:
    return Status(
        phase="running",
        role="viewer",
        media_time=media_time,
        viewers=1,
        driver=False,
        stalls=0,
        stalled_ms=0,
        chunk_ms=1,
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
    assert not outbox.overflowed.is_set()
    outbox.put(receipt(MAX_WAITING))
    assert outbox.overflowed.is_set()
    outbox.put(receipt(0))
    assert outbox.take() == []


def test_a_token_bucket_allows_a_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=8, burst=3, now=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(100.0625)
    assert bucket.take(100.125)
    assert sum(bucket.take(100.125 + i / 64) for i in range(1, 641)) == 80
