"""`bench compare A B`: is B better than A, worse, or can no difference be found?"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lightcone.bench.errors import BenchError
from lightcone.bench.results.reading import Result, read
from lightcone.bench.statistics import SEED, interval, resampled

PERCENTILES = (50, 95)
LEAST = 5  # values of each: below that an interval says nothing
FREE = {"seed", "presses", "joins", "quiet", "token"}
"""Settings that may differ: they say how much is measured, not what. So may the server's address,
for which `url` of a page that is measured by pixels is the page itself."""
MACHINE = ("cpu", "cores")


def run(args: Namespace) -> dict[str, Any]:
    """The report. Raises BenchError where the two can not be compared."""
    before, after = read(args.before), read(args.after)
    against = list(differences(before, after))
    if against and not args.force:
        raise BenchError(f"not comparable (--force does it all the same): {'; '.join(against)}")
    compared = compare(before.series, after.series)
    if not compared:
        raise BenchError(f"{before.file} and {after.file} have no {LEAST} samples of the same kind")
    return {
        "before": _named(before),
        "after": _named(after),
        **({"not_comparable": against} if against else {}),
        "compared": compared,
        "verdict": verdict(compared),
    }


def differences(before: Result, after: Result) -> Iterator[str]:
    """Why figures of the one say nothing about those of the other."""
    if before.command != after.command:
        yield f"the commands are {before.command} and {after.command}"
    for name in MACHINE:
        if before.machine.get(name) != after.machine.get(name):
            yield f"{name}: {before.machine.get(name)} and {after.machine.get(name)}"
    free = FREE if before.settings.get("subject") == "pixel" else {*FREE, "url"}
    for name in sorted((before.settings.keys() | after.settings.keys()) - free):
        values = before.settings.get(name), after.settings.get(name)
        if values[0] != values[1]:
            yield f"{name}: {values[0]} and {values[1]}"


def compare(
    before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, Any]]:
    """For each series that both have, by percentile: the values, their difference and the 95 %
    interval of it by the bootstrap. Less is better."""
    random = np.random.default_rng(SEED)
    found: dict[str, dict[str, Any]] = {}
    for name in before:
        a, b = before[name], after.get(name, ())
        if min(len(a), len(b)) < LEAST:
            continue
        for p in PERCENTILES:
            low, high = interval(resampled(b, p, random) - resampled(a, p, random), 2)
            was, now = (float(np.percentile(values, p)) for values in (a, b))
            found[f"{name} p{p}"] = {
                "before": round(was, 2),
                "after": round(now, 2),
                "difference": round(now - was, 2),
                "from": low,
                "to": high,
                "verdict": "better" if high < 0 else "worse" if low > 0 else "no difference found",
            }
    return found


def verdict(compared: Mapping[str, Mapping[str, Any]]) -> str:
    """In one sentence. Of many figures without a difference one in twenty seems to have one."""
    parts = []
    for kind in ("worse", "better"):
        names = [name for name, each in compared.items() if each["verdict"] == kind]
        if names:
            parts.append(f"{kind}: {', '.join(names)}")
    return "; ".join(parts) or "no difference found"


def _named(result: Result) -> str:
    content = result.content
    return f"{result.file} ({content.get('commit') or 'no commit'}, {content.get('at')})"
