"""What the court looks and sounds like, and its captions."""

from __future__ import annotations

from dataclasses import replace

import torch

from lightcone.model.evaluation.measures import sounds
from lightcone.model.families.staged.court.constants import WIDTH
from lightcone.model.families.staged.court.definition import DEFINITION
from lightcone.model.families.staged.shared.words import STYLES, TIMES, WEATHERS
from lightcone.model.simulators.court import simulator
from lightcone.model.simulators.court.drawing import SHIRTS
from lightcone.model.simulators.court.starts import GYM
from lightcone.model.simulators.court.state import CourtState


def first_frames(count: int, seed: int = 0) -> CourtState:
    """Starts by day and in the wide view, fields (count, 1)."""
    g = torch.Generator().manual_seed(seed)
    state = simulator.starts(torch.rand(count, simulator.START_NUMBERS, generator=g))
    zero, one = torch.zeros(count), torch.ones(count)
    camera = replace(state.camera, zoom=one, x=WIDTH / 2 * one, y=0.5 * one)
    state = replace(state, time=zero, weather=zero, style=zero, camera=camera)
    return state[:, None]


def test_a_thing_is_as_many_times_as_large_as_the_view_is_close() -> None:
    state = first_frames(6)
    bare = replace(state, ball=replace(state.ball, x=state.ball.x * 0 + 0.05))
    ball = replace(state.ball, x=state.ball.x * 0 + 0.66, y=state.ball.y * 0 + 0.80)
    sizes = []
    for zoom in (1.0, 2.0):
        camera = replace(
            state.camera, zoom=state.camera.zoom * 0 + zoom, y=state.camera.y * 0 + 0.7
        )
        camera = replace(camera, y=camera.y if zoom > 1 else state.camera.y)
        with_ball = simulator.render(replace(state, ball=ball, camera=camera)).float()
        without = simulator.render(replace(bare, camera=camera)).float()
        orange = (with_ball - without).abs().amax(2) > 40
        middle = orange[:, 0, 6:60, 30:100]
        sizes.append(middle.sum((1, 2)).float())
    ratio = sizes[1] / sizes[0]
    assert (ratio > 3.2).all()
    assert (ratio < 4.8).all()


def test_the_scenery_is_the_same_through_a_camera_that_shows_everything() -> None:
    state = first_frames(4)
    nearly = replace(state.camera, zoom=state.camera.zoom * 1.0002)
    plain = simulator.render(state).float()
    seen = simulator.render(replace(state, camera=nearly)).float()
    assert (plain - seen).abs().mean() < 0.2


def test_who_is_not_there_is_not_drawn() -> None:
    state = first_frames(8)
    nobody = replace(state, rivals=torch.zeros_like(state.rivals))
    moved = replace(nobody, rival=replace(nobody.rival, x=nobody.rival.x * 0 + 1.0))
    assert torch.equal(simulator.render(nobody), simulator.render(moved))


def test_restyling_changes_appearance_alone() -> None:
    truth = simulator.seeded_trajectories(range(16), 4)
    numbers = torch.rand(16, len(simulator.APPEARANCE))
    states = simulator.restyle(truth.states, numbers)
    changed = {k for k, v in vars(states).items() if v is not vars(truth.states)[k]}
    assert changed == set(simulator.APPEARANCE)
    assert torch.equal(simulator.facts(replace(truth, states=states)), simulator.facts(truth))
    assert (states.shirt != states.rival_shirt).all()
    assert (states.weather[states.look == GYM] == 0).all()
    assert (states.look == states.look[:, :1]).all()


def test_captions_name_what_attributes_are_in_words_that_prompts_understand() -> None:
    truth = simulator.seeded_trajectories(range(128), 2)
    captions = simulator.captions(truth.states)
    values = simulator.attributes(truth.states)
    assert values.shape == (128, len(DEFINITION.words))
    for caption, row in zip(captions, values.tolist(), strict=True):
        named = caption.replace(",", "").split()
        assert set(named) <= set(DEFINITION.info.words)
        for words, value in zip(DEFINITION.words.values(), row, strict=True):
            assert value < 0 or words[value] in named
    for words, column in zip(DEFINITION.words.values(), values.unbind(1), strict=True):
        assert set(column.tolist()) - {-1} == set(range(len(words))), words


def test_left_out_attributes_are_not_named() -> None:
    truth = simulator.seeded_trajectories(range(4), 2)
    keep = torch.zeros(4, len(DEFINITION.words), dtype=torch.bool)
    assert simulator.captions(truth.states, keep) == [""] * 4
    keep[:, 0] = True
    looks = set(DEFINITION.words["look"])
    assert set(simulator.captions(truth.states, keep)) <= looks


def test_appearance_has_as_many_values_as_words() -> None:
    counts = {name: len(words) for name, words in DEFINITION.words.items()}
    assert (counts["time"], counts["weather"]) == (len(TIMES), len(WEATHERS))
    assert (counts["style"], counts["shirt"]) == (len(STYLES), len(SHIRTS))


def test_contacts_are_heard_when_they_happen() -> None:
    truth = simulator.seeded_trajectories(range(16), 72)
    zero = torch.zeros_like(truth.states.music)
    quiet = replace(truth.states, music=zero, weather=zero)
    sound = simulator.listen(replace(truth, states=quiet))
    matched = found = true = 0
    for i in range(16):
        times = sounds.contact_times("court", DEFINITION.contacts, truth.strength[i], truth.when[i])
        score = sounds.score_onsets(sounds.onsets(sound[i]), times)
        matched, found, true = matched + score.matched, found + score.found, true + score.true
    assert true > 50
    assert 2 * matched / (found + true) > 0.85


def test_what_is_always_heard_stays_faint() -> None:
    truth = simulator.seeded_trajectories(range(24), 48)
    states = replace(truth.states, music=torch.zeros_like(truth.states.music))
    silent = replace(truth, states=states, strength=torch.zeros_like(truth.strength))
    rms = simulator.listen(silent).square().mean(1).sqrt()
    assert (20 * torch.log10(rms) < -36).all()
