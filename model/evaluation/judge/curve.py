"""Quality against hours of training: the figures of the weights that a run kept on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightcone.model.evaluation.judge import report
from lightcone.model.evaluation.judge.protocol import NotJudged
from lightcone.model.training.avdit.export import marks

STEPS = "2"  # of denoising, as served


def weights_of(run: Path) -> list[Path]:
    """The folders of weights, the oldest first, what the run has now last. Raises NotJudged."""
    kept = [*marks(run), run / "weights"]
    found = [folder for folder in kept if (folder / "config.json").is_file()]
    if not found:
        raise NotJudged(f"{run} is no run of lightcone train avdit that has weights yet")
    return found


def lines(data: Mapping[str, Any]) -> str:
    """A table of all points, with the last frame and the codec alone below."""
    heads = ("hours", "16 frames, dB", "64 frames, dB", "sharpness")
    rows = [(report.number(p["hours"]), p["steps"][STEPS]) for p in data["curve"]]
    last = data["curve"][-1]
    rows += [("last frame", last["trivial"]), ("codec", last["ceiling"])]
    out = ["  ".join(f"{head:>14}" for head in heads)]
    for name, figures in rows:
        dB = figures["rollout_psnr_db"]
        cells = [name, *(report.number(x) for x in (dB["16"], dB["64"], figures["sharpness"]))]
        out.append("  ".join(f"{cell:>14}" for cell in cells))
    return "\n".join(out)


def draw(out: Path, points: Sequence[Mapping[str, Any]]) -> None:
    """PSNR of 16 and of 64 free-running frames against hours, between the last frame repeated and
    the codec alone."""
    from matplotlib.figure import Figure

    hours = [point["hours"] for point in points]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for frames, colour in (("16", "C0"), ("64", "C1")):
        made = [point["steps"][STEPS]["rollout_psnr_db"][frames] for point in points]
        axes.plot(hours, made, "o-", color=colour, label=f"{frames} frames, free-running")
        for who, style in (("ceiling", "--"), ("trivial", ":")):
            name = "codec alone" if who == "ceiling" else "last frame"
            level = points[-1][who]["rollout_psnr_db"][frames]
            axes.axhline(level, color=colour, linestyle=style, label=f"{frames} frames, {name}")
    axes.set(xlabel="hours of training, all stages", ylabel="PSNR, dB")
    axes.legend(fontsize="small")
    figure.savefig(out, dpi=120)
