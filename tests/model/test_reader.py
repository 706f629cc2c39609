"""The reader of pictures: its labels, its shapes, and that it can learn."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from lightcone.model.evaluation.parse import (
    shirts_of,
    tracks,
)
from lightcone.model.evaluation.scenes import (
    legible,
    with_states,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.reading.readable import readable
from lightcone.model.families.staged.reading.reader import (
    Reader,
    load_reader,
)
from lightcone.model.interface import WeightsError
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator
from lightcone.model.training import reader as train_reader


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(4)


@pytest.fixture(scope="module")
def reader() -> Reader:
    torch.manual_seed(0)
    return Reader().eval()


def test_it_is_small(reader: Reader) -> None:
    assert sum(p.numel() for p in reader.parameters()) < 600_000


@pytest.mark.parametrize("world", SIMULATED)
def test_labels_are_what_the_simulator_knows(world: str) -> None:
    simulator, r = open_simulator(world), readable(world)
    truth = simulator.seeded_trajectories(range(12), 2)
    truth = with_states(truth, legible(truth.states))
    labelled = train_reader.label(world, truth, generator(), plain=True)
    assert torch.equal(labelled.pictures, simulator.render(truth.states).flatten(0, 1))
    assert labelled.attributes.shape == (24, len(r.attributes))
    assert labelled.facts.shape == (24, len(r.facts))
    if "ball" in r.things:
        facts = open_simulator(world).facts(truth).flatten(0, 1)
        at = labelled.points[:, r.things.index("ball"), 0] * 2 - 1  # zoom 1 shows the whole court
        assert torch.allclose(at, facts[:, learnable(world).facts.AT["ball_x"]], atol=1e-5)  # type: ignore[attr-defined]
        people = labelled.counts[:, 2:].clamp(min=0).sum(1)
        assert torch.all(people <= 1 + truth.states.rivals.flatten())


def test_things_are_taken_away_and_doubled() -> None:
    truth = open_simulator("court").seeded_trajectories(range(16), 2)
    labelled = train_reader.label("court", truth, generator())
    plain = train_reader.label("court", truth, generator(), plain=True)
    changed = (labelled.pictures != plain.pictures).flatten(1).any(1)
    assert 0 < int(changed.sum()) < 24
    more, less = labelled.counts > plain.counts, labelled.counts < plain.counts
    assert more.any()
    assert less.any()
    assert not (more | less)[~changed].any()


def test_readings_have_their_shapes(reader: Reader) -> None:
    pictures = torch.randint(0, 256, (3, 3, 96, 128), dtype=torch.uint8)
    for world in SIMULATED:
        reading = reader.read(world, pictures, block=2)
        things = len(readable(world).things)
        assert reading.points.shape == (3, things, 2)
        assert reading.counts.shape == (3, things, 3)
        assert torch.all((reading.points >= 0) & (reading.points <= 1))
        for name, logits in reading.attributes.items():
            assert logits.shape == (3, len(definition(world).words[name]))
    known = reader.read("court", pictures).known_facts("red", "blue")
    assert {"player_x", "rival_y", "ball_x", "hoop_y", "player_facing"} <= set(known)
    assert set(known) <= set(learnable("court").facts.AT)  # type: ignore[attr-defined]
    assert set(reader.read("pond", pictures).known_facts()) <= set(learnable("pond").facts.AT)  # type: ignore[attr-defined]


def test_tracks_follow_shirts_and_are_unknown_where_nothing_is(reader: Reader) -> None:
    truth = open_simulator("court").seeded_trajectories([1, 2], 2)
    frames = open_simulator("court").render(truth.states)
    found = tracks(reader, "court", frames, shirts_of(truth.states))
    assert found["player"][0].shape == (2, 2)
    shirt = definition("court").words["shirt"][int(truth.states.shirt[1, 0])]
    assert torch.equal(found["player"][0][1].nan_to_num(-1), found[shirt][0][1].nan_to_num(-1))
    assert all(math.isnan(x) or 0 <= x <= 4 / 3 for x in found["ball"][0].flatten().tolist())


def test_a_few_steps_on_one_batch_bring_the_loss_down() -> None:
    torch.manual_seed(0)
    reader = Reader()
    batch = train_reader.label(
        "pond", open_simulator("pond").seeded_trajectories([1], 2), generator()
    )
    optimizer = torch.optim.Adam(reader.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        value, _ = train_reader.loss(reader({"pond": batch.pictures})["pond"], batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_it_is_trained_goes_on_and_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--out", str(tmp_path), "--batch", "1", "--judged", "1", "--device", "cpu"]
    assert train_reader.main([*flags, "--steps", "1"]) == 0
    assert "court: ball px" in capsys.readouterr().out
    assert train_reader.main([*flags, "--steps", "2"]) == 0
    load_reader(tmp_path / "reader.pt")
    with pytest.raises(WeightsError, match="no reader"):
        load_reader(tmp_path / "other.pt")
