"""Turn away for a while and back: is the same wall still there?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from model.interface import FPS
from model.judge import experiments, pictures
from model.judge.findings import Curve, Figure, Findings, Sheet
from model.judge.play import Actor, Moments, Simulated
from model.judge.scenes import actions_of
from model.latents import FRAMES
from model.worlds.corridors.physics import TURN_SPEED

AWAY = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds
_WANTED_AT = 4.0
_BEFORE = FPS // 2  # frames of looking at the wall first, and afterwards
_TURN = round(2.0 / TURN_SPEED * FPS)  # frames of turning by 2 radians


def script(seconds: float, count: int) -> Tensor:
    """Look, turn away, stay so that `seconds` pass between both turns' ends, turn back, look."""
    stay = max(0, round(seconds * FPS) - _TURN) // FRAMES * FRAMES
    turn = _TURN // FRAMES * FRAMES
    axis = torch.zeros(count, _BEFORE + 2 * turn + stay + _BEFORE)
    axis[:, _BEFORE : _BEFORE + turn] = 1.0
    axis[:, _BEFORE + turn + stay : _BEFORE + 2 * turn + stay] = -1.0
    return actions_of("corridors", count, axis.shape[1], turn=axis)


def memory(actor: Actor, seeds: Sequence[int], away: Sequence[float] = AWAY) -> Findings:
    """In the corridors. The loss is the PSNR against the simulator before turning away less that
    after coming back."""
    begun = experiments.open_ways(seeds)
    losses: list[float] = []
    wrong = math.nan
    rows: dict[str, Tensor] = {}
    for seconds in tqdm(away, desc="memory", unit="run"):
        held = script(seconds, len(seeds))
        true, made = (_ends(who, begun, seeds, held) for who in (Simulated("corridors"), actor))
        before = pictures.psnr(made[0], true[0])
        after = pictures.psnr(made[1], true[1])
        losses.append(float((before - after).mean()))
        if seconds == _WANTED_AT:
            other = pictures.psnr(true[1].roll(1, 0), true[1])
            wrong = float((before - other).mean())
        worst = int((before - after).argmax())
        rows[f"{seconds:g} s, seed {seeds[worst]}"] = torch.stack(
            [true[0][worst], made[0][worst], true[1][worst], made[1][worst]]
        )
    figures = []
    for seconds, loss in zip(away, losses, strict=True):
        wanted = 1.5 if seconds == _WANTED_AT else None
        figures.append(
            Figure(
                f"memory: loss after {seconds:g} s", loss, "dB", wanted=wanted, less=True,
                trivial={"another wall": wrong} if wanted else {}, ceiling=0.0,
            )
        )  # fmt: skip
    curve = Curve("memory", "seconds away", "dB lost", tuple(away), {"model": tuple(losses)})
    columns = ("truth before", "model before", "truth after", "model after")
    return Findings(tuple(figures), (curve,), (Sheet("turned away and back", rows, columns),))


def _ends(
    actor: Actor, begun: Moments, seeds: Sequence[int], held: Tensor
) -> tuple[Tensor, Tensor]:
    """The last pictures (B, 3, H, W) before turning away and after having come back."""
    run = actor.begin(begun, seeds)
    before = torch.empty(0)
    for first in range(0, held.shape[1], FRAMES):
        run.step(held[:, first : first + FRAMES])
        if first + FRAMES == _BEFORE:
            before = run.pictures()[:, -1]
    return before, run.pictures()[:, -1]
