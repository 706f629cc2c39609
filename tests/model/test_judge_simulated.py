"""The judge of simulated worlds: the simulator itself reaches every ceiling, and a frozen picture
none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.evaluation.judge import clips, report, rollouts
from lightcone.model.evaluation.judge.clips import at_random
from lightcone.model.evaluation.judge.instruments import (
    Instruments,
    controls_of,
    set_instruments,
)
from lightcone.model.evaluation.judge.long_run import FIRST, Watch
from lightcone.model.evaluation.judge.playing import Candidate
from lightcone.model.evaluation.judge.pressing import Trigger
from lightcone.model.evaluation.judge.protocol import Frames, Judged, NotJudged, Sound
from lightcone.model.evaluation.judge.rollouts import judge_clip, judge_presses
from lightcone.model.evaluation.judge.senses.hearing import match
from lightcone.model.evaluation.judge.simulated import SimulatorTruth
from lightcone.model.evaluation.judge.steering.holds import Steering
from lightcone.model.evaluation.judge.steering.turning import corridors_law, to_the_left
from lightcone.model.evaluation.judge.tally import Tally, added
from lightcone.model.evaluation.judge.truth import Played, following
from lightcone.model.families.staged.prompts import grammar
from lightcone.model.interface import Actions, Chunk, Emit, WorldInfo
from lightcone.model.simulators.catalogue import SIMULATED, open_simulator

SIZE = (128, 96)
LONGEST = 130  # frames of the episodes here
SEED = 6
CHUNK = 2


@dataclass(frozen=True)
class EchoState:
    seed: int
    actions: Actions  # since the episode began
    last: Frames
    chunk: int


class Echo:
    """A model with the simulator inside, or with `frozen` one that repeats what it saw last,
    in silence."""

    def __init__(self, truth: SimulatorTruth, frozen: bool) -> None:
        self._truth, self._frozen = truth, frozen
        self.worlds: Mapping[str, WorldInfo] = {truth.world: truth.info}
        self.fingerprint, self.steps = "echo", (1,)
        self._known: dict[bytes, tuple[int, Actions]] = {}

    def knows(self, seed: int) -> None:
        """Lets it find out where contexts are from."""
        played = self._truth.play(seed, self._truth.player(seed), LONGEST)
        for start, numbers in enumerate(played.numbers):
            self._known.setdefault(numbers.tobytes(), (seed, played.actions[:start]))

    def prepare(self, world: str, prompt: str = "") -> Any: ...

    def start(self, world: str, seed: int, conditioning: Any) -> Any: ...

    def observe(
        self,
        state: EchoState | None,
        world: str,
        frames: Frames,
        sound: Sound | None,
        actions: Actions,
        numbers: Any = None,
        columns: Sequence[str] = (),
        text: str | None = None,
    ) -> EchoState:
        assert text is not None
        assert sound is not None
        assert len(sound) == self.worlds[world].samples(0, len(frames))
        if state is None:
            seed, before = self._known.get(numbers[0].tobytes(), (0, actions[:0]))
            state = EchoState(seed, before, frames[0], 0)
        done = np.concatenate([state.actions, actions])
        return EchoState(state.seed, done, frames[-1], state.chunk + len(frames) // CHUNK)

    def step(
        self,
        states: Sequence[EchoState],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[EchoState]:
        [state], [held] = states, actions
        done = np.concatenate([state.actions, held])
        frames = np.repeat(state.last[None], CHUNK, 0)
        sound = np.zeros(self._truth.info.samples(0, CHUNK), np.float32)
        if not self._frozen:
            played = self._truth.play(state.seed, following(done), len(done))
            made = played.part(len(done) - CHUNK, len(done))
            assert made.sound is not None
            frames, sound = made.frames, made.sound
        emit(0, Chunk(state.chunk * CHUNK, frames, sound))
        return [replace(state, actions=done, chunk=state.chunk + 1)]

    def reconstruct(
        self, world: str, frames: Frames, sound: Sound | None
    ) -> tuple[Frames, Sound | None]:
        return frames, sound

    def release(self, state: EchoState) -> None: ...

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def court() -> SimulatorTruth:
    truth = SimulatorTruth("court", SIZE)
    truth.longest = LONGEST
    return truth


@pytest.fixture(scope="module")
def tools(court: SimulatorTruth) -> Instruments:
    return set_instruments(court, WEIGHTS_DIR, episodes=2)


def equal(one: Played, other: Played) -> bool:
    pairs = [(one.frames[-1], other.frames[-1]), (one.sound, other.sound)]
    pairs += [(one.numbers, other.numbers), (one.actions, other.actions)]
    same = all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in pairs)
    return same and (one.text, one.events) == (other.text, other.events)


@pytest.mark.parametrize("world", SIMULATED)
@pytest.mark.parametrize("seed", [4, 5])
def test_equal_seeds_and_actions_are_equal_to_the_frame(world: str, seed: int) -> None:
    truth, other = SimulatorTruth(world, SIZE), SimulatorTruth(world, SIZE)
    played = truth.play(seed, truth.player(seed), 12)
    assert equal(played, other.play(seed, other.player(seed), 12))
    fresh = SimulatorTruth(world, SIZE)
    assert equal(played, fresh.play(seed, following(played.actions), 12))
    assert equal(played, truth.play(seed, following(played.actions), 12))
    changed = np.array(played.actions)
    changed[8:] = 1 - changed[8:]
    after = truth.play(seed, following(changed), 12)  # from what is known of the first frames
    assert equal(after, fresh.play(seed, following(changed), 12))
    assert np.array_equal(after.numbers[:8], played.numbers[:8])
    assert not np.array_equal(after.numbers, played.numbers)


@pytest.mark.parametrize("world", SIMULATED)
def test_captions_have_the_values_that_prompts_have(world: str) -> None:
    simulator, known = open_simulator(world), grammar(world)
    states = simulator.seeded_trajectories(range(24), 1, skip=0).states
    rows = simulator.attributes(states).tolist()
    for text, values in zip(simulator.captions(states), rows, strict=True):
        found = known.settled((0,) * len(known.names), known.asked(text, begun=False))
        assert known.words_of(found) == known.words_of(values), text


def test_only_what_is_looked_at_is_drawn(court: SimulatorTruth) -> None:
    played = court.play(SEED, court.player(SEED), 20)
    some = played.frames[3:15:4]
    assert some.shape == (3, SIZE[1], SIZE[0], 3)
    assert np.array_equal(played.frames[7], some[1])
    part = played.part(6, 12)
    assert np.array_equal(part.frames[1], some[1])
    assert part.events == tuple(t - 6 for t in played.events or () if 6 <= t < 12)
    assert len(played.part(4, 4).frames) == 0


def test_what_a_simulator_cannot_do_is_named(court: SimulatorTruth) -> None:
    with pytest.raises(NotJudged, match="sees its state"):
        court.player(SEED + 1)(court.info, SEED)
    with pytest.raises(NotJudged, match="4 to 3"):
        SimulatorTruth("court", (144, 96))


def test_episodes_that_look_alike_are_others(court: SimulatorTruth) -> None:
    same = court.like(SEED)
    same.longest = 8
    one, other = same.plays([8, 10])
    looks = [str(each.text).split(", ")[:3] for each in (one, other)]
    assert looks[0] == looks[1]
    assert not np.array_equal(one.numbers, other.numbers)


Controls = Callable[[str], tuple[SimulatorTruth, Trigger, Steering]]


@pytest.fixture(scope="module")
def looking_after() -> Controls:
    """Of a world: its truth, and what finds a press and what is steered in its pictures."""

    @cache
    def controls(world: str) -> tuple[SimulatorTruth, Trigger, Steering]:
        truth = SimulatorTruth(world, SIZE)
        _, trigger, steering = controls_of(truth, WEIGHTS_DIR)
        return truth, trigger, steering

    return controls


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    """Half of the frames, and one press."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "ROLLOUT", 64)
        patch.setattr(rollouts, "FORCED", 8)
        patch.setattr(rollouts, "PRESSES", 1)
        yield


