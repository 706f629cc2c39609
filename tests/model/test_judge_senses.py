"""The judge's instruments on pictures and sounds of which the answer is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightcone.model.evaluation.judge.protocol import spans
from lightcone.model.evaluation.judge.senses.hearing import Ear, flux, match, onsets
from lightcone.model.evaluation.judge.senses.monsters import SEEN, Found, compare
from lightcone.model.evaluation.judge.senses.pictures import (
    PEAK,
    colour_distance,
    gradient_energy,
    histogram,
    psnr,
)
from lightcone.model.evaluation.judge.senses.training import targets
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.steering.holds import held_for, holds, lately, rests
from lightcone.model.evaluation.judge.steering.swimming import ratio, stretches
from lightcone.model.evaluation.judge.steering.turning import game_law
from lightcone.model.evaluation.judge.tally import Tally, added
from lightcone.model.families.env.player import Box
from lightcone.model.interface import Button, WorldInfo

RATE = 22_050
WIDTH, HEIGHT = 256, 192


def monster(left: float, top: float, width: float, height: float) -> Box:
    return Box("Demon", "Monster", 1, left, top, width, height)


def test_psnr_is_of_each_frame_of_the_shorter_one() -> None:
    a = np.zeros((3, 4, 4, 3), np.uint8)
    b = a.copy()
    b[1] += 255
    assert psnr(a, b[:2]).tolist() == [PEAK, 0.0]


def test_gradient_energy_falls_with_blur_and_grows_with_noise() -> None:
    rng = np.random.default_rng(0)
    sharp = np.repeat(np.repeat(rng.integers(256, size=(2, 12, 16, 3)), 8, 1), 8, 2)
    smooth = np.broadcast_to(np.linspace(0, 255, 128)[None, None, :, None], sharp.shape)
    noisy = rng.integers(256, size=sharp.shape)
    energies = [gradient_energy(x.astype(np.uint8)) for x in (smooth, sharp, noisy)]
    assert energies == sorted(energies)
    assert energies[0] < 0.01 * energies[1]


def test_colours_are_equal_or_not() -> None:
    black = histogram(np.zeros((1, 8, 8, 3), np.uint8))
    white = histogram(np.full((1, 8, 8, 3), 255, np.uint8))
    assert colour_distance(black, black) == 0.0
    assert colour_distance(black, white) == 1.0
    assert black.sum() == pytest.approx(1.0)


def turning_scene(degrees: float, frames: int) -> np.ndarray:
    """A cylinder of random columns and rows, seen by an eye that turns left."""
    rng = np.random.default_rng(3)
    around = rng.random((40, 720))
    focal = 0.5 * WIDTH / math.tan(math.radians(45))
    x = np.arange(WIDTH) - (WIDTH - 1) / 2
    y = np.arange(HEIGHT) - (HEIGHT - 1) / 2
    angle = np.degrees(np.arctan(x / focal))
    out = []
    for k in range(frames):
        at = (angle - degrees * k) % 360 * 2
        low = at.astype(int)
        share = at - low
        row = (y[:, None] / np.sqrt(x[None] ** 2 + focal**2) * 26 + 20).astype(int)
        left, right = around[row, low[None] % 720], around[row, (low[None] + 1) % 720]
        out.append(left * (1 - share) + right * share)
    grey = (np.stack(out) * 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, -1)


@pytest.mark.parametrize("degrees", [0.0, 1.75, 3.5, -3.5, -0.6])
def test_a_turn_is_measured_in_degrees(degrees: float) -> None:
    found = TurnMeter(WIDTH, HEIGHT).turns(turning_scene(degrees, 8))
    assert found[0] == 0.0
    assert found[1:] == pytest.approx([degrees] * 7, abs=0.1)


def test_a_turn_faster_than_can_be_found_needs_a_longer_reach() -> None:
    frames = turning_scene(-11.0, 4)
    found = TurnMeter(WIDTH, HEIGHT, hidden=(0, 0, 0, 0), reach=14.0).turns(frames)
    assert found[1:] == pytest.approx([-11.0] * 3, abs=0.1)


def test_where_nothing_is_seen_no_turn_is_measured() -> None:
    flat = np.full((3, HEIGHT, WIDTH, 3), 90, np.uint8)
    assert np.isnan(TurnMeter(WIDTH, HEIGHT).turns(flat)[1:]).all()


def test_holds_and_rests_and_what_the_game_turns_in_them() -> None:
    left = np.array([0, 1, 1, 0, 0, 0, 1, 1], bool)
    right = np.array([0, 0, 0, 1, 0, 0, 1, 0], bool)
    assert holds(left, right) == [(1, 3, 1), (3, 4, -1), (7, 8, 1)]
    assert rests(left, right, 2) == [(4, 6)]
    assert held_for(left, right).tolist() == [0, 1, 2, 3, 0, 0, 1, 2]
    assert lately(left, 2).tolist() == [False, *[True] * 4, False, True, True]


def test_what_a_game_turns_by_is_of_how_long_a_key_is_held() -> None:
    info = WorldInfo(
        "w", "", "", 8, 8, tuple(Button(name, "", ()) for name in ("turn_left", "turn_right"))
    )
    actions = np.zeros((20, 2), np.float32)
    actions[2:9, 1] = 1
    due = game_law(np.array([1.0, 2.0]))(actions, info)
    assert due.turns.tolist() == [0, 0, -1, *[-2] * 6, *[0] * 11]
    assert list(due.holds) == [(2, 9)]
    assert list(due.rests) == [(9, 20, 21.0)]


def swimmers(frames: int = 100) -> np.ndarray:
    """Three who rest for 60 frames and then swim to the right: (3, F)."""
    return np.repeat(np.maximum(0, np.arange(frames) - 59)[None] * 0.016, 3, 0)


def test_stretches_are_where_swimmers_agree() -> None:
    places, none = swimmers(), np.zeros((3, 100), bool)
    due = stretches(places, none)
    assert due.rests[0] == (37, 49)  # as soon as it no longer matters how they came there
    assert [stop for _, stop, _ in due.goes] == [70, 80, 90, 100]
    assert [path[-1] for _, _, path in due.goes] == pytest.approx([0.16] * 4)
    places[0] *= 1.2
    assert not stretches(places, none).goes
    assert not stretches(places[:2], none[:2]).goes  # too few


def test_how_far_somebody_got_is_by_all_frames_in_which_he_is_seen() -> None:
    path = np.linspace(0, 0.16, 11)
    places = 0.4 + 0.9 * path
    assert ratio(places, path) == pytest.approx(0.9)
    places[[0, 4, 10]] = np.nan
    assert ratio(places, path) == pytest.approx(0.9)
    assert math.isnan(ratio(np.where(path > 0.1, places, np.nan), path))


def test_who_was_out_of_the_water_does_not_count_for_a_while() -> None:
    apart = np.zeros((3, 100), bool)
    apart[1, 50] = True
    assert all(start > 50 + 36 for start, _, _ in stretches(swimmers(), apart).goes)


def thumps(times: list[float], seconds: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    sound = 0.003 * rng.standard_normal(round(seconds * RATE))
    for time in times:
        start = round(time * RATE)
        fade = np.exp(-np.arange(min(4000, len(sound) - start)) / 800)
        sound[start : start + len(fade)] += 0.5 * fade * np.sin(np.arange(len(fade)) * 0.04)
    return sound.astype(np.float32)


def test_thumps_are_heard_when_they_are() -> None:
    times = [0.3, 0.8, 1.6]
    found = onsets(flux(thumps(times, 2.5), RATE), 2.0)
    assert found == pytest.approx(times, abs=0.025)
    assert onsets(flux(np.zeros(RATE, np.float32), RATE), 2.0) == []
    assert len(flux(np.zeros(3, np.float32), RATE)) == 0


def test_an_ear_counts_what_is_missed_and_what_is_too_much() -> None:
    ear = Ear(RATE, 35, 2.0, 0.01)
    heard = ear.hear(thumps([0.5, 1.5], 2.5), [17, 40])  # frames at .486 and 1.14 s
    assert (heard.matched, heard.found, heard.true) == (1, 2, 2)
    assert heard.error < 0.03
    silence = ear.hear(np.zeros(RATE, np.float32), [17])
    assert (silence.matched, silence.found, silence.true) == (0, 0, 1)


@given(st.lists(st.floats(0, 5), max_size=8), st.lists(st.floats(0, 5), max_size=8))
def test_matches_are_one_to_one(found: list[float], true: list[float]) -> None:
    heard = match(found, true)
    assert heard.matched <= min(heard.found, heard.true)
    assert heard.error <= heard.matched * 0.060 + 1e-9
    assert match(true, true).matched == len(true)


def test_a_peak_counts_once_for_each_monster() -> None:
    near, far = monster(0.1, 0.2, 0.2, 0.5), monster(0.7, 0.4, 0.03, 0.1)
    tiny = monster(0.5, 0.5, 0.01, SEEN / 2)
    gun = Box("DoomPlayer", "Self", 2, 0.4, 0.6, 0.2, 0.4)
    boxes = [near, far, tiny, gun]
    middle = (0.2 * WIDTH, 0.45 * HEIGHT)
    assert compare([middle], boxes, WIDTH, HEIGHT) == Found(1, 1, 2)
    assert compare([middle, middle], boxes, WIDTH, HEIGHT) == Found(1, 2, 2)
    assert compare([(0.505 * WIDTH, 0.51 * HEIGHT)], boxes, WIDTH, HEIGHT) == Found(0, 0, 2)
    assert compare([(5.0, 5.0)], [gun], WIDTH, HEIGHT) == Found(0, 1, 0)


def test_the_heat_is_in_the_middle_of_a_monster() -> None:
    heat, counted = targets([[monster(0.25, 0.25, 0.25, 0.5)], []], WIDTH, HEIGHT)
    row, column = divmod(int(heat[0].argmax()), heat.shape[2])
    assert (row, column) == (12, 12)
    assert float(heat[1].max()) == 0.0
    assert bool(counted.all())


def test_tallies_add_up_and_leave_out_what_was_not_measured() -> None:
    one, two = Tally(), Tally()
    one.add("model", "psnr", 60.0, 2)
    one.add("model", "psnr", math.nan, 2)
    two.add("model", "psnr", 30.0, 1)
    total = added([one, Tally.of_data(json.loads(json.dumps(two.as_data())))])
    assert total.mean("model", "psnr") == 30.0
    assert math.isnan(total.mean("codec", "psnr"))


def test_chunks_that_cover_a_span() -> None:
    info = WorldInfo("w", "", "", 8, 8, (), chunk_frames=(1, 4))
    assert spans(info, 0, 9) == [1, 4, 4]
    assert spans(info, 1, 9) == [4, 4, 4]
    assert spans(info, 3, 0) == []
