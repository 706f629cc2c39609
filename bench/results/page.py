"""The result of `bench latency` as one page that needs nothing else: no scripts, no network. Pure,
but for its style, which is a file beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from statistics import median
from typing import Any

from lightcone.bench.results.charts import (
    Stage,
    all_stages,
    course,
    histogram,
    median_stages,
)

STAGES = (
    Stage("sent", "sent: the page"),
    Stage("received", "received: the network"),
    Stage("sampled", "sampled: until a chunk starts"),
    Stage("stepped", "stepped: the model"),
    Stage("encoded", "encoded: until it is due"),
    Stage("arrived", "arrived: the network"),
    Stage("photon", "shown: decoder and page"),
    Stage("display", "on the screen, expected"),
)
KINDS = {"photon": "Key to photon", "display": "Key to display", "ear": "Key to ear"}
"""What has a distribution, by the field of a sample; the figure is `key_to_photon_ms` and so on."""

Sample = Mapping[str, Any]


def page(result: Mapping[str, Any]) -> str:
    """HTML. `result` as `bench latency --json` prints it."""
    samples = found_samples(result)
    style = files("lightcone.bench.results").joinpath("style.css").read_text()
    title = f"Latency of {_subject(result)}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_origin(result))}</p>",
        f'<div class="cards">{"".join(_cards(result))}</div>',
        *_distributions(result, samples),
        *_timeline(samples),
        *_course(result, samples),
        *_conditions(result),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    return (
        f'<!doctype html><html lang="en"><head>{head}<title>{escape(title)}</title>'
        f"<style>{style}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def found_samples(result: Mapping[str, Any]) -> list[Sample]:
    """Of a page seen from outside; else of the browser, else of the headless client."""
    clients = result.get("clients", {})
    for place in (result, clients.get("chromium", {}), clients.get("headless", {})):
        if "samples" in place:
            return list(place["samples"])
    return []


def known_stages(samples: Sequence[Sample]) -> list[Stage]:
    """Those that most samples have."""
    return [
        stage
        for stage in STAGES
        if sum(sample.get(stage.name) is not None for sample in samples) > len(samples) / 2
    ]


def _subject(result: Mapping[str, Any]) -> str:
    settings = result["settings"]
    if settings.get("subject") == "pixel":
        return str(settings.get("url"))
    return f"{settings.get('world')}, Lightcone"


def _origin(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    where = f"{machine.get('cpu')}, {machine.get('cores')} cores"
    code = result.get("commit")
    return f"{result.get('at')} · {where}" + (f" · commit {code}" if code else "")


def _cards(result: Mapping[str, Any]) -> Iterator[str]:
    for field, title in KINDS.items():
        found = result.get(f"key_to_{field}_ms")
        if found:
            yield _card(title, f"{found['p50']:g} ms", _percentiles(found))
    pictures = result.get("pictures")
    if pictures:
        gap = f"{pictures['fps']:g} a second; {pictures['freezes_over_1_s']} freezes over 1 s"
        yield _card("Longest without a picture", f"{pictures['longest_gap_ms']:g} ms", gap)
    missed = result.get("unseen", result.get("lost"))
    if missed is not None:
        presses = result.get("presses", result["settings"].get("presses"))
        yield _card("Presses without an answer", f"{missed}", f"of {presses}")


def _percentiles(found: Mapping[str, Any]) -> str:
    low, high = found["intervals"]["p50"]
    tail = f"p95 {found['p95']:g}, p99 {found['p99']:g}"
    return f"median, {low:g} to {high:g}<br>{tail}<br>of {found['n']}"


def _card(title: str, value: str, small: str) -> str:
    return f'<div class="card"><h3>{title}</h3><b>{value}</b><small>{small}</small></div>'


def _distributions(result: Mapping[str, Any], samples: Sequence[Sample]) -> Iterator[str]:
    values = {
        field: [sample[field] for sample in samples if sample.get(field) is not None]
        for field in KINDS
    }
    highest = 1.1 * max((value for each in values.values() for value in each), default=0.0)
    if not highest:
        return
    yield "<h2>Distributions</h2>"
    yield "<p>Shaded: where each percentile is with 95 %, by the bootstrap.</p>"
    for field, title in KINDS.items():
        figure = result.get(f"key_to_{field}_ms")
        if values[field] and figure:
            marks = {p: (figure[p], *figure["intervals"][p]) for p in figure["intervals"]}
            yield _figure(title, histogram(values[field], marks, highest))


def _timeline(samples: Sequence[Sample]) -> Iterator[str]:
    stages = known_stages(samples)
    if len(stages) < 2:
        return
    ends = [
        median(sample[stage.name] for sample in samples if sample.get(stage.name) is not None)
        for stage in stages
    ]
    spans = list(zip(stages, [0.0, *ends], ends, strict=False))
    last = stages[-1].name
    highest = 1.05 * max(sample[last] for sample in samples if sample.get(last) is not None)
    yield "<h2>By stage</h2>"
    yield "<p>From the key event on. What a page does not say of itself is in the stage after.</p>"
    yield _figure("Medians", median_stages(spans, 1.05 * max(ends)))
    yield _figure(
        "All presses, quickest first", _legend(stages) + all_stages(samples, stages, highest)
    )


def _legend(stages: Sequence[Stage]) -> str:
    swatch = (
        '<svg viewBox="0 0 1 1" aria-hidden="true"><rect class="s{}" width="1" height="1"/></svg>'
    )
    items = (f"<li>{swatch.format(i)}{escape(stage.label)}</li>" for i, stage in enumerate(stages))
    return f'<ul class="legend">{"".join(items)}</ul>'


def _course(result: Mapping[str, Any], samples: Sequence[Sample]) -> Iterator[str]:
    shown = (result.get("pictures") or {}).get("shown_at_ms", [])
    moments = [*shown, *(sample["pressed"] for sample in samples)]
    if not moments:
        return
    first, last = min(moments), max(moments)
    points = [
        ((sample["pressed"] - first) / 1000, sample["photon"])
        for sample in samples
        if sample.get("photon") is not None
    ]
    line = [((b - first) / 1000, b - a) for a, b in pairwise(shown)]
    yield "<h2>Over time</h2>"
    yield "<p>Dots: key to photon of each press. Line: from one picture to the next.</p>"
    yield _figure("", course(points, line, (last - first) / 1000))


def _conditions(result: Mapping[str, Any]) -> Iterator[str]:
    machine = dict(result["machine"])
    packages = machine.pop("packages", {})
    tables = {"Settings": result["settings"], "Machine": machine, "Versions": packages}
    for title, table in tables.items():
        rows = "".join(
            f"<tr><td>{escape(str(name))}</td><td>{escape(_plain(value))}</td></tr>"
            for name, value in table.items()
        )
        yield f"<h2>{title}</h2><table>{rows}</table>"
    measured = result.get("measured")
    if measured:
        yield f"<h2>What was measured</h2><p>{escape(measured)}.</p>"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "–" if value in (None, "") else str(value)


def _figure(caption: str, content: str) -> str:
    title = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f"<figure>{title}{content}</figure>"
