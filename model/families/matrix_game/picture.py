"""From a picture to the features that the transformer attends to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from lightcone.model.families.matrix_game.network.config import MatrixGameConfig
from lightcone.model.families.wan.checkpoint.budget import tensor_bytes
from lightcone.model.families.wan.checkpoint.files import tensors_of
from lightcone.model.families.wan.checkpoint.keys import shown
from lightcone.model.interface import WeightsError

Features = Callable[[Tensor], Tensor]
"""A picture (3, H, W) in [-1, 1] -> (text_length, text_width)."""

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


class Clip:
    """The vision tower of CLIP (OpenCLIP's ViT-H/14, as in Wan 2.1) by transformers: what its last
    layer but one gives of each patch."""

    def __init__(self, folder: Path, c: MatrixGameConfig, device: torch.device) -> None:
        """`folder` holds `image_encoder/`. Raises WeightsError."""
        self._model = _loaded(folder, device)
        size = self._model.config.hidden_size
        if size != c.text_width:
            raise WeightsError(
                f"the image encoder in {folder} gives {size} numbers, not {c.text_width}"
            )
        self._device = device

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> Tensor:
        side = self._model.config.image_size
        small = F.interpolate(picture[None].float(), (side, side), mode="bicubic")
        mean, deviation = (small.new_tensor(x)[:, None, None] for x in (_MEAN, _DEVIATION))
        pixels = ((small * 0.5 + 0.5) - mean) / deviation
        pixels = pixels.to(self._device, self._model.dtype)
        found: Tensor = self._model(pixels, output_hidden_states=True).hidden_states[-2][0]
        return found


class Colours:
    """The mean colour of parts of a picture, as random vectors: the encoder of random weights."""

    def __init__(self, c: MatrixGameConfig) -> None:
        self._tokens = c.text_length
        self._mix = torch.randn(3, c.text_width, generator=torch.Generator().manual_seed(0))

    def __call__(self, picture: Tensor) -> Tensor:
        parts = F.adaptive_avg_pool1d(picture.float().cpu().flatten(1), self._tokens)  # (3, N)
        return parts.T @ self._mix


def encoder_bytes(folder: Path) -> int:
    """Of the encoder in bfloat16, by its files, whose numbers are not read. Raises WeightsError
    where they are missing or damaged."""
    _check(folder)
    return tensor_bytes(tensors_of(folder / "image_encoder"), torch.bfloat16)


def _check(folder: Path) -> None:
    if not (folder / "image_encoder").is_dir():
        raise WeightsError(
            f"the image encoder is missing: no image_encoder in {folder}; it is part of "
            "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers, see docs/models.md"
        )


def _loaded(folder: Path, device: torch.device) -> Any:
    _check(folder)
    try:
        from transformers import CLIPVisionModel
    except ImportError as error:
        raise WeightsError(
            "the image encoder needs transformers (pip install 'lightcone[wan]')"
        ) from error
    try:
        read: Any = CLIPVisionModel.from_pretrained(
            folder / "image_encoder",
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"the image encoder in {folder} can not be read: {reason}") from error
    model, loaded = read
    if missing := sorted(loaded["missing_keys"]):
        what = f"{len(missing)} keys are missing: {shown(missing)}"
        raise WeightsError(f"{folder / 'image_encoder'} is no CLIP vision tower; {what}")
    return model.to(device).eval().requires_grad_(False)
