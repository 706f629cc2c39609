from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.access.seats import NoSeat, Seat, SeatRules, Seats
from lightcone.server.control.protocol import ProtocolError

RULES = SeatRules(grace_s=10, turn_s=None, most=8)


def test_the_first_who_wants_to_drives_and_the_others_wait_in_order() -> None:
    seats = Seats(RULES)
    onlooker = seats.join("spectator", 0)
    assert seats.driver is None
    first, second, third = (seats.join("driver", 0) for _ in range(3))
    assert seats.driver is first
    assert seats.asking == (second, third)
    assert [seats.role(s) for s in (onlooker, first)] == ["spectator", "driver"]
    seats.let_go(first, 1)
    assert seats.driver is second
    seats.ask(first, 2)
    assert seats.asking == (third, first)
    seats.let_go(third, 3)
    assert seats.asking == (first,)


def test_the_driver_gives_the_wheel_to_a_seat_or_to_the_first_who_asks() -> None:
    seats = Seats(RULES)
    driver, onlooker = seats.join("driver", 0), seats.join("spectator", 0)
    for giver, to, code in (
        (driver, None, "unknown_seat"),
        (driver, "s99", "unknown_seat"),
        (onlooker, driver.id, "not_driver"),
    ):
        with pytest.raises(ProtocolError) as refused:
            seats.give(giver, to, 1)
        assert refused.value.code == code
        assert seats.driver is driver
    seats.give(driver, onlooker.id, 2)
    assert seats.driver is onlooker
    assert seats.asking == ()
    seats.ask(driver, 3)
    seats.give(onlooker, None, 4)
    assert seats.driver is driver


def test_a_driver_who_drops_keeps_the_wheel_for_the_grace_time() -> None:
    seats = Seats(RULES)
    driver, other = seats.join("driver", 0), seats.join("driver", 0)
    seats.leave(driver, 5)
    assert seats.driver is driver
    assert not driver.present
    assert seats.next_deadline(5) == 15
    seats.tick(14.9)
    assert seats.driver is driver
    assert seats.resume(driver.token, 14.9) is driver
    assert driver.present
    assert seats.next_deadline(15) is None
    seats.leave(driver, 20)
    seats.tick(30)
    assert seats.driver is other
    assert seats.resume(driver.token, 30) is None


def test_somebody_who_asks_keeps_the_place_and_gets_the_wheel_only_when_there() -> None:
    seats = Seats(RULES)
    driver, first, second = (seats.join("driver", 0) for _ in range(3))
    seats.leave(first, 1)
    seats.let_go(driver, 2)
    assert seats.driver is second
    assert seats.resume(first.token, 3) is first
    assert seats.asking == (first,)
    seats.let_go(second, 4)
    assert seats.driver is first


def test_a_turn_ends_while_somebody_asks() -> None:
    seats = Seats(SeatRules(grace_s=10, turn_s=60, most=8))
    driver = seats.join("driver", 0)
    assert seats.turn_left(100) is None
    onlooker = seats.join("spectator", 0)
    seats.tick(500)
    assert seats.driver is driver
    seats.ask(onlooker, 500)
    assert seats.turn_left(510) == 50
    assert seats.next_deadline(510) == 560
    seats.tick(559.9)
    assert seats.driver is driver
    seats.tick(560)
    assert seats.driver is onlooker
    assert seats.asking == ()
    assert seats.turn_left(560) is None


def test_only_so_many_take_part() -> None:
    seats = Seats(SeatRules(grace_s=10, most=2))
    driver, onlooker = seats.join("driver", 0), seats.join("spectator", 0)
    with pytest.raises(NoSeat):
        seats.join("spectator", 0)
    seats.leave(driver, 1)
    for i in range(10):
        seats.leave(seats.join("spectator", 1 + i / 100), 1 + i / 100)
    assert len(seats) <= 4
    assert onlooker.present
    seats.tick(100)
    assert list(seats) == [onlooker]


steps = st.tuples(
    st.sampled_from(["driver", "spectator", "leave", "resume", "ask", "give", "let_go", "wait"]),
    st.integers(0, 9),
    st.sampled_from([0.0, 0.5, 3.0, 11.0]),
)


@given(st.lists(steps, max_size=40), st.sampled_from([None, 4.0]))
def test_whatever_happens_one_drives_if_somebody_who_is_there_asks(
    script: list[tuple[str, int, float]], turn_s: float | None
) -> None:
    seats, now = Seats(SeatRules(grace_s=10, turn_s=turn_s, most=6)), 0.0
    known: list[Seat] = []
    for what, who, wait in script:
        now += wait
        seat = known[who % len(known)] if known else None
        before = seats.driver
        match what:
            case "driver" | "spectator":
                if seats.present < 6:
                    known.append(seats.join("driver" if what == "driver" else "spectator", now))
            case "wait":
                seats.tick(now)
            case "resume" if seat is not None:
                alive = seat in list(seats) and (seat.left is None or now < seat.left + 10)
                assert (seats.resume(seat.token, now) is seat) is alive
            case "leave" if seat is not None and seat in list(seats) and seat.present:
                seats.leave(seat, now)
            case "ask" if seat is not None and seat.present and seat in list(seats):
                seats.ask(seat, now)
            case "let_go" if seat is not None and seat.present and seat in list(seats):
                seats.let_go(seat, now)
            case "give" if seat is not None and seats.driver is not None:
                with contextlib.suppress(ProtocolError):
                    seats.give(seats.driver, seat.id, now)
        seats.tick(now)
        everybody = list(seats)
        assert len({s.id for s in everybody}) == len({s.token for s in everybody})
        assert seats.driver is None or seats.driver in everybody
        assert seats.driver not in seats.asking
        assert set(seats.asking) <= set(everybody)
        if seats.driver is None:
            assert not any(s.present for s in seats.asking)
        for s in everybody:
            assert s.left is None or now < s.left + 10
        deadline = seats.next_deadline(now)
        assert deadline is None or deadline > now
        if before is not None and before is not seats.driver and turn_s is None:
            gone = before not in everybody
            assert gone or what in ("give", "let_go", "leave", "wait") or wait > 0
