"""The pond's laws, and that its sound is where its contacts are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lightcone.model.families.staged.pond import basin
from lightcone.model.families.staged.pond.basin import LEFT, LEVEL, RIGHT, WIDTH
from lightcone.model.families.staged.pond.constants import (
    BOARD_HALF,
    BOARD_THICK,
    BUTTONS,
    CONTACTS,
    GRAVITY,
)
from lightcone.model.families.staged.pond.definition import DEFINITION
from lightcone.model.families.staged.rates import SAMPLES_PER_FRAME
from lightcone.model.families.staged.shared.camera import Camera
from lightcone.model.simulators.pond import (
    simulator,
    water,
)
from lightcone.model.simulators.pond.physics import CLOCK_SECONDS, DRAFT_LOADED, ENTRY, PondState
from lightcone.model.simulators.pond.water import WAVE_SPEED

DT = 1 / 96


def start(x: float = WIDTH / 2, count: int = 1) -> PondState:
    """A person who stands on a board at `x`, on still water without wind, seen from afar."""
    state = simulator.starts(torch.zeros(count, simulator.START_NUMBERS))
    at, none = torch.full((count,), x), torch.zeros(count)
    still = torch.zeros_like(state.surface)
    by = none + LEVEL + BOARD_THICK / 2 - DRAFT_LOADED
    return replace(
        state, surface=still, speed=still, bx=at, px=at, bvx=none, pvx=none, by=by,
        py=by + BOARD_THICK / 2, wind=none,
    )  # fmt: skip


def hold(frames: int, *names: str, count: int = 1) -> torch.Tensor:
    actions = torch.zeros(count, frames, len(BUTTONS))
    for name in names:
        actions[:, :, BUTTONS.index(name)] = 1
    return actions


@pytest.fixture(scope="module")
def many() -> simulator.Trajectory:
    g = torch.Generator().manual_seed(3)
    return simulator.random_trajectories(160, 72, g, torch.device("cpu"), skip=0)


@pytest.fixture(scope="module")
def quiet() -> simulator.Trajectory:
    return simulator.simulate(start(count=3), 12, actions=hold(12, count=3))


def of(truth: simulator.Trajectory, kind: str) -> torch.Tensor:
    """Strengths of one kind of contact: (B, T)."""
    return truth.strength[:, :, CONTACTS.index(kind)]


def run_waves(surface: torch.Tensor, seconds: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Surfaces and energies after each step, (steps, COLUMNS) and (steps,), of one water."""
    speed, still = torch.zeros_like(surface), torch.zeros_like(surface)
    surfaces, energies = [], []
    for _ in range(round(seconds / DT)):
        surface, speed = water.step(surface, speed, still, DT)
        surfaces.append(surface[0])
        energies.append(water.energy(surface, speed)[0])
    return torch.stack(surfaces), torch.stack(energies)


def heap(x: float, width: float = 0.06) -> torch.Tensor:
    far = (basin.middles(torch.device("cpu")) - x) / width
    return 0.02 * torch.exp(-far.square())[None]


def test_waves_travel_at_their_speed() -> None:
    x = basin.middles(torch.device("cpu"))
    middle = (LEFT + RIGHT) / 2
    surfaces, _ = run_waves(heap(middle), 0.8)
    early, late = (surfaces[round(t / DT) - 1] * (x > middle) for t in (0.4, 0.8))
    run = x[late.argmax()] - x[early.argmax()]
    assert float(run) / 0.4 == pytest.approx(WAVE_SPEED, rel=0.05)


def test_a_wave_comes_back_from_the_bank() -> None:
    x = basin.middles(torch.device("cpu"))
    at = RIGHT - 0.3
    surfaces, _ = run_waves(heap(at), 2 * 0.3 / WAVE_SPEED)
    near = x > at - 0.1
    reached = surfaces[round(0.3 / WAVE_SPEED / DT) - 1]
    returned = surfaces[-1] * near
    assert reached.argmax() == len(x) - 1
    assert float(x[returned.argmax()]) == pytest.approx(at, abs=0.03)
    assert returned.max() > 0.5 * 0.01


def test_waves_lose_energy_and_keep_the_level() -> None:
    surfaces, energies = run_waves(heap(0.5), 6)
    assert (energies[::24].diff() < 0).all()
    assert energies[-1] < 0.2 * energies[0]
    torch.testing.assert_close(
        surfaces.mean(1), heap(0.5).mean().expand(len(surfaces)), atol=1e-5, rtol=0
    )


def test_the_level_stays_whatever_happens_on_the_water(many: simulator.Trajectory) -> None:
    assert many.states.surface.mean(-1).abs().max() < 1e-4
    assert many.states.surface.abs().max() < 0.2


