"""Do worlds look as prompts ask, from the start and when they change on the way?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation.findings import (
    Figure,
    Findings,
    Sheet,
)
from lightcone.model.evaluation.play import (
    Learned,
    LearnedRun,
    play,
)
from lightcone.model.evaluation.scenes import (
    actions_of,
    moments,
    wide,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.prompts import Grammar
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.reading.readable import readable
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.interface import How
from lightcone.model.simulators.catalogue import open_simulator

HOWS: tuple[How, ...] = ("cut", "blend", "recache")
_BLEND = 12  # chunks
_STARTED = 4  # chunks until a new world is looked at
_LATER = 24  # chunks after a change until the last look
_CHECKED = 4  # last looks in which the new attribute has to be seen, all


def prompting(learned: Learned, reader: Reader, seeds: Sequence[int]) -> Findings:
    ceiling = _ceiling(learned, reader, seeds)
    first, sheet = _starts(learned, reader, seeds, ceiling)
    return first + Findings(sheets=(sheet,)) + _changes(learned, reader, seeds, ceiling)


def phrase(grammar: Grammar, values: Mapping[str, int]) -> str:
    """A prompt of these values, attribute by attribute in the grammar's order."""
    return ", ".join(grammar.words[name][v] for name, v in values.items())


def judged_by(reading_world: str) -> tuple[str, ...]:
    """Attributes that the reader tells, shirts among them."""
    shirts = ("shirt", "rival") if reading_world == "court" else ()
    return (*readable(reading_world).attributes, *shirts)


def agrees(
    reader: Reader, world: str, pictures: Tensor, asked: Sequence[Mapping[str, int]]
) -> dict[str, Tensor]:
    """For pictures (N, 3, H, W) and what was asked of each: of each attribute, 1 where the reader
    sees it, 0 where not, NaN where it was not asked or cannot be decided, (N,)."""
    reading = reader.read(world, pictures)
    values = reading.values()
    one = reading.counts.argmax(-1) == 1
    out: dict[str, Tensor] = {}
    for name in judged_by(world):
        right = torch.full((len(pictures),), torch.nan)
        for i, wanted in enumerate(asked):
            if name not in wanted:
                continue
            if name in values:
                right[i] = float(int(values[name][i]) == wanted[name])
            elif name == "shirt" or wanted.get("players", 0) == 1:
                shirt = definition(world).words[name][wanted[name]]
                right[i] = float(one[i, reading.world.things.index(shirt)])
        out[name] = right
    return out


def _all_of(agreement: Mapping[str, Tensor]) -> Tensor:
    """Whether all that was asked of each picture and can be decided is there: (N,) bool."""
    return torch.stack(list(agreement.values())).nan_to_num(1.0).amin(0) > 0.5


def share(agreement: Mapping[str, Tensor]) -> float:
    """Of all that was asked and can be decided."""
    return float(torch.stack(list(agreement.values())).nanmean())


def _ceiling(learned: Learned, reader: Reader, seeds: Sequence[int]) -> dict[str, Tensor]:
    """What the reader makes of the simulator's own pictures: of each attribute, as `agrees`."""
    name, simulator = learned.name, open_simulator(learned.name)
    found = moments(name, [*seeds, *(1000 + s for s in seeds)])
    states = wide(found.states[:, -1:])
    names = list(definition(name).words)
    asked = [
        {n: v for n, v in zip(names, row, strict=True) if v >= 0}
        for row in simulator.attributes(states).tolist()
    ]
    return agrees(reader, name, simulator.render(states, learned.size)[:, 0], asked)


def _starts(
    learned: Learned, reader: Reader, seeds: Sequence[int], ceiling: Mapping[str, Tensor]
) -> tuple[Findings, Sheet]:
    """Prompts that name all of the appearance, how many players there are, and a wide view."""
    grammar, name = learned.grammar, learned.name
    named = [n for n in grammar.names if n in grammar.appearance or n == "players"]
    named = [n for n in named if n in judged_by(name)]
    rng = np.random.default_rng(seeds[0])
    asked, states = [], []
    for seed in tqdm(seeds, desc="start prompts", unit="world"):
        values = {n: int(rng.integers(len(grammar.words[n]))) for n in named}
        view = grammar.words["view"][0]
        states.append(learned.start(seed, f"{phrase(grammar, values)}, {view}"))
        asked.append(_possible(grammar, dict.fromkeys(grammar.names, 0), values))
    run = LearnedRun(learned.model, states)
    play(run, actions_of(name, len(seeds), _STARTED * FRAMES))
    seen = run.pictures()[:, -1]
    right = agrees(reader, name, seen, asked)
    others = agrees(reader, name, seen.roll(1, 0), asked)
    asked_of = [n for n in right if bool(right[n].isfinite().any())]
    figures = [
        Figure(
            "prompt obeyed at the start", share(right), wanted=0.95,
            trivial={"another prompt's picture": share(others)},
            ceiling=share({n: ceiling[n] for n in asked_of}),
        )
    ]  # fmt: skip
    figures += [
        Figure(
            f"prompt obeyed at the start: {n}",
            float(right[n].nanmean()),
            ceiling=share({n: ceiling[n]}),
        )
        for n in asked_of
    ]
    order = torch.stack([right[n] for n in asked_of], 1).nanmean(1).argsort()[:8].tolist()
    worst = {f"{phrase(grammar, asked[i])}": seen[i : i + 1] for i in order}
    return Findings(tuple(figures)), Sheet("start prompts, worst", worst)


