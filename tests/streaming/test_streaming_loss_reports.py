"""How often one viewer's losses may cost everybody a keyframe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lightcone.streaming.viewers.loss_reports import LossReports

TIMES = st.lists(st.floats(0, 100), max_size=200).map(sorted)


@given(TIMES, st.floats(0.1, 5), st.integers(1, 5))
def test_no_stretch_of_time_has_more_than_it_may(
    times: list[float], every_s: float, burst: int
) -> None:
    reports = LossReports(every_s, burst)
    allowed = [now for now in times if reports.allows(now)]
    for first, began in enumerate(allowed):
        for last in range(first, len(allowed)):
            count = last - first + 1
            assert count <= burst + (allowed[last] - began) / every_s + 1e-6


@given(st.floats(0.1, 5), st.integers(1, 5), st.integers(0, 50))
def test_who_reports_seldom_is_always_heard(every_s: float, burst: int, reports: int) -> None:
    heard = LossReports(every_s, burst)
    assert all(heard.allows(i * every_s * 1.001) for i in range(reports))