def test_the_board_rests_at_its_draft() -> None:
    s = simulator.simulate(start(), 48, actions=hold(48)).states
    assert float(s.by[0, -1]) == pytest.approx(LEVEL + BOARD_THICK / 2 - DRAFT_LOADED, abs=1e-3)
    assert s.tilt.abs().max() < 1e-3
    assert (s.bx - WIDTH / 2).abs().max() < 1e-3
    assert (s.aboard == 1).all()


def test_holding_right_moves_the_board_right_and_left_is_its_mirror() -> None:
    both = torch.cat([hold(36, "right"), hold(36, "left")])
    truth = simulator.simulate(start(count=2), 36, actions=both)
    right, left = truth.states.bx
    assert right[0] > WIDTH / 2
    assert right[-1] - WIDTH / 2 > 0.1
    torch.testing.assert_close(WIDTH - left, right, atol=0.01, rtol=0)
    assert of(truth, "stroke")[0, 0] > 0
    assert (of(truth, "stroke")[0] > 0).sum() >= 3


def test_jumping_up_lands_on_the_board() -> None:
    truth = simulator.simulate(start(), 48, actions=hold(48, "jump"))
    assert truth.states.py.max() > truth.states.py[0, -1] + 0.1
    assert (of(truth, "land") > 0).sum() == 1
    assert (of(truth, "splash") == 0).all()
    assert truth.states.aboard[0, -1] == 1


def test_jumping_off_splashes_as_hard_as_the_person_falls() -> None:
    truth = simulator.simulate(start(), 40, actions=hold(40, "right", "jump"))
    s, splash = truth.states, of(truth, "splash")[0]
    assert (splash > 0).sum() == 1
    frame = int(splash.argmax())
    fallen = s.py[0, :frame].max() - (LEVEL - ENTRY)
    assert float(splash.max()) == pytest.approx(float((2 * GRAVITY * fallen).sqrt()), rel=0.12)
    assert s.splash_speed[0, -1] == splash.max()
    assert s.px[0, frame] > s.bx[0, frame] + BOARD_HALF * 0.9
    assert s.surface[0, frame : frame + 6].min() < -0.01


def test_climbing_back() -> None:
    off = hold(40, "jump")
    off[:, :6, BUTTONS.index("right")] = 1
    back = torch.cat([off, hold(40, "left"), hold(16, "jump")], 1)
    truth = simulator.simulate(start(), back.shape[1], actions=back)
    assert truth.states.aboard[0, 39] == 0
    assert (of(truth, "climb") > 0).sum() == 1
    s = truth.states
    assert s.aboard[0, -1] == 1
    assert (s.py - s.deck)[0, -1].abs() < 0.03


def test_who_leans_too_far_falls() -> None:
    state = replace(start(), lean=torch.full((1,), 0.5), lean_rate=torch.ones(1))
    truth = simulator.simulate(state, 36, actions=hold(36))
    assert truth.states.aboard[0, -1] == 0
    assert (of(truth, "splash") > 0).any()


def test_wind_bears_the_board_along_and_is_heard() -> None:
    state = replace(start(count=2), wind=torch.tensor([0.0, 1.0]))
    truth = simulator.simulate(state, 36, actions=hold(36, count=2))
    assert truth.states.bx[1, -1] > WIDTH / 2 + 0.01
    calm, blown = simulator.listen(truth)
    assert blown.std() > 2 * calm.std()


@pytest.mark.parametrize("kind", CONTACTS)
def test_contacts_are_heard_when_and_as_hard_as_they_happen(
    quiet: simulator.Trajectory, kind: str
) -> None:
    strength = torch.zeros_like(quiet.strength)
    strength[:, 6, CONTACTS.index(kind)] = torch.tensor([0.2, 0.5, 1.0])
    when = torch.full_like(strength, 0.5)
    sound = simulator.listen(replace(quiet, strength=strength, when=when))
    onset = round(6.5 * SAMPLES_PER_FRAME)
    assert sound[:, :onset].abs().max() < 0.02
    loud = sound[:, onset : onset + 2400].square().mean(1).sqrt()
    assert loud[0] > 0.005
    assert (loud.diff() > 0).all()


def test_seeds_give_their_own_clip_whatever_is_beside_them() -> None:
    alone = simulator.seeded_trajectories([42], 16, skip=4)
    again = simulator.seeded_trajectories([42], 16, skip=4)
    beside = simulator.seeded_trajectories([42, 7, 9], 16, skip=4)
    assert torch.equal(alone.states.surface, again.states.surface)
    torch.testing.assert_close(alone.states.px[0], beside.states.px[0])
    torch.testing.assert_close(alone.states.surface[0], beside.states.surface[0])
    torch.testing.assert_close(simulator.listen(alone)[0], simulator.listen(beside)[0])


def test_everything_happens_and_nothing_leaves_the_pond(many: simulator.Trajectory) -> None:
    assert simulator.facts(many).isfinite().all()
    s = many.states
    assert ((s.px > LEFT) & (s.px < RIGHT)).all()
    assert ((s.bx >= LEFT + BOARD_HALF - 1e-5) & (s.bx <= RIGHT - BOARD_HALF + 1e-5)).all()
    for kind in CONTACTS:
        assert (of(many, kind) > 0).sum() > 5, kind


