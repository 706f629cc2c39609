"""Measures of clips: what a model makes of a true moment, against what the game then showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lightcone.model.evaluation.judge.clips import (
    WRONG,
    Clip,
    another,
    clip,
    otherwise,
)
from lightcone.model.evaluation.judge.instruments import Instruments
from lightcone.model.evaluation.judge.playing import Answer, Candidate
from lightcone.model.evaluation.judge.protocol import Frames, Sound
from lightcone.model.evaluation.judge.senses.hearing import Ear, match
from lightcone.model.evaluation.judge.senses.monsters import Found, compare
from lightcone.model.evaluation.judge.senses.pictures import gradient_energy, psnr
from lightcone.model.evaluation.judge.tally import Tally
from lightcone.model.evaluation.judge.truth import Played, Truth
from lightcone.model.interface import Actions

LENGTHS = (16, 64)  # frames of rollouts
FORCED = 64  # frames that are teacher-forced
MONSTERS = 32  # frames in which monsters are compared
SOON = 1  # frames by which an answer to a press may be early or late
PRESSES = 2  # of each seed
SHOWN = (1, 4, 8, 16, 32, 64, 128)  # frames on the sheet


def judge_clip(
    candidate: Candidate, truth: Truth, tools: Instruments, seed: int, context_s: float
) -> tuple[Tally, dict[str, Frames]]:
    """Teacher-forced and free-running PSNR, the gap between right and wrong actions, sound events,
    monsters, and sharpness while the truth applies; and rows of pictures for the sheet."""
    tally = Tally()
    one = clip(truth, candidate.info, seed, context_s)
    true = one.truth
    wrong = another(truth, one)
    rested = otherwise(truth, one, np.zeros_like(true.actions))
    answers: dict[str, Answer] = {
        "truth": Answer(true.frames, true.sound),
        "codec": candidate.codec(one),
        **_trivial(one, tools.average),
        "no_action": Answer(rested.frames[one.context :], _after(rested, one.context)),
    }
    begun = candidate.after_context(one)
    forced, lengths = candidate.forced(begun, true, FORCED)
    answers["model"] = candidate.free(begun, true.actions)
    wrongly = candidate.free(begun, wrong[: len(true)])
    candidate.let_go(begun)

    _judge_forced(tally, one, forced, lengths, answers)
    for who, answer in answers.items():
        each = psnr(answer.frames, true.frames)
        for length in LENGTHS:
            if len(each) >= length:
                tally.add(who, f"rollout/{length}", float(each[:length].sum()), length)
        tally.add(who, "sharp", gradient_energy(answer.frames[: max(LENGTHS)]))
    tally.add("game", "sharp", gradient_energy(true.frames[: max(LENGTHS)]))
    _judge_gap(tally, candidate, truth, one, wrong, answers, wrongly)
    if tools.ear is not None:
        _judge_sound(tally, tools.ear, one, answers)
    if tools.detector is not None:
        for who, answer in answers.items():
            peaks = tools.detector.find(answer.frames[:MONSTERS])
            found = Found(0, 0, 0)
            height, width = true.frames.shape[1:3]
            for of_frame, boxes in zip(peaks, true.boxes, strict=False):
                found += compare(of_frame, boxes, width, height)
            tally.add(who, "monsters", 2 * found.matched, found.found + found.true)
    shown = [frame - 1 for frame in SHOWN if frame <= len(true)]
    rows = {who: answers[who].frames[shown] for who in ("truth", "model", "codec")}
    return tally, rows


def _trivial(one: Clip, average: Frames) -> dict[str, Answer]:
    """The last frame of the context, and the mean picture of the game, in silence."""
    count = len(one.truth)
    silence = None
    if one.truth.sound is not None:
        silence = np.zeros_like(one.truth.sound)
    last = one.played.frames[one.context - 1]
    return {
        "last_frame": Answer(np.repeat(last[None], count, 0), silence),
        "average": Answer(np.repeat(average[None], count, 0), silence),
    }


def _after(played: Played, frame: int) -> Sound | None:
    return played.part(frame, len(played)).sound


def _judge_forced(
    tally: Tally, one: Clip, forced: Frames, lengths: Sequence[int], answers: Mapping[str, Answer]
) -> None:
    """`forced`: the mean over all frames of the chunks; `next`: over the first frame of each, which
    is the one after what was seen (GameNGen's measure)."""
    firsts = np.cumsum([0, *lengths[:-1]])
    true = one.truth.frames[: len(forced)]
    shown = {
        "model": forced,
        "last_frame": last_seen(one, lengths),
        **{who: answers[who].frames[: len(forced)] for who in ("truth", "codec", "average")},
    }
    for who, frames in shown.items():
        each = psnr(frames, true)
        tally.add(who, "forced", float(each.sum()), len(each))
        tally.add(who, "next", float(each[firsts].sum()), len(firsts))


def last_seen(one: Clip, lengths: Sequence[int]) -> Frames:
    """For each frame of teacher-forced chunks of these lengths, the last one that was seen."""
    firsts = np.cumsum([0, *lengths[:-1]])
    return one.played.frames[np.repeat(firsts, lengths) + one.context - 1]


def _judge_gap(
    tally: Tally,
    candidate: Candidate,
    truth: Truth,
    one: Clip,
    wrong: Actions,
    answers: Mapping[str, Answer],
    wrongly: Answer,
) -> None:
    """dB by which frames 1 to 16 are better than under the actions of another clip."""
    game = otherwise(truth, one, wrong)
    codec = candidate.reconstruct(*_chunks(game, one.context + WRONG))[0][one.context :]
    other = {"model": wrongly.frames, "truth": game.frames[one.context :], "codec": codec}
    # Whoever ignores actions answers both alike.
    other |= {who: answers[who].frames for who in ("last_frame", "average", "no_action")}
    true = one.truth.frames[:WRONG]
    for who, frames in other.items():
        right, false = psnr(answers[who].frames, true), psnr(frames, true)
        count = min(len(right), len(false))
        tally.add(who, "gap", float((right[:count] - false[:count]).sum()), count)


def _chunks(played: Played, frames: int) -> tuple[Frames, Sound | None]:
    """So many frames; where the game ended, its last picture stays, in silence."""
    missing = max(0, frames - len(played))
    shown = np.concatenate([played.frames[:frames], np.repeat(played.frames[-1:], missing, 0)])
    sound = played.part(0, min(frames, len(played))).sound
    if sound is not None:
        sound = np.pad(sound, (0, played.info.samples(0, frames) - len(sound)))
    return shown, sound


def _judge_sound(tally: Tally, ear: Ear, one: Clip, answers: Mapping[str, Answer]) -> None:
    """Events of the truth, against onsets. Their F1 is the sum of twice the matched over the sum
    of found and true."""
    true = one.truth
    events = true.events or ()
    heard_by = {who: answers[who] for who in answers if who != "average"}
    heard_by["silence"] = heard_by.pop("last_frame")
    for who, answer in heard_by.items():
        if answer.sound is not None and len(answer.sound):
            heard = ear.hear(answer.sound, events, true.faint)
            tally.add(who, "onsets", 2 * heard.matched, heard.found + heard.true)
            tally.add(who, "onset_error", heard.error, heard.matched)
    seconds = len(true) / true.info.fps
    steady = (np.arange(len(events)) + 0.5) * seconds / max(1, len(events))
    ticks = match(steady.tolist(), [event / ear.fps + ear.delay for event in events])
    tally.add("steady_clicks", "onsets", 2 * ticks.matched, ticks.found + ticks.true)
    tally.add("steady_clicks", "onset_error", ticks.error, ticks.matched)


def judge_presses(
    candidate: Candidate, truth: Truth, tools: Instruments, seed: int, context_s: float
) -> Tally:
    """The share of presses, from rest, that show in the frame in which the truth shows them, or
    one earlier or later, and in none before."""
    tally, trigger = Tally(), tools.trigger
    if trigger is None:
        return tally
    for number in range(PRESSES):
        found = trigger.press(truth, candidate.info, seed, number, context_s)
        if found is None:
            continue
        one = found.clip
        begun = candidate.after_context(one)
        made = candidate.free(begun, one.truth.actions)
        candidate.let_go(begun)
        shown = {
            "model": made,
            "codec": candidate.codec(one),
            "truth": Answer(one.truth.frames, None),
            **_trivial(one, tools.average),
        }
        for who, answer in shown.items():
            frame = trigger.shown(found, answer.frames)
            soon = frame is not None and abs(frame - found.frame) <= SOON
            tally.add(who, "response", float(soon))
            if frame is not None:
                tally.add(who, "shot_late", frame - found.frame)
        tally.add("no_action", "response", 0.0)
    return tally
