"""The page of a run's losses: one file that a browser opens and that renews itself."""

from __future__ import annotations

import json
from collections import defaultdict
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT = 640, 180
_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta http-equiv="refresh" content="30"><title>Training</title>
<style>body{font:15px system-ui;margin:2rem;background:#111;color:#ddd}
svg{background:#1b1b1b;border-radius:6px}h2{font-size:1rem;margin:1.2rem 0 .3rem}
polyline{fill:none;stroke:#6cf;stroke-width:1.5}small{color:#999}</style></head><body>
"""


def write_page(log: Path, page: Path) -> None:
    """From the JSON lines of a run (`budget.Loss`)."""
    curves: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for line in log.read_text().splitlines() if log.exists() else ():
        try:
            point = json.loads(line)
        except ValueError:
            continue  # a line that was cut off
        for name, value in point.items():
            if name not in ("stage", "step", "seconds"):
                curves[point["stage"], name].append((point["step"], value))
    parts = [_HEAD]
    for (stage, name), points in curves.items():
        parts.append(f"<h2>{escape(stage)}: {escape(name)} <small>{points[-1][1]:.4g}</small></h2>")
        parts.append(_curve(points))
    beside = page.with_suffix(".partial")
    beside.write_text("\n".join([*parts, "</body></html>\n"]))
    beside.replace(page)


def _curve(points: list[tuple[float, float]]) -> str:
    xs, ys = [x for x, _ in points], sorted(y for _, y in points)
    low, high = ys[0], ys[int(0.98 * (len(ys) - 1))]  # without the peak of the beginning
    width, height = max(xs[-1] - xs[0], 1), max(high - low, 1e-9)
    drawn = " ".join(
        f"{_WIDTH * (x - xs[0]) / width:.1f},{_HEIGHT * (1 - min(y - low, height) / height):.1f}"
        for x, y in points
    )
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img"><polyline points="{drawn}"/></svg>'
        f"<br><small>steps {xs[0]:g} to {xs[-1]:g}, from {high:.4g} down to {low:.4g}</small>"
    )
