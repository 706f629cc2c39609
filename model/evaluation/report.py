"""The report of `lightcone evaluate`: one page with a table of figures, plots, and pictures beside
the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Plot
from torch import Tensor

from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
    Sheet,
)

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
       color: #1c2330; background: #fbfbfd; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { padding: .3rem .6rem; text-align: left; border-bottom: 1px solid #dde1ea; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.reached { color: #11703b; } .missed { color: #b3261e; font-weight: 600; }
.note { color: #667085; font-size: .85em; }
img { max-width: 100%; } figure { margin: 1rem 0; } figcaption { color: #667085; }
"""


def write(folder: Path, found: Mapping[str, Findings], settings: Mapping[str, Any]) -> Path:
    """Write report.html and its pictures; `settings` are the settings it was made with."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"<h1>Lightcone: {escape(', '.join(found))}</h1>"]
    line = ", ".join(f"{k} {v}" for k, v in settings.items())
    parts.append(f"<p class=note>{escape(line)}</p>")
    for world, findings in found.items():
        parts.append(f"<h2>{escape(world)}</h2>")
        parts.append(table(findings.figures))
        for k, curve in enumerate(findings.curves):
            name = f"{world}-curve-{k}.png"
            _plot(curve).savefig(folder / name, dpi=110)
            parts.append(_image(name, curve.name))
        for k, sheet in enumerate(findings.sheets):
            name = f"{world}-sheet-{k}.png"
            contact_sheet(sheet).savefig(folder / name, dpi=100)
            parts.append(_image(name, sheet.name))
    page = folder / "report.html"
    page.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Lightcone report</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )
    return page


def table(figures: tuple[Figure, ...]) -> str:
    """As HTML."""
    heads = ("measure", "reached", "wanted", "trivial answers", "ceiling of the judge")
    rows = ["<tr>" + "".join(f"<th>{h}</th>" for h in heads) + "</tr>"]
    for f in figures:
        colour = {True: "reached", False: "missed", None: ""}[f.reached]
        note = f"<div class=note>{escape(f.note)}</div>" if f.note else ""
        rows.append(
            f"<tr><td>{escape(f.name)}{note}</td>"
            f"<td class='number {colour}'>{number(f.value)} {f.unit}</td>"
            f"<td class=number>{wanted(f)}</td><td>{escape(trivial(f))}</td>"
            f"<td class=number>{'' if f.ceiling is None else number(f.ceiling)}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def lines(figures: tuple[Figure, ...]) -> str:
    """As plain text."""
    out = []
    for f in figures:
        mark = {True: "+", False: "-", None: " "}[f.reached]
        parts = [f"{mark} {f.name:42} {number(f.value):>8} {f.unit:3} {wanted(f):>8}"]
        if f.trivial:
            parts.append(f"  trivial: {trivial(f)}")
        if f.ceiling is not None:
            parts.append(f"  ceiling: {number(f.ceiling)}")
        if f.note:
            parts.append(f"  ({f.note})")
        out.append("".join(parts))
    return "\n".join(out)


def wanted(f: Figure) -> str:
    return "" if f.wanted is None else f"{'≤' if f.less else '≥'} {f.wanted:g}"


def trivial(f: Figure) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in f.trivial.items())


def number(value: float) -> str:
    """Three or four digits; what could not be measured as a dash."""
    if not math.isfinite(value):
        return "–"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def as_data(figures: tuple[Figure, ...]) -> list[dict[str, Any]]:
    """For JSON, in which what could not be measured is null."""

    def plain(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else round(value, 4)

    return [
        {
            "name": f.name, "value": plain(f.value), "unit": f.unit, "wanted": f.wanted,
            "less": f.less, "reached": f.reached, "ceiling": plain(f.ceiling), "note": f.note,
            "trivial": {name: plain(v) for name, v in f.trivial.items()},
        }
        for f in figures
    ]  # fmt: skip


def _plot(curve: Curve) -> Plot:
    plot = Plot(figsize=(8, 3.2), layout="constrained")
    axes = plot.subplots()
    for name, values in curve.lines.items():
        axes.plot(curve.x, values, marker="." if len(curve.x) < 40 else None, label=name)
    axes.set(title=curve.name, xlabel=curve.along, ylabel=curve.up)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return plot


def contact_sheet(sheet: Sheet) -> Plot:
    """A row of pictures under each caption."""
    widest = max((len(row) for row in sheet.rows.values()), default=1)
    rows = max(1, len(sheet.rows))
    plot = Plot(figsize=(1.7 * max(widest, 4), 1.55 * rows), layout="constrained")
    grid = plot.subplots(rows, widest, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for k, (row, (name, pictures)) in enumerate(zip(grid, sheet.rows.items(), strict=False)):
        row[0].set_title(name, fontsize=7, loc="left")
        for i, picture in enumerate(pictures):
            row[i].imshow(_upright(picture), interpolation="nearest")
            if k == 0 and i < len(sheet.columns):
                row[i].text(
                    1, 0, sheet.columns[i], fontsize=6, transform=row[i].transAxes, ha="right",
                    va="top",
                )  # fmt: skip
    return plot


def _upright(picture: Tensor) -> Any:
    """(3, H, W) -> (H, W, 3)."""
    return picture.permute(1, 2, 0).cpu().numpy()


def _image(name: str, caption: str) -> str:
    alt = escape(caption)
    return f"<figure><img src='{name}' alt='{alt}'><figcaption>{alt}</figcaption></figure>"
