"""Do worlds look as prompts ask, from the start and when they change on the way?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from model.interface import How
from model.judge.findings import Figure, Findings, Sheet
from model.judge.play import LearnedRun, play
from model.judge.scenes import actions_of, moments, wide
from model.latents import FRAMES
from model.prompts import Grammar
from model.readable import readable
from model.reader import Reader
from model.simulators import open_simulator
from model.world import LearnedWorld

HOWS: tuple[How, ...] = ("cut", "blend", "recache")
_BLEND = 12  # chunks
_STARTED = 4  # chunks until a new world is looked at
_LATER = 24  # chunks after a change until the last look
_CHECKED = 4  # last looks in which the new attribute has to be seen, all


def prompting(world: LearnedWorld, reader: Reader, seeds: Sequence[int]) -> Findings:
    ceiling = _ceiling(world.name, reader, seeds)
    first, sheet = _starts(world, reader, seeds, ceiling)
    return first + Findings(sheets=(sheet,)) + _changes(world, reader, seeds, ceiling)


def said(grammar: Grammar, values: Mapping[str, int]) -> str:
    """A prompt of these values, attribute by attribute in the grammar's order."""
    return ", ".join(grammar.words[name][v] for name, v in values.items())


def legal(world: str, values: dict[str, int]) -> dict[str, int]:
    """Values that can be had together: no weather under a roof, no two shirts alike."""
    words = open_simulator(world).WORDS
    if world == "court":
        if words["look"][values["look"]] == "gym":
            values["weather"] = 0
        if values["rival"] == values["shirt"]:
            values["rival"] = (values["rival"] + 1) % len(words["rival"])
    return values


def told_by(reading_world: str) -> tuple[str, ...]:
    """Attributes that the reader tells, shirts among them."""
    shirts = ("shirt", "rival") if reading_world == "court" else ()
    return (*readable(reading_world).attributes, *shirts)


def agrees(
    reader: Reader, world: str, pictures: Tensor, asked: Sequence[Mapping[str, int]]
) -> dict[str, Tensor]:
    """For pictures (N, 3, H, W) and what was asked of each: of each attribute, 1 where the reader
    sees it, 0 where not, NaN where it was not asked or can not be told, (N,)."""
    reading = reader.read(world, pictures)
    values = reading.values()
    one = reading.counts.argmax(-1) == 1
    out: dict[str, Tensor] = {}
    for name in told_by(world):
        right = torch.full((len(pictures),), torch.nan)
        for i, wanted in enumerate(asked):
            if name not in wanted:
                continue
            if name in values:
                right[i] = float(int(values[name][i]) == wanted[name])
            elif name == "shirt" or wanted.get("players", 0) == 1:
                shirt = open_simulator(world).WORDS[name][wanted[name]]
                right[i] = float(one[i, reading.world.things.index(shirt)])
        out[name] = right
    return out


def share(agreement: Mapping[str, Tensor]) -> float:
    """Of all that was asked and can be told."""
    return float(torch.stack(list(agreement.values())).nanmean())


def _ceiling(name: str, reader: Reader, seeds: Sequence[int]) -> dict[str, float]:
    """What the reader makes of the simulator's own pictures, by attribute."""
    simulator = open_simulator(name)
    found = moments(name, [*seeds, *(1000 + s for s in seeds)])
    states = wide(found.states[:, -1:])
    names = list(simulator.WORDS)
    asked = [
        {n: v for n, v in zip(names, row, strict=True) if v >= 0}
        for row in simulator.attributes(states).tolist()
    ]
    right = agrees(reader, name, simulator.render(states)[:, 0], asked)
    return {n: float(v.nanmean()) for n, v in right.items()}


def _starts(
    world: LearnedWorld, reader: Reader, seeds: Sequence[int], ceiling: Mapping[str, float]
) -> tuple[Findings, Sheet]:
    """Prompts that name all of the appearance, how many players there are, and a wide view."""
    grammar, name = world.grammar, world.name
    named = [n for n in grammar.names if n in grammar.appearance or n == "players"]
    named = [n for n in named if n in told_by(name)]
    rng = np.random.default_rng(seeds[0])
    asked, states = [], []
    for seed in tqdm(seeds, desc="start prompts", unit="world"):
        values = {n: int(rng.integers(len(grammar.words[n]))) for n in named}
        values = legal(name, values)
        asked.append(values)
        view = grammar.words["view"][0]
        states.append(world.start(seed, f"{said(grammar, values)}, {view}"))
    run = LearnedRun(world, states)
    play(run, actions_of(name, len(seeds), _STARTED * FRAMES))
    seen = run.pictures()[:, -1]
    right = agrees(reader, name, seen, asked)
    others = agrees(reader, name, seen.roll(1, 0), asked)
    asked_of = [n for n in right if bool(right[n].isfinite().any())]
    figures = [
        Figure(
            "prompt obeyed at the start", share(right), wanted=0.95,
            trivial={"another prompt's picture": share(others)},
            ceiling=float(np.nanmean([ceiling[n] for n in asked_of])),
        )
    ]  # fmt: skip
    figures += [
        Figure(f"prompt obeyed at the start: {n}", float(right[n].nanmean()), ceiling=ceiling[n])
        for n in asked_of
    ]
    order = torch.stack([right[n] for n in asked_of], 1).nanmean(1).argsort()[:8].tolist()
    worst = {f"{said(grammar, asked[i])}": seen[i : i + 1] for i in order}
    return Findings(tuple(figures)), Sheet("start prompts, worst", worst)


