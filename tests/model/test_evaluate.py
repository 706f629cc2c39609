"""`lightcone evaluate` over worlds that have learned nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_worlds import small_weights

from lightcone.model.evaluation import (
    evaluate,
    report,
)
from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
    Sheet,
)
from lightcone.model.evaluation.measures import (
    endurance,
    fidelity,
    prompting,
)
from lightcone.model.evaluation.orders import (
    CorridorsOrders,
    orders_of,
)
from lightcone.model.evaluation.play import (
    Learned,
    Simulated,
)
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.prompts import grammar
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.families.staged.weights import Weights
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator

SEEDS = [3, 4]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return small_weights()


@pytest.fixture(scope="module")
def reader() -> Reader:
    torch.manual_seed(0)
    return Reader().eval()


def values(found: Findings) -> dict[str, float]:
    return {f.name: f.value for f in found.figures}


def test_true_pictures_score_best_and_repeated_ones_as_the_trivial_answer() -> None:
    simulator = open_simulator("court")
    clip = simulator.film(simulator.seeded_trajectories(SEEDS, 18))
    true = clip.frames[:, 2:]
    perfect = {f.name: f for f in fidelity.score("court", SEEDS, [clip], true, true, true).figures}
    assert perfect["free-running, 16 frames"].value == 60
    assert perfect["free-running, 16 frames"].reached
    still = clip.frames[:, 1:2].expand_as(true)
    empty = {f.name: f for f in fidelity.score("court", SEEDS, [clip], still, still, true).figures}
    figure = empty["free-running, 16 frames"]
    assert figure.value == pytest.approx(figure.trivial["first frame"])
    assert perfect["teacher-forced, where it moves"].value > 59


@pytest.mark.parametrize("world", SIMULATED)
def test_plans_of_long_runs(world: str, reader: Reader) -> None:
    test = orders_of(world, reader)
    made = endurance.plan(world, test, 2, minutes=2.25, seed=1)
    assert made.actions.shape[1] == 2.25 * 60 * 24
    (_, _, length), (_, last, _) = made.windows
    assert last == made.actions.shape[1] - length
    assert last in made.orders
    assert made.actions.abs().amax() <= 1
    between = made.actions[:, length:last]
    assert between.any()


def test_the_camera_is_back_when_things_have_to_be_seen() -> None:
    """In the simulator, under the keys of a long run, in which the camera's are mashed."""
    test = orders_of("court", Reader())
    made = endurance.plan("court", test, 2, minutes=2.4, seed=1)
    begun = endurance.whole_moments("court", SEEDS)
    run = Simulated("court").begin(begun, SEEDS)
    looked = set(made.whole)
    moved = False
    (_, _, begin), (_, end, _) = made.windows
    for first in range(begin, end, 2):
        run.step(made.actions[:, first : first + 2])
        zoom = run.chunk.states.camera.zoom
        moved |= bool((zoom > 1).any())
        for frame in (first, first + 1):
            assert frame not in looked or bool((zoom[:, frame - first] == 1).all())
    assert moved


def test_a_long_run_of_the_simulator_keeps_to_its_orders() -> None:
    """In the corridors, which are judged without a reader."""
    test = CorridorsOrders()
    made = endurance.plan("corridors", test, 2, minutes=1 / 6, seed=2)
    begun = endurance.whole_moments("corridors", SEEDS)
    run = Simulated("corridors").begin(begun, SEEDS)
    seen = endurance.play(run, made, test, "run", drift=True)
    assert float(endurance.obedience(test, begun, seen, made, None).nanmean()) > 0.97
    drift, _ = endurance._drift(seen, made)
    assert all(f.value == pytest.approx(0, abs=1e-4) for f in drift)


@pytest.mark.parametrize("world", SIMULATED)
def test_prompts_that_the_judge_makes_are_understood_as_meant(world: str) -> None:
    g = grammar(world)
    rng = np.random.default_rng(0)
    for _ in range(40):
        named = [n for n in g.names if n in g.appearance]
        drawn = {n: int(rng.integers(len(g.words[n]))) for n in named}
        assert g.asked(prompting.phrase(g, drawn), begun=False) == drawn
        settled = g.settled(tuple(drawn.get(n, 0) for n in g.names), drawn)
        now = dict(zip(g.names, settled, strict=True))
        for attribute in named:
            _, asked = prompting._other(g, attribute, now, rng)
            assert asked[attribute] != now[attribute]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", SIMULATED)
def test_every_measure_runs(world: str, weights: Weights, reader: Reader) -> None:
    learned = Learned(StagedModel(weights), world)
    short = fidelity.fidelity(learned, SEEDS, frames=20)
    assert values(short)["free-running, 16 frames"] > 0
    only = ["physics", "prompts"]
    found, took = evaluate.judge(learned, reader, SEEDS, only, minutes=0.05, runs=1)
    assert set(took) == set(only)
    assert any(f.name.startswith("prompt obeyed after a change: recache") for f in found.figures)
    long = endurance.endurance(world, learned, reader, SEEDS, minutes=0.05, runs=1)
    assert any(f.name.startswith("colour change") for f in long.figures)


def test_a_report_is_written(tmp_path: Path) -> None:
    figures = (
        Figure("good", 0.99, wanted=0.98, trivial={"last frame": 0.3}, ceiling=1.0, note="<b>"),
        Figure("bad", 40.0, "ms", wanted=20, less=True),
        Figure("unknown", float("nan"), wanted=1),
    )
    curve = Curve("curve", "x", "y", (1.0, 2.0), {"model": (1.0, float("nan"))})
    pictures = torch.zeros(3, 3, 96, 128, dtype=torch.uint8)
    found = Findings(figures, (curve,), (Sheet("sheet", {"row": pictures}, ("a", "b", "c")),))
    page = report.write(tmp_path / "out", {"court": found}, {"steps": 1}).read_text()
    assert page.count("missed'") == 2
    assert "&lt;b&gt;" in page
    assert (tmp_path / "out" / "court-curve-0.png").exists()
    assert (tmp_path / "out" / "court-sheet-0.png").exists()
    assert json.loads(json.dumps(report.as_data(figures)))[2]["value"] is None
    assert "good" in report.lines(figures)


def test_the_command_judges_weights_on_disk(
    weights: Weights, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights.save(tmp_path / "weights")
    flags = ["--weights", str(tmp_path / "weights"), "--worlds", "corridors", "--seeds", "3:4"]
    more = ["--own-measures", "--only", "response", "--json", "--report", str(tmp_path / "page")]
    assert evaluate.main([*flags, *more]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["worlds"]["corridors"]["figures"][0]["wanted"] == 0.95
    assert (tmp_path / "page" / "report.html").exists()


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--weights", "no/such"], 1, "no weights"),
        (["--worlds", "atlantis"], 2, "atlantis"),
        (["--only", "taste"], 2, "taste"),
        (["--seeds", "x"], 2, "no list or range"),
        (["--runs", "99"], 2, "--runs"),
    ],
)
def test_what_can_not_be_judged_is_named(
    flags: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    only = [] if "--only" in flags else ["--only", "response"]
    with pytest.raises(SystemExit) as stopped:
        evaluate.main(["--own-measures", *flags, *only])
    assert stopped.value.code == code
    assert message in capsys.readouterr().err