@pytest.fixture(scope="module")
def judged(court: SimulatorTruth, tools: Instruments, short: None) -> Any:
    """The figures of one seed, without long runs."""

    @cache
    def figures(frozen: bool) -> dict[str, Any]:
        echo = Echo(court, frozen)
        assert isinstance(echo, Judged)
        echo.knows(SEED)
        candidate = Candidate(echo, "court")
        tallies = [judge_clip(candidate, court, tools, SEED, 0.5)[0]]
        if frozen:  # presses are from episodes that an echo does not know
            tallies.append(judge_presses(candidate, court, tools, SEED, 0.5))
        return report.report([added(tallies)])

    return figures


def test_the_simulator_itself_reaches_every_ceiling(judged: Any) -> None:
    found = judged(False)
    for key in ("teacher_forced_psnr_db", "rollout_psnr_db", "action_gap_db", "onset_f1"):
        assert found[key] == pytest.approx(found["judge"][key]), key
    assert found["rollout_psnr_db"] == {"16": 60.0, "64": 60.0}
    assert found["onset_f1"] > 0.5
    assert found["trivial_answers"]["silence"]["onset_f1"] == 0.0
    assert np.isnan(found["monster_f1"])


def test_a_frozen_picture_is_the_last_frame(judged: Any) -> None:
    found = judged(True)
    last = found["trivial_answers"]["last_frame"]
    assert found["rollout_psnr_db"] == pytest.approx(last["rollout_psnr_db"])
    assert found["action_gap_db"] == 0.0
    assert found["response"] == 0.0
    assert found["judge"]["response"] == 1.0
    assert found["onset_f1"] == 0.0


