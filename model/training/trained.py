"""What a training folder holds of the codecs, and of the shape of its transformer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import torch

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.families.staged.network.config import TransformerConfig
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import WeightsError
from lightcone.model.runtime.checkpoint import (
    load_module,
    read,
)

C = TypeVar("C", PictureCodec, SoundCodec)


def codec_path(folder: Path, which: str) -> Path:
    """Where a codec is trained."""
    return folder / f"{which}.pt"


def decoder_path(folder: Path, which: str) -> Path:
    """Where a codec is whose decoder was trained further."""
    return folder / f"{which}-decoder.pt"


def load_codecs(
    folder: Path, device: torch.device, start_from: Path = WEIGHTS_DIR
) -> tuple[PictureCodec, SoundCodec]:
    """The codecs trained in a folder, each else that of the weights in `start_from`. Raises
    WeightsError."""
    picture = _trained(folder, "picture", PictureCodec, PictureCodecConfig)
    sound = _trained(folder, "sound", SoundCodec, SoundCodecConfig)
    if picture is None or sound is None:
        before = Weights.load(start_from)
        picture, sound = picture or before.picture, sound or before.sound
    picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture.to(device).eval().requires_grad_(False)
    sound.to(device).eval().requires_grad_(False)
    return picture, sound


def _trained(folder: Path, name: str, kind: type[C], config: type[Any]) -> C | None:
    """A codec of a training folder, None where it has none."""
    paths = [decoder_path(folder, name), codec_path(folder, name)]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return None
    codec = kind(config(**read(path).get("config", {})))
    load_module(codec, path)
    return codec


def keep_codecs(folder: Path, picture: PictureCodec, sound: SoundCodec) -> None:
    """Put codecs that were not trained in a folder there: under what is trained on their latents
    they must not change."""
    for name, codec in (("picture", picture), ("sound", sound)):
        path = codec_path(folder, name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"module": codec.state_dict(), "config": asdict(codec.config)}, path)


def trained_config(path: Path) -> TransformerConfig:
    """Of the network in a checkpoint. Raises WeightsError."""
    try:
        return TransformerConfig(**read(path)["config"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path} is of another architecture: {error}") from error
