from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.server.access.access import NOBODY, Payer
from lightcone.server.access.at_once import AtOnce, TooManyAtOnce
from lightcone.server.access.quotas import Quotas

QUOTAS = Quotas({})
ANN, BOB = Payer("ann", QUOTAS), Payer("bob", QUOTAS)


def test_what_is_gone_and_what_failed_gives_its_place_back() -> None:
    there = {1, 2}
    places: AtOnce[int] = AtOnce("things", 2, there.__contains__)
    for thing in (1, 2):
        with places.place(ANN) as keep:
            keep(thing)
    with pytest.raises(TooManyAtOnce, match="things at once"), places.place(ANN):
        pass
    with places.place(BOB), places.place(BOB), pytest.raises(TooManyAtOnce), places.place(BOB):
        pass
    there.remove(1)
    with contextlib.suppress(ValueError), places.place(ANN):
        raise ValueError
    with places.place(ANN):
        pass


def test_who_has_no_quotas_and_a_quota_of_nothing_are_no_limit() -> None:
    for places, payer in (
        (AtOnce[int]("things", 1, lambda thing: True), NOBODY),
        (AtOnce[int]("things", 0, lambda thing: True), ANN),
    ):
        for thing in range(5):
            with places.place(payer) as keep:
                keep(thing)


@given(st.lists(st.tuples(st.sampled_from(["take", "fail", "leave"]), st.integers(0, 2))))
def test_nobody_ever_has_more(script: list[tuple[str, int]]) -> None:
    there: dict[int, int] = {}
    places: AtOnce[int] = AtOnce("things", 2, there.__contains__)
    payers = [Payer(f"p{i}", QUOTAS) for i in range(3)]
    for number, (what, who) in enumerate(script):
        mine = [thing for thing, owner in there.items() if owner == who]
        if what == "leave":
            for thing in mine[:1]:
                del there[thing]
            continue
        try:
            with places.place(payers[who]) as keep:
                if what == "take":
                    there[number] = who
                    keep(number)
            assert len(mine) < 2
        except TooManyAtOnce:
            assert len(mine) == 2
