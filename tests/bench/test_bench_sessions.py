"""When a session counts as held at its full rate."""

from __future__ import annotations

import pytest

from lightcone.bench.serving.sessions import at_full


@pytest.mark.parametrize(
    ("steps", "rate", "overloaded", "expected"),
    [
        (2, 1.0, False, True),
        (1, 1.0, False, False),
        (2, 0.75, False, False),
        (2, 1.0, True, False),
    ],
)
def test_a_session_that_gave_something_up_is_not_at_its_full_rate(
    steps: int, rate: float, overloaded: bool, expected: bool
) -> None:
    status = {"steps": steps, "rate": rate, "overloaded": overloaded}
    assert at_full(status, 2) is expected
