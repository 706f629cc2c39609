"""Turn away for a while and back: is the same wall still there?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation import experiments
from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
    Sheet,
)
from lightcone.model.evaluation.measures import pictures
from lightcone.model.evaluation.play import (
    Actor,
    Moments,
    Simulated,
    Still,
)
from lightcone.model.evaluation.scenes import actions_of
from lightcone.model.families.staged.corridors.constants import TURN_SPEED
from lightcone.model.families.staged.rates import FPS, FRAMES

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
    after coming back. A still picture would have it too; the PSNR while away tells them apart."""
    begun = experiments.open_ways(seeds)
    losses: list[float] = []
    figures: list[Figure] = []
    rows: dict[str, Tensor] = {}
    for seconds in tqdm(away, desc="memory", unit="run"):
        held = script(seconds, len(seeds))
        judged = seconds == _WANTED_AT
        actors = {"truth": Simulated("corridors", actor.size), "model": actor}
        if judged:
            actors["still"] = Still("corridors", actor.size)
        looks = {who: _looks(each, begun, seeds, held) for who, each in actors.items()}
        true = looks.pop("truth")
        near = {who: [pictures.psnr(a, b) for a, b in zip(made, true, strict=True)]
                for who, made in looks.items()}  # fmt: skip
        loss = {who: float((p[0] - p[2]).mean()) for who, p in near.items()}
        losses.append(loss["model"])
        trivial: dict[str, float] = {}
        if judged:
            other = pictures.psnr(true[2].roll(1, 0), true[2])
            wrong = float((near["model"][0] - other).mean())
            trivial = {"last frame": loss["still"], "another wall": wrong}
            figures += [
                Figure(
                    f"memory: PSNR {when}, {seconds:g} s", float(near["model"][k].mean()), "dB",
                    trivial={"last frame": float(near["still"][k].mean())},
                )
                for k, when in enumerate(("before", "while away", "after"))
            ]  # fmt: skip
        figures.append(
            Figure(
                f"memory: loss after {seconds:g} s", loss["model"], "dB",
                wanted=1.5 if judged else None, less=True, trivial=trivial,
            )
        )  # fmt: skip
        worst = int((near["model"][0] - near["model"][2]).argmax())
        made = looks["model"]
        rows[f"{seconds:g} s, seed {seeds[worst]}"] = torch.stack(
            [true[0][worst], made[0][worst], true[2][worst], made[2][worst]]
        )
    curve = Curve("memory", "seconds away", "dB lost", tuple(away), {"model": tuple(losses)})
    columns = ("truth before", "model before", "truth after", "model after")
    return Findings(tuple(figures), (curve,), (Sheet("turned away and back", rows, columns),))


def _looks(
    actor: Actor, begun: Moments, seeds: Sequence[int], held: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The last pictures (B, 3, H, W) before turning away, while away and after coming back."""
    run = actor.begin(begun, seeds)
    away = held.shape[1] - _BEFORE - _TURN // FRAMES * FRAMES
    seen: dict[int, Tensor] = {}
    for last in range(FRAMES, held.shape[1] + 1, FRAMES):
        run.step(held[:, last - FRAMES : last])
        if last in (_BEFORE, away, held.shape[1]):
            seen[last] = run.pictures()[:, -1]
    return seen[_BEFORE], seen[away], seen[held.shape[1]]
