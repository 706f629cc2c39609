"""LoRA (Hu et al. 2021): low-rank changes of weights, added to them once, when they are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from lightcone.model.families.wan.checkpoint.keys import original, shown
from lightcone.model.interface import WeightsError

_DOWN = (".lora_A.weight", ".lora_A.default.weight", ".lora_down.weight")
_UP = (".lora_B.weight", ".lora_B.default.weight", ".lora_up.weight")
_ALPHA = (".alpha",)


@dataclass(frozen=True)
class Change:
    """Of one weight (out, in): `up` (out, rank) @ `down` (rank, in), times `scale`."""

    down: Tensor
    up: Tensor
    scale: float = 1.0

    def added_to(self, weight: Tensor) -> Tensor:
        change = self.scale * (self.up.float() @ self.down.float())
        return (weight.float() + change).to(weight.dtype)


def changes(
    lora: Mapping[str, Tensor], base: Mapping[str, Tensor], path: Path
) -> dict[str, Change]:
    """By the key of the weight in `base`. Without an alpha the scale is 1. Raises WeightsError
    where it changes what is not there, or the shapes do not go together."""
    found: dict[str, dict[str, Tensor]] = {}
    strange = []
    for key, value in lora.items():
        part = _part(key)
        if part is None:
            strange.append(key)
            continue
        suffix, name = part
        found.setdefault(original(key.removesuffix(suffix) + ".weight"), {})[name] = value
    if strange:
        raise WeightsError(f"{path} holds {len(strange)} keys of no LoRA: {shown(strange)}")
    absent = [key for key in found if key not in base]
    if absent or not found:
        unknown = f"{len(absent)} unknown weights: {shown(absent)}" if absent else "it is empty"
        raise WeightsError(f"{path} is a LoRA of another model: {unknown}")
    out, wrong = {}, []
    for key, parts in found.items():
        down, up, shape = parts.get("down"), parts.get("up"), tuple(base[key].shape)
        if down is None or up is None or not _fits(down, up, shape):
            shapes = " @ ".join(str(tuple(t.shape)) for t in (up, down) if t is not None)
            wrong.append(f"{key} is {shapes} for {shape}")
            continue
        alpha = parts.get("alpha")
        out[key] = Change(down, up, 1.0 if alpha is None else float(alpha) / len(down))
    if wrong:
        raise WeightsError(f"{path} is a LoRA of other shapes: {shown(wrong, 2)}")
    return out


def merged(base: Mapping[str, Tensor], by: Mapping[str, Change]) -> dict[str, Tensor]:
    return {key: by[key].added_to(value) if key in by else value for key, value in base.items()}


def _part(key: str) -> tuple[str, str] | None:
    for name, suffixes in (("down", _DOWN), ("up", _UP), ("alpha", _ALPHA)):
        for suffix in suffixes:
            if key.endswith(suffix):
                return suffix, name
    return None


def _fits(down: Tensor, up: Tensor, shape: tuple[int, ...]) -> bool:
    if down.ndim != 2 or up.ndim != 2 or len(shape) != 2:
        return False
    return up.shape[1] == down.shape[0] and torch.Size((up.shape[0], down.shape[1])) == shape
