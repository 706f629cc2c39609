from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.access.seats import (
    Seat,
    Seats,
)
from lightcone.server.control.protocol import Input


def test_the_first_who_asks_drives_and_the_next_one_follows() -> None:
    seats = Seats(["left"], [])
    onlooker = seats.join("viewer", 0.0)
    assert seats.driver is None
    first, second = seats.join("driver", 0.0), seats.join("driver", 0.0)
    assert (onlooker.role, first.role, second.role) == ("viewer", "driver", "viewer")
    assert first.input is not None
    first.input.accept(Input(seq=5, t=0, buttons=["left"]), 0.0)
    seats.leave(first, 0.0)
    assert seats.driver is second
    assert second.input is not None
    assert second.input.sample(0.0).held == frozenset()
    seats.leave(second, 0.0)
    assert seats.driver is None
    assert list(seats) == [onlooker]


@given(st.lists(st.tuples(st.sampled_from(["driver", "viewer", "leave"]), st.integers(0, 9))))
def test_there_is_a_driver_exactly_if_somebody_wants_to(script: list[tuple[str, int]]) -> None:
    seats = Seats([], [])
    present: list[Seat] = []
    for what, who in script:
        if what == "leave":
            if present:
                seats.leave(present.pop(who % len(present)), 0.0)
        else:
            present.append(seats.join("driver" if what == "driver" else "viewer", 0.0))
        drivers = [seat for seat in seats if seat.role == "driver"]
        assert len(drivers) == any(seat.want == "driver" for seat in present)
        assert drivers == [seat for seat in [seats.driver] if seat is not None]
        assert len(seats) == len(present)
