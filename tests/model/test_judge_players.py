"""The judge ranks those whom anybody could rank: a perfect model, and broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from judge_players import (
    Answer,
    Live,
    Player,
    blurred,
    frozen,
    late,
    noise,
    nothing,
    perfect,
    silent,
)

from lightcone.model.evaluation.judge import report
from lightcone.model.evaluation.judge.instruments import Instruments, set_instruments
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.protocol import Judged, NotJudged
from lightcone.model.evaluation.judge.rollouts import judge_clip, judge_presses
from lightcone.model.evaluation.judge.run import Judge, Plan
from lightcone.model.evaluation.judge.senses.monsters import DETECTORS, Found, compare
from lightcone.model.evaluation.judge.tally import added
from lightcone.model.evaluation.judge.truth import EPISODE, Truth
from lightcone.model.evaluation.judge.worlds import TRUTHS

SEED = 3  # shoots in its clip
SIZE = (256, 192)
DETECTOR = DETECTORS / "doom.safetensors"


@dataclass(frozen=True)
class Field:
    truth: Truth
    live: Live
    tools: Instruments

    def player(self, answer: Answer, *, deaf: bool = False, name: str = "player") -> Player:
        """One that knows where the clips of the seed are from."""
        act = nothing if deaf else lambda actions: actions
        player = Player(self.live, self.truth.info, answer, act, name)
        player.knows(self.truth.play(SEED, self.truth.player(SEED), EPISODE), SEED)
        return player


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    with chdir(tmp_path_factory.mktemp("field")):  # ViZDoom leaves files
        truth, live = TRUTHS["doom"](SIZE), Live(*SIZE)
        yield Field(truth, live, set_instruments(truth, DETECTOR, episodes=4))
        truth.close()
        live.close()


@pytest.fixture(scope="module")
def judged(field: Field) -> Callable[..., dict[str, Any]]:
    """The figures of one seed, without long runs."""

    @cache
    def figures(answer: Answer, deaf: bool = False) -> dict[str, Any]:
        candidate = Candidate(field.player(answer, deaf=deaf), "doom")
        tally, _ = judge_clip(candidate, field.truth, field.tools, SEED, 2.0)
        presses = judge_presses(candidate, field.truth, field.tools, SEED, 2.0)
        return report.report([added([tally, presses])])

    return figures


def test_players_have_what_the_judge_asks_for(field: Field) -> None:
    assert isinstance(field.player(perfect), Judged)


def test_the_environment_itself_reaches_every_ceiling(judged: Callable[..., Any]) -> None:
    found = judged(perfect)
    for key in (
        "teacher_forced_psnr_db", "rollout_psnr_db", "action_gap_db", "response", "onset_f1",
        "monster_f1", "rollout_sharpness",
    ):  # fmt: skip
        assert found[key] == pytest.approx(found["judge"][key]), key
    assert found["rollout_psnr_db"] == {"16": 60.0, "64": 60.0}
    assert found["response"] == 1.0
    assert found["onset_f1"] > 0.8


def test_the_detector_that_ships_finds_the_games_monsters(field: Field) -> None:
    detector, total = field.tools.detector, Found(0, 0, 0)
    assert detector is not None
    for seed in (4, 5, 8):
        played = field.truth.play(seed, field.truth.player(seed), EPISODE)
        for peaks, boxes in zip(detector.find(played.frames[::9]), played.boxes[::9], strict=True):
            total += compare(peaks, boxes, *SIZE)
    assert total.true > 50
    assert total.f1 > 0.85


def test_a_frozen_model_is_the_last_frame(judged: Callable[..., Any]) -> None:
    found = judged(frozen)
    last = found["trivial_answers"]["last_frame"]
    assert found["rollout_psnr_db"] == pytest.approx(last["rollout_psnr_db"])
    assert found["action_gap_db"] == 0.0
    assert found["response"] == 0.0
    assert found["teacher_forced_psnr_db"] == pytest.approx(last["teacher_forced_psnr_db"])


def test_a_silent_model_has_no_onsets(judged: Callable[..., Any]) -> None:
    found = judged(silent)
    assert found["onset_f1"] == 0.0
    assert found["rollout_psnr_db"] == judged(perfect)["rollout_psnr_db"]


def test_a_model_that_ignores_actions_has_no_gap(judged: Callable[..., Any]) -> None:
    found = judged(perfect, True)
    assert found["action_gap_db"] == 0.0
    assert found["response"] == 0.0
    assert found["rollout_psnr_db"]["64"] < judged(perfect)["rollout_psnr_db"]["64"] - 10
    idle = found["trivial_answers"]["no_action"]
    assert found["rollout_psnr_db"] == pytest.approx(idle["rollout_psnr_db"])


def test_a_chunk_late_is_late(judged: Callable[..., Any]) -> None:
    found = judged(late)
    assert found["response"] == 0.0
    assert found["onset_f1"] < judged(perfect)["onset_f1"]
    assert found["rollout_psnr_db"]["16"] < judged(perfect)["rollout_psnr_db"]["16"] - 10


def test_noise_is_not_taken_for_sharpness_alone(judged: Callable[..., Any]) -> None:
    found = judged(noise)
    assert found["rollout_psnr_db"]["16"] < 10
    assert found["rollout_sharpness"] > 2  # far from 1 on the other side
    assert found["response"] == 0.0


def test_blur_is_seen(judged: Callable[..., Any]) -> None:
    found = judged(blurred)
    trivial = found["trivial_answers"]["last_frame"]
    assert found["rollout_sharpness"] < 0.7
    assert found["rollout_psnr_db"]["16"] < judged(perfect)["rollout_psnr_db"]["16"] - 10
    assert found["response"] == 1.0  # a shot is a shot
    assert found["onset_f1"] == judged(perfect)["onset_f1"]
    assert trivial["onset_f1"] != found["onset_f1"]


@pytest.fixture
def plan() -> Plan:
    return Plan("doom", (SEED,), long_seeds=1, minutes=8 / 60)


def test_what_was_judged_is_kept(
    field: Field, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field.truth, "longest", 700)
    first = field.player(perfect)
    done: list[int] = []
    tallies = Judge(first, field.truth, plan, tmp_path, DETECTOR, field.tools).judge(done.append)
    assert sum(done) == plan.chunks(first.worlds["doom"])
    again = field.player(perfect)
    judge = Judge(again, field.truth, plan, tmp_path, DETECTOR, field.tools)
    kept = judge.judge()
    assert again.stepped == 0
    assert [t.as_data() for t in kept] == [t.as_data() for t in tallies]
    judge.sheet(tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 100_000
    figures = report.report(kept, "10")
    data = json.loads(json.dumps(report.plain(figures), allow_nan=False))
    assert set(data["trivial"]) == set(data["ceiling"]) <= set(data)
    assert set(data["control"]) == set(data["sharpness"]) == {"1", "10"}
    assert data["control"]["1"] >= data["ceiling"]["control"]["1"] - 0.35
    assert data["objects"] > 0.9
    assert report.lines(figures).count("\n") > 15


def test_results_of_another_model_are_not_used(field: Field, tmp_path: Path) -> None:
    plan = Plan("doom", (SEED,), minutes=0)
    short = {"a": field.player(frozen, name="a"), "b": field.player(frozen, name="b")}
    for player in short.values():
        Judge(player, field.truth, plan, tmp_path, DETECTOR, field.tools).judge()
    assert short["b"].stepped == short["a"].stepped > 0


def test_a_detector_is_needed_where_there_are_monsters(field: Field) -> None:
    with pytest.raises(NotJudged, match="monsters"):
        set_instruments(field.truth, None, episodes=2)


def test_another_size_is_refused(field: Field, plan: Plan, tmp_path: Path) -> None:
    small = TRUTHS["doom"]((160, 120))
    try:
        with pytest.raises(NotJudged, match=r"another picture size .*256, 192.*160, 120"):
            Judge(field.player(perfect), small, plan, tmp_path, DETECTOR)
    finally:
        small.close()
