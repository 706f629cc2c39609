"""From tallies to the figures of a world. All are free-running unless the name says
`teacher_forced`; each has the best of the trivial answers and the codec's ceiling beside it, and
under `judge` what the same instrument finds in the truth itself. A figure is NaN (null, or a dash)
where the world has not what it is of.

| key | meaning |
|---|---|
| `teacher_forced_psnr_db` | mean PSNR of the frames of the next chunk, after true chunks |
| `teacher_forced_next_frame_psnr_db` | the same of the first frame of each chunk: GameNGen's |
| `rollout_psnr_db` | mean PSNR over frames 1 to 16 and 1 to 64, actions as in the truth |
| `action_gap_db` | by how much frames 1 to 16 are better than under another clip's actions |
| `response` | share of presses (attack, jump, turn) that show within a frame of the truth |
| `control` | share of holds (turn, run, swim) within 10 % of the truth, out of `counts.holds` |
| `turn_ratio` | median of how far it goes in a hold over how far the truth goes |
| `still_at_rest` | share of rests in which it moves by less than 10 % of full rate |
| `onset_f1`, `onset_error_ms` | shots, or contacts that are audible, against onsets within 60 ms |
| `sharpness` | gradient energy over the truth's mean, in two minutes |
| `objects` | share of frames of the long run in which all is there: the weapon; ball and players |
| `monster_f1` | monsters found by a detector in frames 1 to 32, against the game's labels |
| `monster_share` | share of frames with a monster in the last minute over the game's (labels) |
| `colour_distance` | distance to the game's colours in the last minute over that in the first |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lightcone.model.evaluation.judge.long_run import FIRST, LAST
from lightcone.model.evaluation.judge.rollouts import LENGTHS
from lightcone.model.evaluation.judge.tally import Tally, added

TRIVIAL = ("last_frame", "average", "no_action", "silence", "steady_clicks")
_RESAMPLES = 200

Figures = dict[str, Any]
"""Numbers, or dicts of numbers, by key; NaN where nothing was measured."""


def _mean(measure: str, scale: float = 1.0) -> Callable[[Tally, str], float]:
    return lambda tally, who: scale * tally.mean(who, measure)


def _over_game(measure: str, game: str) -> Callable[[Tally, str], float]:
    return lambda tally, who: _ratio(tally.mean(who, measure), tally.mean("game", game))


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


def _highest(values: Mapping[str, float]) -> str:
    return max(values, key=lambda who: values[who])


def _lowest(values: Mapping[str, float]) -> str:
    return min(values, key=lambda who: values[who])


def _nearest_one(values: Mapping[str, float]) -> str:
    return min(values, key=lambda who: abs(math.log(max(values[who], 1e-6))))


Figure = tuple[str, str | None, Callable[[Tally, str], float], Callable[[Mapping[str, float]], str]]


def figures_of(last_minute: str) -> list[Figure]:
    """Key, key inside it, how it is computed for an answer, and which trivial answer is best."""
    both = ((FIRST, "1"), (LAST, last_minute))
    return [
        ("teacher_forced_psnr_db", None, _mean("forced"), _highest),
        ("teacher_forced_next_frame_psnr_db", None, _mean("next"), _highest),
        *[("rollout_psnr_db", str(n), _mean(f"rollout/{n}"), _highest) for n in LENGTHS],
        ("action_gap_db", None, _mean("gap"), _highest),
        ("response", None, _mean("response"), _highest),
        *[("control", key, _mean(f"control/{when}"), _highest) for when, key in both],
        *[("turn_ratio", key, _mean(f"turned/{when}"), _nearest_one) for when, key in both],
        *[("still_at_rest", key, _mean(f"still/{when}"), _highest) for when, key in both],
        ("onset_f1", None, _mean("onsets"), _highest),
        ("onset_error_ms", None, _mean("onset_error", 1000), _lowest),
        *[
            ("sharpness", key, _over_game(f"gradient/{when}", "gradient"), _nearest_one)
            for when, key in both
        ],
        ("rollout_sharpness", None, _over_game("sharp", "sharp"), _nearest_one),
        ("objects", None, _mean("weapon"), _highest),
        ("monster_f1", None, _mean("monsters"), _highest),
        ("monster_share", None, _over_game("monsters_there/last", "monsters_there"), _nearest_one),
        (
            "colour_distance",
            None,
            lambda t, who: _ratio(t.mean(who, "colours/last"), t.mean(who, "colours/first")),
            _nearest_one,
        ),
    ]


def report(tallies: Sequence[Tally], last_minute: str = "10") -> Figures:
    """Of the tallies of each seed: the model's figures at the top level; `trivial` (the best of
    `trivial_answers`, whose name is in `trivial_by`), `ceiling` (the codec's) and `judge` (what
    the truth itself reads) with the same keys; `interval`: 5 % and 95 % over resampled seeds."""
    total = added(tallies)
    table = figures_of(last_minute)

    def of(tally: Tally, who: str) -> Figures:
        out: Figures = {}
        for key, inner, compute, _ in table:
            _put(out, key, inner, compute(tally, who))
        return out

    everyone = {who: of(total, who) for who in TRIVIAL}
    best: Figures = {}
    best_by: Figures = {}
    for key, inner, compute, choose in table:
        values = {who: compute(total, who) for who in TRIVIAL}
        known = {who: value for who, value in values.items() if math.isfinite(value)}
        name = choose(known) if known else ""
        _put(best, key, inner, known.get(name, math.nan))
        _put(best_by, key, inner, name or None)
    return {
        **of(total, "model"),
        "trivial": best,
        "ceiling": of(total, "codec"),
        "judge": of(total, "truth"),
        "interval": _intervals(tallies, table),
        "trivial_by": best_by,
        "trivial_answers": everyone,
        "counts": _counts(total, last_minute),
    }


def _put(out: Figures, key: str, inner: str | None, value: Any) -> None:
    if inner is None:
        out[key] = value
    else:
        out.setdefault(key, {})[inner] = value


def _intervals(tallies: Sequence[Tally], table: Sequence[Figure]) -> Figures:
    """By drawing as many seeds as there are, with repeats."""
    rng = np.random.default_rng(0)
    draws: list[list[float]] = []
    for _ in range(_RESAMPLES if len(tallies) > 1 else 0):
        drawn = added([tallies[i] for i in rng.integers(len(tallies), size=len(tallies))])
        draws.append([compute(drawn, "model") for _, _, compute, _ in table])
    out: Figures = {}
    for i, (key, inner, _, _) in enumerate(table):
        values = [draw[i] for draw in draws if math.isfinite(draw[i])]
        ends = np.quantile(values, [0.05, 0.95]).tolist() if values else [math.nan, math.nan]
        _put(out, key, inner, ends)
    return out


def _counts(total: Tally, last_minute: str) -> Figures:
    """Over how many things the model's figures are."""
    return {
        "frames_teacher_forced": total.weight("model", "forced"),
        "clips": total.weight("game", "sharp"),
        "presses": total.weight("model", "response"),
        "long_runs": total.weight("game", "gradient"),
        "holds": {
            key: total.weight("model", f"control/{when}")
            for when, key in ((FIRST, "1"), (LAST, last_minute))
        },
        "shots_and_onsets": total.weight("model", "onsets"),
        "monsters_found_and_true": total.weight("model", "monsters"),
    }


def plain(value: Any) -> Any:
    """For JSON: rounded, and what could not be measured as null."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def lines(figures: Figures) -> str:
    """As a table of plain text."""
    heads = ("", "model", "5 %", "95 %", "trivial", "by", "ceiling", "judge", "holds")
    rows: list[tuple[str, ...]] = [heads]
    for key, value in figures.items():
        if key not in figures["trivial"]:
            continue
        for inner in value if isinstance(value, dict) else (None,):

            def at(of: str | None, key: str = key, inner: str | None = inner) -> Any:
                found = (figures if of is None else figures[of])[key]
                return found if inner is None else found[inner]

            low, high = at("interval")
            name = key if inner is None else f"{key} {inner}"
            numbers = [number(each) for each in (at(None), low, high, at("trivial"))]
            rows.append(
                (
                    name,
                    *numbers,
                    at("trivial_by") or "",
                    *map(number, map(at, ("ceiling", "judge"))),
                    f"{figures['counts']['holds'][inner]:g}" if key == "control" else "",
                )
            )
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    return "\n".join("  ".join(f"{c:{w}}" for c, w in zip(r, widths, strict=True)) for r in rows)


def number(value: float | None) -> str:
    """For a table."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"