def _changes(
    world: LearnedWorld, reader: Reader, seeds: Sequence[int], ceiling: Mapping[str, float]
) -> Findings:
    """One attribute changes in a running world: by each of HOWS."""
    name, grammar = world.name, world.grammar
    named = [n for n in grammar.names if n in grammar.changeable and n in told_by(name)]
    figures: list[Figure] = []
    rows: dict[str, Tensor] = {}
    for how in tqdm(HOWS, desc="changed prompts", unit="way"):
        rng = np.random.default_rng(seeds[0])
        states, asked, kept = [], [], []
        for k, seed in enumerate(seeds):
            state = world.start(seed, grammar.words["view"][0])
            now = dict(zip(grammar.names, state.prompt.values, strict=True))
            attribute = named[(k + seeds[0]) % len(named)]
            if now[attribute] < 0:  # such as the shirt of a rival who is not there
                attribute = named[0]
            prompt, values = _other(grammar, name, attribute, now, rng)
            state, _ = world.prompt(state, prompt, how, _BLEND)
            states.append(state)
            asked.append(values)
            kept.append(prompt)
        run = LearnedRun(world, states)
        looks, frames = [], []
        for _ in range(_LATER):
            play(run, actions_of(name, len(seeds), FRAMES))
            frames.append(run.pictures()[:, -1])
            right = torch.stack(list(agrees(reader, name, frames[-1], asked).values()))
            looks.append(right.nanmean(0))  # all that was asked of each world, (B,)
        seen = torch.stack(looks, 1) > 0.99  # (B, chunks)
        lasting = seen.flip(1).int().cumprod(1).flip(1)  # from here on to the end
        obeyed = lasting[:, -_CHECKED:].all(1)
        after = (1 - lasting).sum(1).float() + 1
        due = _BLEND if how == "blend" else 1
        late = float(after[obeyed].mean()) if obeyed.any() else float("nan")
        can = [ceiling[n] for values in asked for n in values if n in ceiling]
        figures.append(
            Figure(
                f"prompt obeyed after a change: {how}", float(obeyed.float().mean()), wanted=0.95,
                trivial={"last frame": 0.0}, ceiling=float(np.nanmean(can)),
                note=f"{len(seeds)} changes; seen after {late:.1f} chunks, due after {due}",
            )
        )  # fmt: skip
        for i in range(min(3, len(seeds))):
            rows[f"{how}: {kept[i]}"] = torch.stack(frames, 1)[i, [0, 2, 5, 8, 11, 14, 19, 23]]
    columns = tuple(f"chunk {c + 1}" for c in (0, 2, 5, 8, 11, 14, 19, 23))
    return Findings(tuple(figures), (), (Sheet("changed prompts", rows, columns),))


def _other(
    grammar: Grammar, world: str, attribute: str, now: dict[str, int], rng: np.random.Generator
) -> tuple[str, dict[str, int]]:
    """A prompt that gives an attribute another value, and what it asks for. A word that would be
    taken for another attribute comes after one for that."""
    words = grammar.words[attribute]
    value = int(rng.integers(len(words) - 1))
    value += value >= now[attribute]
    values = {**now, attribute: value}
    if world == "court":
        values = {**legal(world, dict(values)), attribute: value}
        if attribute == "weather" and value and grammar.words["look"][now["look"]] == "gym":
            values["look"] = grammar.words["look"].index("park")
    named = {n: v for n, v in values.items() if n == attribute or v != now[n]}
    earlier = [
        n
        for n in grammar.names
        if n in grammar.changeable
        and words[value] in grammar.words[n]
        and grammar.names.index(n) < grammar.names.index(attribute)
    ]
    named = {n: values[n] for n in grammar.names if n in named or (n in earlier and now[n] >= 0)}
    prompt = said(grammar, named)
    asked = grammar.asked(prompt, begun=True)
    return prompt, {**{k: v for k, v in asked.items()}, **_players(now)}


def _players(now: Mapping[str, int]) -> dict[str, int]:
    return {"players": now["players"]} if "players" in now else {}
