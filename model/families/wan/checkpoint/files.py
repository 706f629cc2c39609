"""Checkpoint files as they are published: what is in them is known at once, numbers are read when
they are used, and nothing but tensors is ever unpickled."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lightcone.model.interface import WeightsError

PICKLES = (".pt", ".pth", ".ckpt", ".bin")
_INDEX = ".safetensors.index.json"


def tensors_of(path: Path, prefer: Sequence[str] = ()) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pt file, or of a folder with one .safetensors file or one
    index of several. They stay in the file until they are used. Where a .pt file holds several
    models, the first of `prefer` that it has, else its only one. Raises WeightsError."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise WeightsError(f"{path} is missing")
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix in PICKLES:
        return _only_tensors(path, _unpickled(path), prefer)
    known = ", ".join((".safetensors", *PICKLES))
    raise WeightsError(f"{path} is no checkpoint that can be read (known: {known}, or a folder)")


def _folder(folder: Path) -> dict[str, Tensor]:
    indices = sorted(folder.glob(f"*{_INDEX}"))
    files = sorted(folder.glob("*.safetensors"))
    if len(indices) == 1:
        return _shards(folder, indices[0])
    if len(files) == 1 and not indices:
        return _safetensors(files[0])
    found = f"{len(indices)} indices and {len(files)} .safetensors files"
    raise WeightsError(f"{folder} holds {found}, not one index or one file")


def _shards(folder: Path, index: Path) -> dict[str, Tensor]:
    try:
        places: Mapping[str, str] = json.loads(index.read_text())["weight_map"]
        names = sorted(set(places.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{index} is no index of shards: {error}") from error
    if missing := [name for name in names if not (folder / name).is_file()]:
        raise WeightsError(f"{index} names shards that are not there: {', '.join(missing)}")
    shards = {name: _safetensors(folder / name) for name in names}
    if absent := [key for key, name in places.items() if key not in shards[name]]:
        raise WeightsError(f"{index} names {len(absent)} tensors that its shards have not")
    return {key: shards[name][key] for key, name in places.items()}


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} is damaged, or not all of it is there: {error}") from error


def _unpickled(path: Path) -> Any:
    try:
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap can only be used" not in str(error):
                raise
            return torch.load(path, map_location="cpu", weights_only=True)  # of torch before 1.6
    except UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({named[1]})" if named else ""
        raise WeightsError(
            f"{path} holds more than tensors{what}, which could run code, so it is not read"
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path} is damaged, or not all of it is there: {reason}") from error


def _only_tensors(path: Path, held: Any, prefer: Sequence[str]) -> dict[str, Tensor]:
    if isinstance(held, Mapping) and not any(isinstance(v, Tensor) for v in held.values()):
        models = {str(k): v for k, v in held.items() if _is_state(v)}
        chosen = [name for name in prefer if name in models] or list(models)
        if not chosen or (len(chosen) > 1 and chosen[0] not in prefer):
            raise WeightsError(f"{path} holds none of {', '.join(prefer)}, or several models")
        held = models[chosen[0]]
    if not _is_state(held):
        raise WeightsError(f"{path} holds no tensors by name")
    return {str(key): value for key, value in held.items()}


def _is_state(held: Any) -> bool:
    return (
        isinstance(held, Mapping)
        and bool(held)
        and all(isinstance(value, Tensor) for value in held.values())
    )
