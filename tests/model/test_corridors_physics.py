"""The corridors' laws, that one sees the same wall again, and that rooms sound their size."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lightcone.model.families.staged.corridors.constants import (
    ACTIONS,
    CONTACTS,
    DOOR_HALF,
    FLOORS,
    RADIUS,
    TURN_SPEED,
    WALK_SPEED,
)
from lightcone.model.families.staged.corridors.definition import DEFINITION
from lightcone.model.families.staged.corridors.plans import CELLS, DOORS, PLANS, plans
from lightcone.model.families.staged.rates import SAMPLE_RATE
from lightcone.model.families.staged.shared.fields import Fields
from lightcone.model.simulators.corridors import simulator
from lightcone.model.simulators.corridors.physics import STRIDES_PER_LENGTH, CorridorsState, advance
from lightcone.model.simulators.corridors.sound import (
    ROOMS,
    echo_seconds,
    render,
)

CPU = torch.device("cpu")


def start(count: int = 1, seed: int = 0) -> CorridorsState:
    numbers = torch.rand(
        count, simulator.START_NUMBERS, generator=torch.Generator().manual_seed(seed)
    )
    return simulator.starts(numbers)


def hold(frames: int, *names: str, turn: float = 0.0) -> Tensor:
    actions = torch.zeros(1, frames, len(ACTIONS))
    for name in names:
        actions[:, :, ACTIONS.index(name)] = 1
    actions[:, :, ACTIONS.index("turn")] = turn
    return actions


def values(state: Fields) -> dict[str, Tensor]:
    """All tensors of a state, of nested ones too."""
    out: dict[str, Tensor] = {}
    for name, value in vars(state).items():
        out.update(values(value) if isinstance(value, Fields) else {name: value})
    return out


def standing(plan: int, x: float, y: float, heading: float) -> CorridorsState:
    """Someone who stands in a plan whose doors are all closed."""
    one, doors = torch.ones(1), torch.zeros(1, DOORS)
    return replace(
        start(),
        plan=plan * one,
        x=x * one,
        y=y * one,
        heading=heading * one,
        gait=0.2 * one,
        doors=doors,
        doors_wanted=doors,
        zoom=one,
        rear=0 * one,
        light=0 * one,
        style=0 * one,
    )


def at_long_hall() -> tuple[CorridorsState, int]:
    """At the western end of a row of at least 6 free cells between walls, looking east, and its
    length."""
    tables = plans(CPU)
    for plan in range(PLANS):
        free = ~tables.wall[plan].view(CELLS, CELLS) & (tables.door[plan].view(CELLS, CELLS) < 0)
        for row in range(CELLS):
            for column in range(1, CELLS - 6):
                length = int(free[row, column:].long().cumprod(0).sum())
                walled = tables.wall[
                    plan, row * CELLS + torch.tensor([column - 1, column + length])
                ]
                if length >= 6 and bool(walled.all()):
                    return standing(plan, column + 0.5, row + 0.5, 0.0), length
    raise AssertionError("no hall is long")


def at_door() -> CorridorsState:
    """West of a closed door that one passes along x, looking at it."""
    tables = plans(CPU)
    for plan in range(PLANS):
        for number in range(DOORS):
            x, y = float(tables.door_x[plan, number]), float(tables.door_y[plan, number])
            if x > 0 and not tables.passage[plan, int(y) * CELLS + int(x)]:
                return standing(plan, x - 1, y, 0.0)
    raise AssertionError("no door is passed along x")


def played(state: CorridorsState, *parts: Tensor) -> simulator.Trajectory:
    actions = torch.cat(parts, 1)
    return simulator.simulate(state, actions.shape[1], actions=actions)


def psnr(a: Tensor, b: Tensor) -> float:
    return float(-10 * torch.log10(((a.float() - b.float()) / 255).square().mean() + 1e-10))


@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_nobody_enters_walls_or_closed_doors(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    truth = simulator.random_trajectories(16, 36, g, CPU, skip=0)
    s, tables = truth.states, plans(CPU)
    for value in values(s).values():
        assert value.isfinite().all()
    for dx, dy in ((RADIUS, 0), (-RADIUS, 0), (0, RADIUS), (0, -RADIUS)):
        assert not tables.at(tables.wall, s.plan, s.x + 0.97 * dx, s.y + 0.97 * dy).any()
    assert ((s.doors >= 0) & (s.doors <= 1)).all()
    assert (truth.strength >= 0).all()


def test_every_room_can_be_reached() -> None:
    free = (~plans(CPU).wall).view(PLANS, 1, CELLS, CELLS).float()
    reached = torch.zeros_like(free).flatten(1)
    reached[torch.arange(PLANS), plans(CPU).room[:, 0]] = 1
    reached = reached.view_as(free)
    for _ in range(6 * CELLS):
        wider = torch.nn.functional.max_pool2d(reached, (1, 3), 1, (0, 1))
        wider = torch.maximum(wider, torch.nn.functional.max_pool2d(reached, (3, 1), 1, (1, 0)))
        reached = wider * free
    assert torch.equal(reached, free)


def test_walking_has_its_speed_from_the_first_frame_on() -> None:
    state, _ = at_long_hall()
    truth = played(state, hold(36, "forward"))
    x = truth.states.x[0]
    assert x[0] > state.x[0]
    speed = (x[-1] - x[12]) * 24 / 23
    torch.testing.assert_close(speed, torch.tensor(WALK_SPEED), atol=0.01, rtol=0)


def test_a_wall_blocks_with_a_bump_and_one_slides_along_it() -> None:
    state, length = at_long_hall()
    end = float(state.x[0]) - 0.5 + length
    truth = played(state, hold(90, "forward"))
    assert abs(float(truth.states.x[0, -1]) - (end - RADIUS)) < 0.01
    assert int((truth.strength[0, :, CONTACTS.index("bump")] > 0).sum()) == 1
    askew = replace(state, heading=state.heading + 0.8)
    slid = played(askew, hold(30, "forward")).states
    assert float(slid.x[0, -1] - slid.x[0, 0]) > 0.5
    aside = (slid.vx.square() + slid.vy.square()).sqrt()[0, -1]
    assert 0.5 * WALK_SPEED < aside < 0.9 * WALK_SPEED


def test_a_closed_door_blocks() -> None:
    state = at_door()
    truth = played(state, hold(30, "forward"))
    door = float(state.x[0]) + 1
    assert abs(float(truth.states.x[0, -1]) - (door - DOOR_HALF - RADIUS)) < 0.01


def test_an_opened_door_stays_open_until_used_again_and_lets_through() -> None:
    state = at_door()
    truth = played(state, hold(2, "use"), hold(40))
    assert float(truth.states.doors[0, -1].max()) == 1
    assert int((truth.strength[0, :, CONTACTS.index("door")] > 0).sum()) == 1
    through = played(state, hold(2, "use"), hold(14), hold(36, "forward"))
    assert float(through.states.x[0, -1]) > float(state.x[0]) + 1.3
    again = played(state, hold(2, "use"), hold(16), hold(2, "use"), hold(16))
    assert float(again.states.doors[0, -1].max()) == 0


def test_a_door_does_not_close_on_someone() -> None:
    state = at_door()
    opened = replace(state, doors=state.doors + 1, x=state.x + 0.8)
    after = played(opened, hold(24)).states
    assert float(after.doors[0, -1].max()) == 1
    assert torch.equal(after.x[0, -1:], opened.x)


def test_a_full_turn_ends_at_the_same_picture() -> None:
    frames = round(2 * math.pi / TURN_SPEED * 24)
    truth = played(start(), hold(12), hold(frames, "turn_right"), hold(24))
    frames_seen = simulator.render(_at(truth, 0, 30, -1))
    assert psnr(frames_seen[0, 0], frames_seen[0, 2]) > 35
    assert psnr(frames_seen[0, 0], frames_seen[0, 1]) < 25


def test_turning_away_and_back_shows_the_same_wall() -> None:
    for seed in range(2):
        away, back = hold(18, "turn_left"), hold(18, "turn_right")
        truth = played(start(seed=seed), hold(2), away, hold(12), back, hold(24))
        seen = simulator.render(_at(truth, 0, 25, -1))
        assert psnr(seen[0, 0], seen[0, 2]) > 35
        assert psnr(seen[0, 0], seen[0, 1]) < 30


def _at(truth: simulator.Trajectory, *frames: int) -> CorridorsState:
    return truth[:, list(frames)].states


def test_footsteps_come_with_the_gait_and_sound_of_the_floor() -> None:
    state, _ = at_long_hall()
    truth = played(state, hold(60, "forward"))
    tables = plans(CPU)
    floor = int(tables.at(tables.floor, state.plan, state.x, state.y)[0])
    steps = (truth.strength[0, :, : len(FLOORS)] > 0).sum(0)
    expected = 2 * STRIDES_PER_LENGTH * WALK_SPEED * 60 / 24
    assert abs(int(steps[floor]) - expected) <= 1
    assert int(steps.sum()) == int(steps[floor])


def test_larger_rooms_reverberate_longer() -> None:
    tables = plans(CPU)
    room = ~tables.wall & (tables.door < 0)
    size = torch.where(room, tables.size, tables.size.median())
    decays = []
    for cell in (int(size.argmin()), int(size.argmax())):
        plan, place = divmod(cell, CELLS**2)
        state = standing(plan, place % CELLS + 0.5, place // CELLS + 0.5, 0.0)
        truth = played(state, hold(30))
        tone = simulator.listen(truth)[0]
        truth.strength[0, 0, CONTACTS.index("step_stone")] = 1
        energy = (simulator.listen(truth)[0] - tone).square()
        left = energy.flip(0).cumsum(0).flip(0)  # of the sound from each sample on
        early = left[SAMPLE_RATE // 20]
        decays.append(int((left > 0.01 * early).sum()) / SAMPLE_RATE)
    assert decays[1] > 1.5 * decays[0]
    assert echo_seconds(ROOMS[-1]) > 2 * echo_seconds(ROOMS[0])


def test_stronger_contacts_are_louder() -> None:
    loudness = []
    for strength in (0.2, 0.5, 1.0):
        hits = torch.zeros(1, 24, len(CONTACTS))
        hits[0, 2, CONTACTS.index("bump")] = strength
        still = torch.zeros(1)
        sound = render(hits, torch.zeros_like(hits), torch.ones(1, 24), still, still)
        loudness.append(float(sound.square().mean()))
    assert loudness[0] < loudness[1] < loudness[2]


def test_seeds_give_their_own_clip_whatever_is_beside_them() -> None:
    alone = simulator.film(simulator.seeded_trajectories([42], 12))
    beside = simulator.film(simulator.seeded_trajectories([42, 7, 9], 12))
    torch.testing.assert_close(alone.truth.states.x[0], beside.truth.states.x[0])
    assert torch.equal(alone.frames[0], beside.frames[0])
    torch.testing.assert_close(alone.sound[0], beside.sound[0])


def test_a_step_leaves_the_state_before_as_it_was() -> None:
    state = at_door()
    before = {k: v.clone() for k, v in values(state).items()}
    advance(state, hold(1, "forward", "use", "camera", "zoom_in")[:, 0])
    for name, value in values(state).items():
        assert torch.equal(value, before[name])


def test_a_film_has_the_world_s_shapes() -> None:
    clip = simulator.film(simulator.seeded_trajectories(range(3), 4))
    assert clip.frames.shape == (3, 4, 3, DEFINITION.info.height, DEFINITION.info.width)
    assert clip.frames.dtype == torch.uint8
    assert clip.sound.shape == (3, 4000)
    assert clip.sound.dtype == torch.float32
    assert clip.sound.abs().max() <= 1
    assert len(clip.captions) == 3


def test_captions_are_made_of_words_that_prompts_understand() -> None:
    truth = simulator.seeded_trajectories(range(64), 2, skip=0)
    captions = simulator.captions(truth.states)
    for caption in captions:
        assert set(caption.replace(",", "").split()) <= set(DEFINITION.info.words)
    values = simulator.attributes(truth.states)
    assert values.shape == (64, len(DEFINITION.words))
    for column, words in zip(values.unbind(1), DEFINITION.words.values(), strict=True):
        assert set(range(len(words))) <= set(column.tolist()) <= {*range(len(words)), -1}
    nothing = torch.zeros(64, len(DEFINITION.words), dtype=torch.bool)
    assert set(simulator.captions(truth.states, nothing)) == {"corridors"}


def test_the_axis_turns_as_far_as_it_says() -> None:
    truth = played(start(), hold(12), hold(6, turn=2.5), hold(24))
    turned = truth.states.heading[0, -1] - truth.states.heading[0, 11]
    torch.testing.assert_close(turned, torch.tensor(6 / 24 * 2.5 * TURN_SPEED), atol=0.01, rtol=0)


def test_the_camera_changes_the_view_alone() -> None:
    state = at_door()
    plain = played(state, hold(20, "forward")).states
    looked = played(state, hold(10, "forward", "zoom_in"), hold(10, "forward", "camera")).states
    seen = {"zoom", "rear", "camera_pressed"}
    for name, value in values(plain).items():
        assert torch.equal(value, values(looked)[name]) == (name not in seen)
    assert looked.zoom[0, 9] > 1.3
    assert looked.rear[0, 9:12].tolist() == [0, 1, 1]
    assert psnr(*simulator.render(looked[:, 9:11])[0]) < 20


def test_zoom_shows_the_middle_of_the_picture_larger() -> None:
    state = at_door()
    near, far = simulator.render(_frames(replace(state, zoom=state.zoom * 2), state))[0]
    middle = far[:, 24:72, 32:96].float()[None]
    wide = torch.nn.functional.interpolate(middle, scale_factor=2, mode="bilinear")
    assert psnr(near, wide[0]) > 22


def test_another_appearance_leaves_the_trajectory_alone() -> None:
    states = simulator.seeded_trajectories(range(4), 3).states
    other = simulator.restyle(states, torch.full((4, len(simulator.APPEARANCE)), 0.99))
    for name, value in values(other).items():
        if name in simulator.APPEARANCE:
            assert (value == len(DEFINITION.words[name]) - 1).all()
        else:
            assert torch.equal(value, values(states)[name])


def test_drivers_use_doors_turn_by_the_axis_and_look_back() -> None:
    g = torch.Generator().manual_seed(1)
    truth = simulator.random_trajectories(108, 96, g, CPU)
    seconds = 108 * 4
    assert int((truth.strength[..., CONTACTS.index("door")] > 0).sum()) > seconds / 12
    axis = truth.actions[..., ACTIONS.index("turn")]
    assert (axis.abs() > 2).any()
    assert ((axis.abs() < 1) & (axis != 0)).any()
    assert truth.states.rear.any()
    assert (truth.states.zoom > 1.5).any()


def _frames(*states: CorridorsState) -> CorridorsState:
    return CorridorsState.stack(states, 1)
