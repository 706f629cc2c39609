"""Sessions in one worker, in virtual time: batches, joins, prompts, rewinding, forks."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from virtual_time import run_virtual
from virtual_worker import SENDING, VirtualWorker

from lightcone.server.worker import messages as wire

CHUNK_S = 2 / 24


def follow(made: list[wire.Made]) -> bool:
    """Chunks follow each other, in world time and on the stream."""
    return all(
        b.world_frame == a.world_frame + a.frames and b.stream_frame == a.stream_frame + a.frames
        for a, b in pairwise(made)
    )


def test_one_session_is_made_just_in_time() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(5)
        made = worker.made("a")
        assert follow(made)
        assert worker.held_s("a") == 0
        assert 58 <= len(made) <= 62
        [clock] = worker.of("a", wire.Clock)
        assert clock.running
        worker.close()

    run_virtual(scenario())


def test_a_session_that_joins_is_due_together_with_the_others() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(1.03)
        await worker.open("b", "probe")
        await asyncio.sleep(0.77)
        await worker.open("c", "probe")
        await asyncio.sleep(2)
        for name in "abc":
            assert follow(worker.made(name))
            assert worker.held_s(name) == 0
        assert {made.batch for made in worker.made("c")} == {3}
        assert sorted(worker.made(name)[-1].row for name in "abc") == [0, 1, 2]
        worker.close()

    run_virtual(scenario())


def test_a_batch_is_padded_to_its_bucket_and_no_larger_than_allowed() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe", compute_ms=5)
        for i in range(5):
            await worker.open(str(i), "probe")
        await asyncio.sleep(1)
        last = [worker.made(str(i))[-1] for i in range(5)]
        assert {made.batch for made in last} == {6}
        assert sorted(made.row for made in last) == [0, 1, 2, 3, 4]
        worker.close()
        alone = VirtualWorker("probe", compute_ms=5, max_batch=1)
        for name in "ab":
            await alone.open(name, "probe")
        await asyncio.sleep(1)
        assert {made.batch for name in "ab" for made in alone.made(name)} == {1}
        assert alone.held_s("a") == alone.held_s("b") == 0
        alone.close()

    run_virtual(scenario())


def test_worlds_of_several_kinds_run_side_by_side() -> None:
    async def scenario() -> None:
        worlds = ["probe", "probe-35", "probe-60", "probe-long"]
        worker = VirtualWorker(*worlds, compute_ms=2)
        for world in worlds:
            await worker.open(world, world)
        await asyncio.sleep(4)
        for world in worlds:
            made = worker.made(world)
            assert follow(made)
            assert worker.held_s(world) == 0
            frames = sum(each.frames for each in made)
            assert frames == pytest.approx(4 * worker.model.worlds[world].fps, rel=0.25)
        assert [each.frames for each in worker.made("probe-long")][:3] == [9, 12, 12]
        worker.close()

    run_virtual(scenario())


def test_the_first_part_of_a_long_chunk_is_sent_long_before_the_last_is_made() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe-long", compute_ms=400)
        await worker.open("a", "probe-long")
        await asyncio.sleep(20)
        made = worker.made("a")
        assert follow(made)
        assert sum(each.held_s for each in made[3:]) == 0
        # Three parts, of which each takes 133 ms and lasts 250 ms: started 133 ms before it is due.
        clock = worker.of("a", wire.Clock)[-1]
        assert made[-1].frames == 12
        assert clock.stalls <= 1
        worker.close()

    run_virtual(scenario())


def test_a_paused_session_costs_nothing_and_goes_on_where_it_stood() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await worker.open("b", "probe")
        await asyncio.sleep(1.01)
        worker.watch("b", run=False)
        await asyncio.sleep(0.2)
        before = len(worker.made("b"))
        await asyncio.sleep(2)
        assert len(worker.made("b")) == before
        assert not worker.of("b", wire.Clock)[-1].running
        worker.watch("b")
        await asyncio.sleep(1)
        assert len(worker.made("b")) > before
        for name in "ab":
            assert follow(worker.made(name))
            assert worker.held_s(name) == 0
        assert worker.made("b")[-1].batch == 2
        worker.close()

    run_virtual(scenario())


def test_inputs_show_in_the_next_chunk_and_are_receipted() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(1)
        worker.service.receive(wire.Input("a", "seat", 7, 100.0, ["jump"], {"turn": 3.0}))
        await asyncio.sleep(0.2)
        [(made, carried)] = [(m, c) for m in worker.made("a") for c in m.carried]
        assert (carried.seat, carried.seq, carried.t) == ("seat", 7, 100.0)
        assert (carried.world_frame, carried.stream_frame) == (made.world_frame, made.stream_frame)
        assert carried.media_time == made.media_time
        actions = np.frombuffer(made.actions, np.float32).reshape(made.frames, -1)
        assert actions[:, 2].tolist() == [1.0, 1.0]
        worker.service.receive(wire.Release("a"))
        await asyncio.sleep(0.3)
        assert not np.frombuffer(worker.made("a")[-1].actions, np.float32).any()
        worker.close()

    run_virtual(scenario())


@pytest.mark.parametrize("how", ["cut", "blend", "recache"])
def test_a_prompt_is_applied_between_two_steps(how: str) -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe", "red")
        await worker.open("b", "probe")
        await asyncio.sleep(1)
        told = await worker.condition("a", "green", how)
        await asyncio.sleep(1)
        [prompted] = worker.of("a", wire.Prompted)
        assert prompted.world_frame == told.first
        assert prompted.prompt == "red; green"
        [first] = [made for made in worker.made("a") if made.world_frame == told.first]
        assert (first.stream_frame, first.media_time) == (told.stream_frame, told.media_time)
        later = 2 if how == "blend" else 0
        assert told.full == told.first + later
        assert told.full_stream_frame == told.stream_frame + later
        messages = worker.sent["a"]
        assert messages.index(prompted) < messages.index(first)
        for name in "ab":
            assert follow(worker.made(name))
            assert worker.held_s(name) == 0
        worker.close()

    run_virtual(scenario())


def test_starts_and_recaches_in_a_loop_cost_nobody_a_deadline() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await worker.open("b", "probe")
        await asyncio.sleep(1)
        for turn in range(30):
            await worker.open(f"started {turn}", "probe", run=False)
            worker.service.receive(wire.Drop(f"started {turn}"))
            await worker.condition("b", "green", "recache")
        await asyncio.sleep(1)
        assert follow(worker.made("a"))
        assert worker.held_s("a") == 0
        worker.close()

    run_virtual(scenario())


def test_a_bad_prompt_changes_nothing() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(0.5)
        failed = await worker.ask(
            lambda n: wire.Condition(n, "a", "red moon", "cut", 1), wire.Failed
        )
        assert (failed.kind, failed.words) == ("PromptError", ["moon"])
        assert "green" in failed.known
        failed = await worker.ask(lambda n: wire.Save(n, "nobody"), wire.Failed)
        assert failed.kind == "UnknownSession"
        await asyncio.sleep(0.5)
        assert worker.held_s("a") == 0
        worker.close()

    run_virtual(scenario())


def test_snapshots_are_kept_about_once_a_second() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(4.5)
        assert [kept.world_frame for kept in worker.of("a", wire.Kept)] == [24, 48, 72, 96]
        worker.close()

    run_virtual(scenario())


def test_going_back_goes_on_from_there_on_the_same_stream() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(3.2)
        went = await worker.rewind("a", "to", 50)
        await asyncio.sleep(1)
        assert went.world_frame == 48
        assert [back.world_frame for back in worker.of("a", wire.WentBack)] == [48]
        messages = worker.sent["a"]
        back = messages.index(worker.of("a", wire.WentBack)[0])
        before = [m for m in messages[:back] if isinstance(m, wire.Made)]
        after = [m for m in messages[back:] if isinstance(m, wire.Made)]
        assert follow(before)
        assert follow(after)
        assert (after[0].world_frame, after[0].stream_frame) == (48, went.stream_frame)
        assert after[0].media_time == went.media_time
        assert before[-1].stream_frame <= went.stream_frame
        pictures = [picture.stream_frame for picture in worker.of("a", wire.Picture)]
        assert pictures == sorted(pictures)
        # What is kept of the new course takes the place of the old one.
        failed = await worker.ask(lambda n: wire.Rewind(n, "a", "to", 5000), wire.Failed)
        assert failed.kind == "RewindError"
        worker.close()

    run_virtual(scenario())


def test_the_oldest_moment_is_the_last_to_go_back_to() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe", history_s=2)
        await worker.open("a", "probe")
        await asyncio.sleep(6)
        failed = await worker.ask(lambda n: wire.Rewind(n, "a", "to", 10), wire.Failed)
        assert failed.kind == "RewindError"
        assert "the oldest is" in failed.message
        assert (await worker.rewind("a", "to", 120)).world_frame == 120
        worker.close()

    run_virtual(scenario())


def test_running_backwards_shows_older_and_older_pictures_until_it_goes_on() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await worker.open("b", "probe")
        await asyncio.sleep(4.6)
        began = await worker.rewind("a", "start")
        seen = len(worker.of("a", wire.Picture))
        await asyncio.sleep(0.6)
        assert len(worker.of("a", wire.Picture)) - seen == 3
        assert [m.world_frame for m in worker.of("a", wire.RunningBack)] == [96, 72, 48]
        failed = await worker.ask(lambda n: wire.Condition(n, "a", "red", "cut", 1), wire.Failed)
        assert failed.kind == "RewindError"
        on = await worker.rewind("a", "stop")
        assert (began.world_frame, on.world_frame) == (112, 48)
        await asyncio.sleep(1)
        [first] = [m for m in worker.made("a") if m.stream_frame == on.stream_frame][-1:]
        assert first.world_frame == 48
        assert worker.held_s("a") == worker.held_s("b") == 0
        assert worker.made("a")[-1].batch == 2
        # All the way back it stands at the beginning.
        await worker.rewind("a", "start")
        await asyncio.sleep(5)
        assert (await worker.rewind("a", "stop")).world_frame == 0
        worker.close()

    run_virtual(scenario())


def test_who_ran_it_backwards_leaves_and_it_goes_on() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe")
        await asyncio.sleep(2.6)
        await worker.rewind("a", "start")
        await asyncio.sleep(5)
        seen = len(worker.of("a", wire.Picture))
        await asyncio.sleep(1)
        assert len(worker.of("a", wire.Picture)) - seen == 4  # the oldest, again and again
        made = len(worker.made("a"))
        worker.service.receive(wire.Release("a"))
        await asyncio.sleep(1)
        assert len(worker.made("a")) > made
        assert worker.made("a")[made].world_frame == 0
        worker.service.receive(wire.Release("a"))  # which changes nothing
        await asyncio.sleep(1)
        assert worker.made("a")[-1].world_frame > worker.made("a")[made].world_frame + 24
        worker.close()

    run_virtual(scenario())


def test_a_fork_goes_its_own_way_and_misses_nothing() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe", "red")
        await asyncio.sleep(2.5)
        opened = await worker.ask(lambda n: wire.Fork(n, "a", "b", SENDING), wire.Opened)
        assert opened.prompt == "red"
        worker.watch("b")
        await worker.condition("b", "green")
        await asyncio.sleep(1)
        assert worker.made("b")[0].world_frame == opened.world_frame
        assert worker.held_s("a") == worker.held_s("b") == 0
        assert worker.made("b")[-1].batch == 2
        digest = {m.world_frame: m.digest for m in worker.made("a")}
        assert worker.made("b")[-1].digest != digest[worker.made("b")[-1].world_frame]
        assert (await worker.rewind("b", "to", 24)).world_frame == 24  # before it was there
        worker.service.receive(wire.Drop("a"))
        await asyncio.sleep(1)
        count = len(worker.made("a"))
        await asyncio.sleep(1)
        assert len(worker.made("a")) == count
        assert worker.held_s("b") == 0
        worker.close()

    run_virtual(scenario())


def test_a_saved_session_goes_on_elsewhere_with_the_same_chunks() -> None:
    async def scenario() -> None:
        worker = VirtualWorker("probe")
        await worker.open("a", "probe", "red")
        await asyncio.sleep(1.5)
        saved = await worker.ask(lambda n: wire.Save(n, "a"), wire.Saved)
        sending = wire.Sending(1, 200_000, 32_000, 500, 20.0)
        opened = await worker.ask(
            lambda n: wire.Restore(n, "b", saved.snapshot, sending), wire.Opened
        )
        worker.watch("b")
        await asyncio.sleep(1)
        assert opened.prompt == "red"
        first = worker.made("b")[0]
        assert (first.world_frame, first.stream_frame) == (opened.world_frame, 500)
        assert first.media_time == pytest.approx(20.0)
        digests = {made.world_frame: made.digest for made in worker.made("a")}
        shared = [m for m in worker.made("b") if m.world_frame in digests]
        assert len(shared) > 5
        assert all(made.digest == digests[made.world_frame] for made in shared)
        failed = await worker.ask(
            lambda n: wire.Restore(n, "c", saved.snapshot[:-3], SENDING), wire.Failed
        )
        assert failed.kind == "SnapshotError"
        worker.close()

    run_virtual(scenario())
