"""Charts as SVG texts, without scripts. Colours are classes of the page's style. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH = 920
LEFT, RIGHT, BOTTOM = 56, 16, 34
BINS = 40
TEXTS = 44  # above the bars, for three percentiles
BAR, GAP = 7, 1  # of a press in the chart of all of them
MOST_BARS = 90


@dataclass(frozen=True)
class Stage:
    """`name` is the field of a sample in which it ends; `label` what it is, for people."""

    name: str
    label: str


@dataclass(frozen=True)
class Scale:
    """From values to pixels along one side of a chart."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low or 1.0)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, about: int = 8) -> list[float]:
        """Round values in the scale: multiples of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low or 1.0) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step + 1e-9)
        return [round(step * n, 6) for n in range(first, last + 1)]


def histogram(
    values: Sequence[float], marks: Mapping[str, tuple[float, float, float]], highest: float
) -> str:
    """How often each latency was met, from 0 to `highest`. `marks` are percentiles: value, and
    the interval that it is in."""
    height = 230
    across = Scale(0.0, highest, LEFT, WIDTH - RIGHT)
    counts, edges = np.histogram(values, BINS, (0.0, highest))
    up = Scale(0.0, float(counts.max(initial=1)), height - BOTTOM, TEXTS)
    parts = [*_across(across, height, "ms")]
    for name, (value, low, high) in marks.items():
        x, width = across(low), across(high) - across(low)
        span = f"{name}: {value:g} ms, 95 % between {low:g} and {high:g}"
        parts.append(
            f'<rect class="sure" x="{x}" y="{TEXTS}" width="{max(width, 1):.2f}" '
            f'height="{height - BOTTOM - TEXTS}"><title>{span}</title></rect>'
        )
    for count, left, right in zip(counts, edges, edges[1:], strict=False):
        x, y = across(float(left)), up(float(count))
        parts.append(
            f'<rect class="bar" x="{x + 0.5}" y="{y}" '
            f'width="{across(float(right)) - x - 1:.2f}" height="{height - BOTTOM - y:.2f}">'
            f"<title>{count} from {left:.0f} to {right:.0f} ms</title></rect>"
        )
    foot = height - BOTTOM
    for i, (name, (value, _, _)) in enumerate(marks.items()):
        x, row = across(value), 12 + 13 * i
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{row + 3}" y2="{foot}"/>')
        parts.append(f'<text class="marked" x="{x}" y="{row}">{name} {value:g}</text>')
    return _svg(height, "how often each latency was met", parts)


def median_stages(stages: Sequence[tuple[Stage, float, float]], highest: float) -> str:
    """Each stage in a row of its own, from its start to its end (ms after the press)."""
    row, label = 26, 210
    height = row * len(stages) + BOTTOM + 6
    across = Scale(0.0, highest, LEFT + label, WIDTH - RIGHT - 56)
    parts = [*_across(across, height, "ms")]
    for i, (stage, start, end) in enumerate(stages):
        y, x = 6 + i * row, across(start)
        parts.append(f'<text class="name" x="0" y="{y + 15}">{escape(stage.label)}</text>')
        parts.append(
            f'<rect class="s{i}" x="{x}" y="{y + 3}" rx="2" '
            f'width="{max(across(end) - x, 1.5):.2f}" height="{row - 9}"/>'
        )
        parts.append(
            f'<text class="value" x="{across(end) + 6}" y="{y + 15}">{end - start:.1f} ms</text>'
        )
    return _svg(height, "the stages of a press, by their medians", parts)


def all_stages(
    samples: Sequence[Mapping[str, float | None]], stages: Sequence[Stage], highest: float
) -> str:
    """Each press as a bar of its stages, quickest first; evenly chosen ones where they are many."""
    whole = [s for s in samples if all(s.get(stage.name) is not None for stage in stages)]
    whole.sort(key=lambda sample: _moment(sample, stages[-1].name))
    if len(whole) > MOST_BARS:
        whole = [whole[i] for i in np.linspace(0, len(whole) - 1, MOST_BARS).round().astype(int)]
    height = (BAR + GAP) * len(whole) + BOTTOM + 8
    across = Scale(0.0, highest, LEFT, WIDTH - RIGHT)
    parts = [*_across(across, height, "ms after the press")]
    for n, sample in enumerate(whole):
        begin = 0.0
        for i, stage in enumerate(stages):
            end = _moment(sample, stage.name)
            x = across(begin)
            parts.append(
                f'<rect class="s{i}" x="{x}" y="{8 + n * (BAR + GAP)}" height="{BAR}" '
                f'width="{max(across(end) - x, 0):.2f}">'
                f"<title>{escape(stage.label)}: {end - begin:.1f} ms</title></rect>"
            )
            begin = max(begin, end)
    return _svg(height, "the stages of each press", parts)


def course(
    points: Sequence[tuple[float, float]], line: Sequence[tuple[float, float]], seconds: float
) -> str:
    """Latencies as points and the time between pictures as a line, over the time of measuring:
    pairs of second and milliseconds."""
    height = 240
    highest = max((value for _, value in [*points, *line]), default=1.0)
    across = Scale(0.0, seconds, LEFT, WIDTH - RIGHT)
    up = Scale(0.0, 1.05 * highest, height - BOTTOM, 8)
    parts = [*_across(across, height, "s"), *_up(up)]
    if line:
        path = " ".join(f"{across(at)},{up(value)}" for at, value in line)
        parts.append(f'<polyline class="line" points="{path}"/>')
    for at, value in points:
        parts.append(
            f'<circle class="dot" cx="{across(at)}" cy="{up(value)}" r="3">'
            f"<title>at {at:.1f} s: {value:.1f} ms</title></circle>"
        )
    return _svg(height, "latency and time between pictures, over the time of measuring", parts)


def _moment(sample: Mapping[str, float | None], name: str) -> float:
    moment = sample[name]
    assert moment is not None  # the caller has left out such samples
    return moment


def _across(scale: Scale, height: float, unit: str) -> Iterator[str]:
    y = height - BOTTOM
    yield f'<line class="axis" x1="{scale.start}" x2="{scale.end}" y1="{y}" y2="{y}"/>'
    ticks = scale.ticks()
    for tick in ticks:
        x = scale(tick)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{y}"/>'
        text = f"{tick:g} {unit}" if tick == ticks[-1] else f"{tick:g}"
        yield f'<text class="tick" x="{x}" y="{y + 18}">{text}</text>'


def _up(scale: Scale) -> Iterator[str]:
    for tick in scale.ticks(4):
        y = scale(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        yield f'<text class="high" x="{LEFT - 6}" y="{y + 4}">{tick:g} ms</text>'


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
