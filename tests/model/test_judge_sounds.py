"""What the judge hears."""

from __future__ import annotations

import pytest
import torch

from lightcone.model.evaluation.measures import sounds


def clicks(*times: float, seconds: float = 1.0) -> torch.Tensor:
    sound = 1e-4 * torch.randn(round(seconds * 24_000), generator=torch.Generator().manual_seed(1))
    for time in times:
        first = round(time * 24_000)
        sound[first : first + 600] += 0.3 * torch.exp(-torch.arange(600) / 100)
    return sound


def test_onsets_are_found_where_something_is_struck() -> None:
    found = sounds.onsets(clicks(0.2, 0.6))
    assert found == pytest.approx([0.2, 0.6], abs=0.01)
    assert sounds.onsets(torch.zeros(24_000)) == []


def test_a_late_onset_counts_once_and_a_missing_one_does_not() -> None:
    score = sounds.score_onsets([0.22, 0.23, 0.9], [0.2, 0.5])
    assert (score.matched, score.found, score.true) == (1, 3, 2)
    assert score.mean_error_s == pytest.approx(0.02)
    assert score.f1 == pytest.approx(2 / 5)
    both = score + score
    assert both.f1 == pytest.approx(score.f1)


def test_contacts_too_faint_to_hear_make_no_onset_and_those_at_once_make_one() -> None:
    strength, when = torch.zeros(24, 2), torch.zeros(24, 2)
    strength[3, 0], strength[4, 1], strength[20, 0] = 0.9, 0.9, 0.01
    times = sounds.contact_times("court", ("bounce", "board"), strength, when)
    assert times == pytest.approx([3 / 24])
    faint = sounds.contact_times("court", ("bounce", "board"), strength, when, faint=True)
    assert faint == pytest.approx([20 / 24])


def test_what_is_faint_may_be_heard_or_not() -> None:
    score = sounds.score_onsets([0.22, 0.61, 0.9], [0.2], faint=[0.6, 1.4])
    assert (score.matched, score.found, score.true) == (1, 2, 1)


def test_louder_is_louder() -> None:
    sound = clicks(0.3)
    assert sounds.loudness(sound, 0.3) == pytest.approx(2 * sounds.loudness(sound / 2, 0.3))
    assert sounds.loudness(sound, 0.7) < 0.01 * sounds.loudness(sound, 0.3)


def test_rank_correlation_sees_order_alone() -> None:
    assert sounds.rank_correlation([1, 2, 3, 4], [1, 10, 11, 90]) == pytest.approx(1)
    assert sounds.rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert sounds.rank_correlation([1, 2, 3], [0, 0, 0]) == 0
    assert sounds.rank_correlation([1, 2], [1, 2]) != sounds.rank_correlation([1, 2], [1, 2])
