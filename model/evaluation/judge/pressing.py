"""How soon a press shows: a button that rested is pressed once, at any phase of a chunk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lightcone.model.evaluation.judge.clips import ANOTHER, Clip, at_random, context_frames
from lightcone.model.evaluation.judge.protocol import Frames, spans
from lightcone.model.evaluation.judge.senses.things import Spotter
from lightcone.model.evaluation.judge.senses.turning import TurnMeter
from lightcone.model.evaluation.judge.senses.weapon import WeaponReader, first_shot
from lightcone.model.evaluation.judge.steering.turning import TURNS, WALKING
from lightcone.model.evaluation.judge.truth import Played, Truth, following, shots
from lightcone.model.interface import WorldInfo

REACTION = 24  # frames in which a press has to show
_RESTED = 24  # frames before a press in which the button is not touched
_HELD = 4  # frames of a press
_TRIES = 8


@dataclass(frozen=True)
class Press:
    """A clip after whose context the button has rested for 24 frames; `frame` of what is to be
    generated is the first in which the truth shows the only press."""

    clip: Clip
    frame: int


class Trigger(Protocol):
    """A button whose press is to be seen."""

    def press(
        self, truth: Truth, info: WorldInfo, seed: int, number: int, context_s: float
    ) -> Press | None:
        """One press of the seed; None where there is none."""
        ...

    def shown(self, press: Press, frames: Frames) -> int | None:
        """The first of the frames after the context that shows it."""
        ...


class Shooting:
    """The weapon is ready and shoots: its picture says when."""

    def __init__(self, weapon: WeaponReader) -> None:
        self._weapon = weapon

    def press(
        self, truth: Truth, info: WorldInfo, seed: int, number: int, context_s: float
    ) -> Press | None:
        episode = truth.play(seed, truth.player(seed), truth.longest)
        names = [each.name for each in info.buttons]
        if "attack" not in names or "attack_ready" not in episode.names:
            return None
        attack = names.index("attack")
        context = context_frames(info, context_s)
        length = context + sum(spans(info, len(spans(info, 0, context)), REACTION))
        rng = np.random.default_rng((seed, 2, number))
        for _ in range(_TRIES):
            start = int(rng.integers(max(1, len(episode) - length)))
            moment = start + context
            actions = np.array(episode.actions[: start + length])
            actions[moment - _RESTED :, attack] = 0
            pressed = moment + int(rng.integers(2 * info.chunk_frames[-1]))
            actions[pressed : pressed + _HELD, attack] = 1
            played = truth.play(seed, following(actions), len(actions))
            if len(played) < len(actions) or played.number("attack_ready")[moment - 1] != 1:
                continue
            fired = [frame - moment for frame in shots(played) if frame >= moment - _HELD]
            if len(fired) == 1 and 0 <= fired[0] < length - context - 2:
                part = played.part(start, start + length)
                return Press(Clip(seed, start, context, part), fired[0])
        return None

    def shown(self, press: Press, frames: Frames) -> int | None:
        return first_shot(self._weapon.read(frames)[1])


class _AtRest:
    """A control of a simulated world that is pressed once after `_LANDED` frames, or more, in which
    nothing of what moves the player is touched. Clips begin within `_EARLY` frames."""

    _LANDED = _RESTED
    _EARLY = 96

    def press(
        self, truth: Truth, info: WorldInfo, seed: int, number: int, context_s: float
    ) -> Press | None:
        for k in range(number * _TRIES, (number + 1) * _TRIES):
            # In even episodes the camera shows all of a world, and stands still.
            found = self._press(truth, info, 2 * (seed + k * ANOTHER), context_s)
            if found is not None:
                return found
        return None

    def _press(self, truth: Truth, info: WorldInfo, seed: int, context_s: float) -> Press | None:
        names = [each.name for each in info.buttons] + [each.name for each in info.axes]
        context = context_frames(info, context_s)
        length = context + sum(spans(info, len(spans(info, 0, context)), REACTION))
        rng = np.random.default_rng((seed, 2))
        start = max(0, self._LANDED - context) + int(rng.integers(self._EARLY))
        moment = start + context
        actions = at_random(truth, info, seed, start + length)
        actions[moment - self._LANDED :, [names.index(name) for name in self._untouched()]] = 0
        pressed = moment + int(rng.integers(2 * info.chunk_frames[-1]))
        actions[pressed : pressed + _HELD, names.index(self._button(rng))] = 1
        episode = truth.play(seed, following(actions), len(actions))
        answers = self._answers(episode)
        if answers[moment - 1 : pressed].any() or not answers[pressed:].any():
            return None
        frame = pressed - moment + int(answers[pressed:].argmax())
        press = Press(Clip(seed, start, context, episode.part(start, start + length)), frame)
        return press if self._is_seen(press) else None

    def _untouched(self) -> tuple[str, ...]:
        raise NotImplementedError

    def _button(self, rng: np.random.Generator) -> str:
        raise NotImplementedError

    def _answers(self, episode: Played) -> NDArray[np.bool_]:
        """In which frames the truth answers, or would if it were pressed then: (F,)."""
        raise NotImplementedError

    def _is_seen(self, press: Press) -> bool:
        """Whether pictures show, before the press, what it is to be held against."""
        return True


class Jumping(_AtRest):
    """The player stands and jumps: his place in the picture says when. What a reader does not find
    before the press, in the truth, is left out."""

    _LANDED = 36  # a jump takes 22
    _RISE = 0.025  # picture heights above where he stood; the first frame of a jump has 0.03
    _STOOD = 8  # frames from which that is known

    def __init__(self, spotter: Spotter) -> None:
        self._spotter = spotter

    def _untouched(self) -> tuple[str, ...]:
        return ("jump",)

    def _button(self, rng: np.random.Generator) -> str:
        return "jump"

    def _answers(self, episode: Played) -> NDArray[np.bool_]:
        return episode.number("player_up") > 0

    def _is_seen(self, press: Press) -> bool:
        return bool(np.isfinite(self._stands(press)))

    def shown(self, press: Press, frames: Frames) -> int | None:
        places = self._spotter.player(frames, press.clip.played.text)[1]
        above = places > self._stands(press) + self._RISE
        return int(above.argmax()) if above.any() else None

    def _stands(self, press: Press) -> float:
        """How high he is before the press; NaN where he is not found in half of the frames."""
        played, context = press.clip.played, press.clip.context
        before = played.frames[max(0, context - self._STOOD) : context]
        places = self._spotter.player(before, played.text)[1]
        seen = places[np.isfinite(places)]
        return float(np.median(seen)) if 2 * len(seen) >= len(places) else math.nan


class JumpingOff(Jumping):
    """The same from a board, which nobody rocks by paddling. He may have fallen from it before."""

    _EARLY = 12  # most of those who stand on it at first still do

    def _untouched(self) -> tuple[str, ...]:
        return ("jump", "left", "right")

    def _answers(self, episode: Played) -> NDArray[np.bool_]:
        return episode.number("aboard") < 0


class LookingAside(_AtRest):
    """The view stands still and turns: the picture moves sideways."""

    _TURNED = 1.2  # degrees; the first frame of a press has 2.4, the next one more

    def __init__(self, meter: TurnMeter) -> None:
        self._meter = meter

    def _untouched(self) -> tuple[str, ...]:
        return (*WALKING, *TURNS, "turn")

    def _button(self, rng: np.random.Generator) -> str:
        return TURNS[int(rng.integers(2))]

    def _answers(self, episode: Played) -> NDArray[np.bool_]:
        return episode.held(TURNS[0]) | episode.held(TURNS[1])

    def shown(self, press: Press, frames: Frames) -> int | None:
        side = 1 if press.clip.truth.held(TURNS[0]).any() else -1
        before = press.clip.played.frames[press.clip.context - 1]
        joined = np.concatenate([before[None], frames])
        turns = side * np.nan_to_num(self._meter.turns(joined)[1:])
        # A cut to another picture is no turn: a turn goes on in the next frame.
        there = (np.cumsum(turns)[:-1] > self._TURNED) & (turns[1:] > self._TURNED)
        return int(there.argmax()) if there.any() else None