def _changes(
    learned: Learned, reader: Reader, seeds: Sequence[int], ceiling: Mapping[str, Tensor]
) -> Findings:
    """One attribute changes in a running world: by each of HOWS."""
    name, grammar = learned.name, learned.grammar
    named = [n for n in grammar.names if n in grammar.changeable and n in judged_by(name)]
    figures: list[Figure] = []
    rows: dict[str, Tensor] = {}
    for how in tqdm(HOWS, desc="changed prompts", unit="way"):
        rng = np.random.default_rng(seeds[0])
        states, unasked, asked, kept = [], [], [], []
        for k, seed in enumerate(seeds):
            state = learned.start(seed, grammar.words["view"][0])
            now = dict(zip(grammar.names, state.prompt.values, strict=True))
            attribute = named[(k + seeds[0]) % len(named)]
            if now[attribute] < 0:  # such as the shirt of a rival who is not there
                attribute = named[0]
            prompt, values = _other(grammar, attribute, now, rng)
            unasked.append(state)
            state = learned.prompt(state, prompt, how, _BLEND)
            states.append(state)
            asked.append(values)
            kept.append(prompt)
        before = LearnedRun(learned.model, unasked)
        play(before, actions_of(name, len(seeds), FRAMES))
        empty = _all_of(agrees(reader, name, before.pictures()[:, -1], asked))
        run = LearnedRun(learned.model, states)
        looks, frames = [], []
        for _ in range(_LATER):
            play(run, actions_of(name, len(seeds), FRAMES))
            frames.append(run.pictures()[:, -1])
            looks.append(_all_of(agrees(reader, name, frames[-1], asked)))
        seen = torch.stack(looks, 1)  # (B, chunks)
        lasting = seen.flip(1).int().cumprod(1).flip(1)  # from here on to the end
        obeyed = lasting[:, -_CHECKED:].all(1)
        after = (1 - lasting).sum(1).float() + 1
        due = _BLEND if how == "blend" else 1
        late = float(after[obeyed].mean()) if obeyed.any() else float("nan")
        can = [_all_of({n: ceiling[n] for n in values if n in ceiling}) for values in asked]
        figures.append(
            Figure(
                f"prompt obeyed after a change: {how}", float(obeyed.float().mean()), wanted=0.95,
                trivial={"last frame": float(empty.float().mean())},
                ceiling=float(torch.cat(can).float().mean()),
                note=f"{len(seeds)} changes; seen after {late:.1f} chunks, due after {due}",
            )
        )  # fmt: skip
        for i in range(min(3, len(seeds))):
            rows[f"{how}: {kept[i]}"] = torch.stack(frames, 1)[i, [0, 2, 5, 8, 11, 14, 19, 23]]
    columns = tuple(f"chunk {c + 1}" for c in (0, 2, 5, 8, 11, 14, 19, 23))
    return Findings(tuple(figures), (), (Sheet("changed prompts", rows, columns),))


def _other(
    grammar: Grammar, attribute: str, now: dict[str, int], rng: np.random.Generator
) -> tuple[str, dict[str, int]]:
    """A prompt that gives an attribute another value, and what is to be seen then. A word that
    would be taken for another attribute comes after one for that."""
    words = grammar.words[attribute]
    ways: list[tuple[str, dict[str, int]]] = []
    for value in range(len(words)):
        earlier = [
            n
            for n in grammar.names[: grammar.names.index(attribute)]
            if n in grammar.changeable and words[value] in grammar.words[n] and now[n] >= 0
        ]
        prompt = phrase(grammar, {**{n: now[n] for n in earlier}, attribute: value})
        seen = _possible(grammar, now, grammar.asked(prompt, begun=True))
        if value != now[attribute] and seen[attribute] == value:
            ways.append((prompt, seen))
    prompt, seen = ways[int(rng.integers(len(ways)))]
    return prompt, {**seen, **_players(now)}


def _possible(grammar: Grammar, now: Mapping[str, int], asked: Mapping[str, int]) -> dict[str, int]:
    """What is asked, as far as it goes together."""
    settled = grammar.settled(tuple(now[n] for n in grammar.names), asked)
    return {n: v for n, v in zip(grammar.names, settled, strict=True) if n in asked}


def _players(now: Mapping[str, int]) -> dict[str, int]:
    return {"players": now["players"]} if "players" in now else {}
