"""Long runs: is the world still steered, whole, and of the same colours after minutes?

The first and the last minute, and those that end at other marks, are played by orders whose
obedience is judged. Between them nothing is held for a while, then keys are held at random, then
all of them are mashed, those of the camera too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
    Sheet,
)
from lightcone.model.evaluation.measures import pictures
from lightcone.model.evaluation.orders import (
    Orders,
    orders_of,
)
from lightcone.model.evaluation.parse import shirts_of
from lightcone.model.evaluation.play import (
    Actor,
    Moments,
    Run,
    Simulated,
    Still,
)
from lightcone.model.evaluation.scenes import (
    actions_of,
    legible_moments,
    with_states,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.rates import FPS, FRAMES
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.families.staged.shared.controls import CAMERA_BUTTONS

MARKS = (10, 30)  # minutes at whose end a judged minute ends, besides the first
_SAMPLES = 12  # of colour in each judged minute
_CEILING_SECONDS, _CEILING_WORLDS = 30, 8
_PERIOD = 60 * FPS  # of what is held between judged minutes
_HOME = 2 * FPS  # frames in which the camera is brought back
_EVERY = FPS  # frames between looks at what exists


@dataclass
class Plan:
    """What is held in each frame, (B, T, controls), and what is looked at when.

    `windows` are the judged stretches as (minute, first frame, frames); `orders` those begun at
    a frame, (B,); `whole` the frames at which everything that exists has to be in the picture.
    """

    actions: Tensor
    windows: list[tuple[int, int, int]]
    orders: dict[int, Tensor] = field(default_factory=dict)
    whole: list[int] = field(default_factory=list)


def plan(world: str, test: Orders, count: int, minutes: float, seed: int) -> Plan:
    """For `count` worlds. A judged window is as long as a minute, or half of all."""
    generator = torch.Generator().manual_seed(seed)
    window = round(min(60.0, minutes * 30) * FPS) // test.length * test.length
    window = max(window, test.length)
    total = max(round(minutes * 60 * FPS), 2 * window) // FRAMES * FRAMES
    ends = [m for m in MARKS if window < m * 60 * FPS <= total] or [0]
    windows = [(1, 0, window)]
    for minute in ends:
        end = minute * 60 * FPS // FRAMES * FRAMES if minute else total
        windows.append((minute or round(total / 60 / FPS), end - window, window))
    made = Plan(actions_of(world, count, total), windows)
    at = 0
    for _, first, length in windows:
        if first > at:
            _between(world, made, at, first, generator)
        for begin in range(first, first + length, test.length):
            drawn = test.draw(count, generator)
            made.orders[begin] = drawn
            made.actions[:, begin : begin + test.length] = test.actions(drawn)
        made.whole += list(range(first + FPS // 2, first + length, _EVERY))
        at = first + length
    return made


def _between(world: str, made: Plan, first: int, last: int, generator: torch.Generator) -> None:
    """Fill the frames in between: a quarter of each minute nothing, a quarter held at random, a
    quarter mashed, the rest mashed with the camera, which is then brought back."""
    info = definition(world).info
    names = [b.name for b in info.buttons]
    moves = [names.index(n) for n in names if n not in CAMERA_BUTTONS]
    views = [names.index(n) for n in CAMERA_BUTTONS]
    count = len(made.actions)
    held = torch.zeros(count, made.actions.shape[2])
    camera_presses = torch.zeros(count)
    home, period = last - _HOME, min(_PERIOD, last - first)
    for frame in range(first, last):
        phase = (frame - first) % period * 4 // period
        part = held[:, moves]
        dice = torch.rand(count, len(moves), generator=generator)
        if phase == 0 or frame >= home:
            part = torch.zeros_like(part)
        elif phase == 1:  # each key is held for about a second, one in four
            change = dice < 0.06
            again = torch.rand(count, len(moves), generator=generator) < 0.25
            part = torch.where(change, again.float(), part)
        else:
            part = torch.where(dice < 0.25, 1 - part, part)
        held = torch.zeros_like(held)
        held[:, moves] = part
        if phase == 3 and frame < home:
            view = (torch.rand(count, len(views), generator=generator) < 0.08).float()
            before = made.actions[:, frame - 1, views[-1]]
            view[:, -1] *= 1 - before  # one press is one switch
            camera_presses += view[:, -1]
            held[:, views] = view
        elif phase != 3 or frame >= home:
            # The fixed view comes after the third switch, a look to the rear ends with the second.
            modes = 3 if world != "corridors" else 2
            owed = (-camera_presses) % modes > 0
            press = (owed & (made.actions[:, frame - 1, views[-1]] < 0.5)).float()
            camera_presses += press
            held[:, views[-1]] = press
            held[:, views[1]] = 1.0  # and wide
        made.actions[:, frame] = held
        settled = (frame - first) % period % (period // 4) > _HOME
        if phase != 3 and settled and frame % _EVERY == 0:
            made.whole.append(frame)


@dataclass
class Seen:
    """What was noted in a run."""

    facts: dict[int, Tensor] = field(default_factory=dict)  # before an order
    looks: dict[int, list[Tensor]] = field(default_factory=dict)  # during it, (B, 3, H, W)
    whole: dict[int, Tensor] = field(default_factory=dict)  # (B, 3, H, W)
    drift: dict[int, list[tuple[Tensor, Tensor]]] = field(default_factory=dict)


def play(run: Run, script: Plan, test: Orders, label: str, drift: bool) -> Seen:
    seen = Seen()
    looks = {begin + look: begin for begin in script.orders for look in test.looks}
    whole = set(script.whole)
    sampled: dict[int, int] = {}
    if drift:
        for k, (_, first, length) in enumerate(script.windows):
            step = max(FRAMES, length // _SAMPLES // FRAMES * FRAMES)
            sampled |= {f: k for f in range(first, first + length, step)}
    chunks = range(0, script.actions.shape[1], FRAMES)
    for first in tqdm(chunks, desc=label, unit="chunk"):
        if first in script.orders:
            seen.facts[first] = run.facts
        run.step(script.actions[:, first : first + FRAMES])
        for frame in range(first, first + FRAMES):
            if frame in looks:
                begun = seen.looks.setdefault(looks[frame], [])
                begun.append(run.pictures()[:, frame - first])
            if frame in whole:
                seen.whole[frame] = run.pictures()[:, frame - first]
        if first in sampled:
            pair = run.pictures()[:, -1], run.anew()[:, -1]
            seen.drift.setdefault(sampled[first], []).append(pair)
    return seen


def endurance(
    name: str, actor: Actor, reader: Reader, seeds: Sequence[int], minutes: float, runs: int
) -> Findings:
    test = orders_of(name, reader)
    begun = whole_moments(name, seeds[:runs])
    script = plan(name, test, runs, minutes, seeds[0])
    run = actor.begin(begun, seeds[:runs])
    seen = play(run, script, test, f"{minutes:g} minutes", drift=True)

    trials = (list(seeds) * _CEILING_WORLDS)[:_CEILING_WORLDS]
    short = plan(name, test, len(trials), min(minutes, _CEILING_SECONDS / 60), seeds[0])
    others = whole_moments(name, trials)
    best_run = Simulated(name, actor.size).begin(others, trials)
    perfect = play(best_run, short, test, "ceiling", drift=False)
    still = play(Still(name, actor.size).begin(others, trials), short, test, "trivial", drift=False)
    figures: list[Figure] = []
    best = float(obedience(test, others, perfect, short, None).nanmean())
    empty = float(obedience(test, others, still, short, None).nanmean())
    for k, (minute, _, _) in enumerate(script.windows):
        right = obedience(test, begun, seen, script, k)
        counted = f"{int(right.isfinite().sum())} orders"
        figures.append(
            Figure(
                f"control, minute {minute}", float(right.nanmean()), wanted=0.98,
                trivial={"last frame": empty}, ceiling=best, note=counted,
            )
        )  # fmt: skip
    figures += _existence(name, reader, (begun, seen), (others, perfect), (others, still))
    drift, curve = _drift(seen, script)
    figures += drift
    sheet = {f"minute {m}": _some(seen, first, length) for m, first, length in script.windows}
    return Findings(tuple(figures), curve, (Sheet("long run", sheet),))


def whole_moments(name: str, seeds: Sequence[int]) -> Moments:
    """Legible, and with a rival on the court."""
    found = legible_moments(name, seeds)
    if name != "court":
        return found
    s = found.states
    return with_states(found, replace(s, rivals=torch.ones_like(s.rivals)))


def obedience(test: Orders, begun: Moments, seen: Seen, script: Plan, window: int | None) -> Tensor:
    """(B, orders of a window, or of all): 0, 1 or NaN."""
    first, length = (0, script.actions.shape[1])
    if window is not None:
        _, first, length = script.windows[window]
    begins = [begin for begin in script.orders if first <= begin < first + length]
    batch = begun.states.axes[0]
    worlds = torch.arange(batch).repeat(len(begins))
    right = test.obeyed(
        begun.states[:, -1][worlds],
        torch.cat([seen.facts[begin] for begin in begins]),
        torch.cat([torch.stack(seen.looks[begin], 1) for begin in begins]),
        torch.cat([script.orders[begin] for begin in begins]),
    )
    return right.view(len(begins), batch).T.float()


Played = tuple[Moments, Seen]


def _existence(
    name: str, reader: Reader, run: Played, perfect: Played, still: Played
) -> list[Figure]:
    things = {"court": ("ball", "player", "rival"), "pond": ("board", "person")}.get(name, ())
    if not things:
        return []
    found, best, empty = (_present(name, reader, *each) for each in (run, perfect, still))
    looks = f"of {len(run[1].whole)} looks"
    notes = {"person": f"{looks}; is half under water at times"}
    return [
        Figure(
            f"exactly one {thing}", found[thing], wanted=0.99, ceiling=best[thing],
            trivial={"last frame": empty[thing]}, note=notes.get(thing, looks),
        )
        for thing in things
    ]  # fmt: skip


def _present(name: str, reader: Reader, begun: Moments, seen: Seen) -> dict[str, float]:
    """Share of the pictures that show exactly one of each thing."""
    frames = torch.stack(list(seen.whole.values()), 1)  # (B, looks, 3, H, W)
    batch, looks = frames.shape[:2]
    reading = reader.read(name, frames.flatten(0, 1))
    one = (reading.counts.argmax(-1) == 1).view(batch, looks, -1).float()
    out = {thing: float(one[..., i].mean()) for i, thing in enumerate(reading.world.things)}
    shirts = shirts_of(begun.states)
    if shirts is not None:
        colours = definition("court").words["shirt"]
        for k, who in enumerate(("player", "rival")):
            column = [reading.world.things.index(colours[int(s)]) for s in shirts[:, k]]
            out[who] = float(torch.stack([one[i, :, c] for i, c in enumerate(column)]).mean())
    return out


def _drift(seen: Seen, script: Plan) -> tuple[list[Figure], tuple[Curve, ...]]:
    """Colour and sharpness in each window over those of worlds that begin with the same facts."""
    colours, sharps = [], []
    for k in range(len(script.windows)):
        now = torch.cat([a for a, _ in seen.drift[k]])
        anew = torch.cat([b for _, b in seen.drift[k]])
        colours.append(pictures.colour(now) / pictures.colour(anew).clamp_min(1))
        sharps.append(pictures.sharpness(now) / max(pictures.sharpness(anew), 1e-6))
    figures = []
    for k, (minute, _, _) in enumerate(script.windows[1:], 1):
        off = float((colours[k] / colours[0] - 1).abs().max())
        less = abs(sharps[k] / max(sharps[0], 1e-6) - 1)
        note = "over minute 1; each over worlds that begin with the same facts"
        for kind, value in (("colour", off), ("sharpness", less)):
            figures.append(
                Figure(
                    f"{kind} change, minute {minute}", 100 * value, "%", wanted=3, less=True,
                    note=note,
                )
            )  # fmt: skip
    x = tuple(float(m) for m, _, _ in script.windows)
    lines = {
        "colour": tuple(float(c.mean()) for c in colours),
        "sharpness": tuple(sharps),
    }
    return figures, (Curve("over a world that begins here", "minute", "ratio", x, lines),)


def _some(seen: Seen, first: int, length: int) -> Tensor:
    """Up to eight pictures of the first world in a window."""
    frames = [f for f in seen.whole if first <= f < first + length]
    step = max(1, len(frames) // 8)
    return torch.stack([seen.whole[f][0] for f in frames[::step][:8]])
