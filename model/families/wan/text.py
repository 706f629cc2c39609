"""From a prompt to the numbers that cross-attention sees."""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from lightcone.model.families.wan.checkpoint.budget import tensor_bytes
from lightcone.model.families.wan.checkpoint.files import tensors_of
from lightcone.model.families.wan.checkpoint.keys import shown
from lightcone.model.families.wan.network.config import WanConfig
from lightcone.model.interface import PromptError, WeightsError

TextEncoder = Callable[[str], Tensor]
"""A prompt -> (tokens, text_width), of at most `text_length` tokens. Raises PromptError."""

_REMEMBERED = 64  # prompts


class Umt5:
    """The encoder of UMT5-XXL (Chung et al. 2023) by transformers, as Wan 2.1 uses it. Only the
    tokens of the prompt are computed: those after it would be masked, and are zeros for Wan."""

    def __init__(self, folder: Path, c: WanConfig, device: torch.device) -> None:
        """`folder` holds `text_encoder/` and `tokenizer/`. Raises WeightsError."""
        self._length = c.text_length
        self._device = device
        self._tokenizer, self._model = _loaded(folder, device)

    @torch.inference_mode()
    def __call__(self, prompt: str) -> Tensor:
        ids = self._tokenizer(cleaned(prompt), return_tensors="pt").input_ids
        if ids.shape[1] > self._length:
            reason = f"the prompt is {ids.shape[1]} tokens long, of at most {self._length}"
            raise PromptError((), (), reason)
        found: Tensor = self._model(ids.to(self._device)).last_hidden_state[0]
        return found


class RandomWords:
    """A random vector for each word, always the same one: the encoder of random weights."""

    def __init__(self, c: WanConfig) -> None:
        self._shape = c.text_length, c.text_width

    def __call__(self, prompt: str) -> Tensor:
        length, width = self._shape
        words = cleaned(prompt).lower().split()[:length]
        return torch.stack([_random(word, width) for word in words] or [torch.zeros(width)])


class Remembering:
    """An encoder that remembers the newest prompts. Thread-safe."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._known: OrderedDict[str, Tensor] = OrderedDict()
        self._one_at_a_time = Lock()

    def __call__(self, prompt: str) -> Tensor:
        with self._one_at_a_time:
            if prompt not in self._known:
                self._known[prompt] = self._encoder(prompt)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            self._known.move_to_end(prompt)
            return self._known[prompt]


def cleaned(prompt: str) -> str:
    """As Wan 2.1 cleans prompts: HTML entities are resolved, white space is one space."""
    return re.sub(r"\s+", " ", html.unescape(html.unescape(prompt))).strip()


def padded(text: Tensor, length: int) -> Tensor:
    """(tokens, text_width) -> (length, text_width), with zeros after it."""
    return torch.cat([text, text.new_zeros(length - len(text), text.shape[1])])


def encoder_bytes(folder: Path) -> int:
    """Of the encoder in bfloat16, by its files, whose numbers are not read. Raises WeightsError
    where they are missing or damaged."""
    _check(folder)
    return tensor_bytes(tensors_of(folder / "text_encoder"), torch.bfloat16)


def _check(folder: Path) -> None:
    missing = [n for n in ("text_encoder", "tokenizer") if not (folder / n).is_dir()]
    if missing:
        raise WeightsError(
            f"the text encoder is missing: no {' and no '.join(missing)} in {folder}; "
            "both are part of Wan-AI/Wan2.1-T2V-1.3B-Diffusers, see docs/models.md"
        )


def _loaded(folder: Path, device: torch.device) -> tuple[Any, Any]:
    _check(folder)
    try:
        from transformers import AutoTokenizer, UMT5EncoderModel
    except ImportError as error:
        raise WeightsError(
            "the text encoder needs transformers (pip install 'lightcone[wan]')"
        ) from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        read: Any = UMT5EncoderModel.from_pretrained(
            folder / "text_encoder",
            dtype=torch.bfloat16,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"the text encoder in {folder} can not be read: {reason}") from error
    model, loaded = read
    if missing := sorted(loaded["missing_keys"]):
        what = f"{len(missing)} keys are missing: {shown(missing)}"
        raise WeightsError(f"{folder / 'text_encoder'} is no UMT5 encoder; {what}")
    return tokenizer, model.to(device).eval().requires_grad_(False)


def _random(word: str, width: int) -> Tensor:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=7).digest(), "big")
    return torch.randn(width, generator=torch.Generator().manual_seed(seed))