def test_a_clip_has_pictures_sound_and_words(many: simulator.Trajectory) -> None:
    clip = simulator.film(many[:6, 40:44])
    assert clip.frames.shape == (6, 4, 3, DEFINITION.info.height, DEFINITION.info.width)
    assert clip.frames.dtype == torch.uint8
    assert clip.sound.shape == (6, 4 * SAMPLES_PER_FRAME)
    assert clip.sound.dtype == torch.float32
    assert clip.sound.abs().max() <= 1


def test_captions_name_what_is_there_in_known_words(many: simulator.Trajectory) -> None:
    values = simulator.attributes(many.states)
    assert values.shape == (len(many.phase), len(DEFINITION.words))
    for column, words in zip(values.T, DEFINITION.words.values(), strict=True):
        assert set(column.tolist()) == set(range(len(words)))  # each is seen
    captions = simulator.captions(many.states)
    for caption, row in zip(captions, values.tolist(), strict=True):
        named = caption.replace(",", "").split()
        assert set(named) <= set(DEFINITION.info.words)
        for value, words in zip(row, DEFINITION.words.values(), strict=True):
            assert [word for word in words if word in named] == [words[value]]


def test_captions_leave_out_what_is_not_to_be_named(many: simulator.Trajectory) -> None:
    keep = torch.zeros(len(many.phase), len(DEFINITION.words), dtype=torch.bool)
    keep[0, list(DEFINITION.words).index("suit")] = True
    captions = simulator.captions(many.states, keep)
    assert captions[0].split()[1:] == ["suit"]
    assert not any(captions[1:])


def test_another_appearance_is_the_same_world(many: simulator.Trajectory) -> None:
    numbers = torch.rand(len(many.phase), len(simulator.APPEARANCE))
    other = replace(many, states=simulator.restyle(many.states, numbers))
    assert torch.equal(simulator.facts(other), simulator.facts(many))
    for name in simulator.APPEARANCE:
        value, before = getattr(other.states, name), getattr(many.states, name)
        assert value.shape == before.shape
        assert (value == value[:, :1]).all()
        assert (value != before).any()
        last = simulator.physics.advance(other.states[:, 0], many.actions[:, 1])[0]
        assert torch.equal(getattr(last, name), value[:, 0])


def test_the_laws_do_not_see_the_camera(many: simulator.Trajectory) -> None:
    actions = hold(20, "right", "zoom_in", count=2)
    actions[1, :, 3:] = 0
    actions[1, 5, BUTTONS.index("camera")] = 1
    s = simulator.simulate(start(count=2), 20, actions=actions).states
    assert torch.equal(s.surface[0], s.surface[1])
    assert torch.equal(s.px[0], s.px[1])
    assert s.camera.zoom[0, -1] > 1.5
    assert s.camera.mode[1, -1] == 1


def test_at_zoom_2_things_are_twice_as_large() -> None:
    here = simulator.simulate(start(), 1, actions=hold(1)).states
    camera = replace(here.camera, x=here.px, y=here.py, zoom=torch.full_like(here.px, 2.0))

    def share(camera: Camera) -> float:
        """Of the picture, that the person's suit takes."""
        with_red = replace(here, camera=camera, suit=0 * here.suit)
        with_blue = replace(here, camera=camera, suit=0 * here.suit + 4)
        differs = simulator.render(with_red).int() - simulator.render(with_blue).int()
        return float((differs.abs().amax(2) > 60).float().mean())

    assert share(camera) == pytest.approx(4 * share(here.camera), rel=0.15)


def test_the_same_facts_make_the_same_next_facts(many: simulator.Trajectory) -> None:
    """Whatever the clock's number of rounds, all that repeats is where it was."""
    state = many.states[:, 10]
    later = replace(state, clock=(state.clock + CLOCK_SECONDS))
    for a, b in zip(*(run_on(s, many.actions[:, :6]) for s in (state, later)), strict=True):
        torch.testing.assert_close(a, b, atol=2e-3, rtol=0)


def run_on(state: PondState, actions: torch.Tensor) -> torch.Tensor:
    return simulator.facts(simulator.simulate(state, actions.shape[1], actions=actions))


def test_the_person_is_drawn_where_they_are() -> None:
    here = simulator.simulate(start(0.5), 1, actions=hold(1))
    gone = replace(here.states, px=here.states.px + 0.4)
    differs = simulator.render(here.states).int() - simulator.render(gone).int()
    columns = (differs.abs().amax((0, 1, 2, 3)) > 30).nonzero()[:, 0] / DEFINITION.info.height
    assert float(columns.min()) == pytest.approx(0.45, abs=0.06)
    assert float(columns.max()) == pytest.approx(0.95, abs=0.06)