HELD = {  # Of each world: an even seed, and which keys are held in which of so many frames.
    "court": (6, 96, {"left": (40, 52), "right": (80, 94)}),
    "pond": (2, 68, {"left": (50, 64)}),  # swims from the first frame on
    "corridors": (6, 30, {"turn_left": (15, 21), "turn_right": (24, 29)}),
}


@pytest.mark.parametrize("world", SIMULATED)
def test_who_moves_is_steered_and_who_stands_still_is_not(
    world: str, tools: Instruments, looking_after: Controls
) -> None:
    seed, count, held = HELD[world]
    truth, _, steering = looking_after(world)
    names = [each.name for each in truth.info.buttons]
    actions = np.zeros((count, truth.info.controls), np.float32)
    for name, (start, stop) in held.items():
        actions[start:stop, names.index(name)] = 1
    played = truth.play(seed, following(actions), count).part(0, count)
    still = np.repeat(played.frames[:1], count, 0)
    tally = Tally()
    for who, frames in (("truth", played.frames), ("frozen", still)):
        watch = Watch(replace(tools, steering=steering))
        watch.see(frames, actions, truth.info, played.text)
        watch.add_to(tally, who, FIRST)
        assert tally.weight(who, f"control/{FIRST}") == len(held)
    assert tally.mean("truth", f"control/{FIRST}") == 1.0
    assert tally.mean("frozen", f"control/{FIRST}") == 0.0
    assert tally.mean("truth", f"turned/{FIRST}") == pytest.approx(1.0, abs=0.08)
    assert tally.mean("truth", f"still/{FIRST}") == 1.0


@pytest.mark.parametrize("world", ["pond", "corridors"])
def test_a_press_shows_when_it_does(world: str, looking_after: Controls) -> None:
    truth, trigger, _ = looking_after(world)
    found = trigger.press(truth, truth.info, 5, 0, 1.0)
    assert found is not None
    frames = found.clip.truth.frames[: found.frame + 3]
    shown = trigger.shown(found, frames)
    assert shown is not None
    assert abs(shown - found.frame) <= rollouts.SOON
    late = np.concatenate([np.repeat(frames[:1], 2, 0), frames])
    assert trigger.shown(found, late) == shown + 2
    assert trigger.shown(found, np.repeat(frames[:1], 8, 0)) is None
    if world == "corridors":  # a cut to another view is no turn
        assert trigger.shown(found, np.repeat(frames[-1:], 8, 0)) is None


def test_turns_in_the_corridors_follow_from_keys_and_axis_alone() -> None:
    truth = SimulatorTruth("corridors", SIZE)
    actions = at_random(truth, truth.info, SEED, 60)
    [numbers] = truth.together(actions, 1)
    due = corridors_law(truth)(actions, truth.info)
    assert np.abs(due.turns).max() > 3
    assert due.turns[1:] == pytest.approx(np.diff(to_the_left(numbers, truth.names)), abs=0.01)


def test_what_should_be_there_is_counted(court: SimulatorTruth, tools: Instruments) -> None:
    played = court.play(SEED, court.player(SEED), 40).part(0, 40)
    assert tools.there is not None
    right = tools.there(played.frames, played.text).mean()
    shirts = grammar("court").words["shirt"]
    worn = [word for word in str(played.text).replace(",", "").split() if word in shirts]
    other = next(word for word in shirts if word not in worn)
    wrong = tools.there(played.frames, str(played.text).replace(worn[0], other, 1)).mean()
    assert right > 0.6
    assert wrong == 0.0


def test_an_onset_near_a_faint_event_does_not_count() -> None:
    heard = match([0.2, 0.5, 0.9], [0.2], faint=[0.52])
    assert (heard.matched, heard.found, heard.true) == (1, 2, 1)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
