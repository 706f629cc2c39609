"""The shipped weights: one file for all worlds, and how it is read and written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lightcone.model.codecs.cell import CELL
from lightcone.model.codecs.picture import PictureCodec, PictureCodecConfig
from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.families.staged.entry import CONFIG_FILE, WEIGHTS_FILE, weights_config
from lightcone.model.families.staged.learnable import learnable
from lightcone.model.families.staged.network.config import PictureSize, TransformerConfig
from lightcone.model.families.staged.network.network import (
    Knowledge,
    Network,
)
from lightcone.model.families.staged.network.text import Vocabulary
from lightcone.model.families.staged.prompts import Values
from lightcone.model.families.staged.reading.reader import Reader
from lightcone.model.interface import WeightsError
from lightcone.model.runtime.checkpoint import another


@dataclass(frozen=True)
class Starts:
    """Moments to start from: facts `state` (N, frames, COUNT), and the values of the attributes of
    each."""

    state: Tensor
    values: list[Values]


@dataclass(frozen=True)
class Weights:
    """Everything that was learned. `dynamics` and `starts` by the names of worlds."""

    picture: PictureCodec
    sound: SoundCodec
    network: Network
    reader: Reader
    dynamics: dict[str, nn.Module]
    starts: dict[str, Starts]

    @property
    def size(self) -> PictureSize:
        """Of the pictures that are shown."""
        return self.network.config.size.at(self.picture.config.pixels)

    @property
    def _modules(self) -> dict[str, nn.Module]:
        states = {f"dynamics.{name}": module for name, module in self.dynamics.items()}
        return {
            "picture": self.picture,
            "sound": self.sound,
            "network": self.network,
            "reader": self.reader,
            **states,
        }

    @property
    def _config(self) -> dict[str, Any]:
        picture = asdict(self.picture.config)
        if picture["pixels"] == CELL:  # as it was named before decoders could draw more
            del picture["pixels"]
        return {
            "picture": picture,
            "sound": asdict(self.sound.config),
            "transformer": asdict(self.network.config),
            "worlds": list(self.network.worlds),
            "words": list(self.network.vocabulary.words),
            "starts": {name: starts.values for name, starts in self.starts.items()},
        }

    @cached_property
    def digest(self) -> str:
        """Names the architecture and every number of it, as they are when first asked for: a model
        converts the modules to its number format."""
        found = sha256(json.dumps(self._config, sort_keys=True).encode())
        for name, module in self._modules.items():
            for key, value in module.state_dict().items():
                found.update(f"{name}.{key}".encode())
                found.update(value.detach().cpu().contiguous().float().numpy().tobytes())
        for name, starts in self.starts.items():
            found.update(f"starts.{name}".encode())
            found.update(starts.state.contiguous().numpy().tobytes())
        return found.hexdigest()

    @classmethod
    def load(cls, folder: Path) -> Weights:
        """Raises WeightsError."""
        tensors, config = _read(folder)
        try:
            sound: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in config["sound"].items()
            }
            known = Knowledge(tuple(config["worlds"]), Vocabulary(tuple(config["words"])))
            weights = cls(
                picture=PictureCodec(PictureCodecConfig(**config["picture"])),
                sound=SoundCodec(SoundCodecConfig(**sound)),
                network=Network(TransformerConfig(**config["transformer"]), known),
                reader=Reader(known.worlds),
                dynamics={name: learnable(name).dynamics() for name in known.worlds},
                starts={
                    name: Starts(
                        tensors[f"starts.{name}"].float(),
                        [tuple(row) for row in config["starts"][name]],
                    )
                    for name in known.worlds
                },
            )
            for name, module in weights._modules.items():
                start = len(name) + 1
                part = {
                    k[start:]: v.float() for k, v in tensors.items() if k.startswith(f"{name}.")
                }
                module.load_state_dict(part)
                module.eval().requires_grad_(False)
        except (KeyError, TypeError, RuntimeError) as error:
            raise another(folder, error) from error
        return weights

    def save(self, folder: Path) -> None:
        """Write them as they are shipped, with their configuration: float16, but for the state
        streams, since positions need more digits."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for name, module in self._modules.items():
            precise = name.startswith("dynamics")
            for key, value in module.state_dict().items():
                kept = value.detach().cpu()
                tensors[f"{name}.{key}"] = (kept if precise else kept.half()).contiguous()
        for name, starts in self.starts.items():
            tensors[f"starts.{name}"] = starts.state.contiguous()
        (folder / WEIGHTS_FILE).write_bytes(save(tensors))  # as the umask says
        (folder / CONFIG_FILE).write_text(json.dumps(self._config) + "\n")


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    config = weights_config(folder)
    try:
        return load_file(folder / WEIGHTS_FILE), config
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{folder / WEIGHTS_FILE} is corrupt: {error}") from error
