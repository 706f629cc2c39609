"""The weights of one world of the avdit family, and the folder they are in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lightcone.model.codecs.sound import SoundCodec, SoundCodecConfig
from lightcone.model.codecs.video import VideoCodec, VideoCodecConfig
from lightcone.model.families.avdit.entry import CONFIG_FILE, WEIGHTS_FILE, read_config
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.interface import WeightsError
from lightcone.model.runtime.checkpoint import another


@dataclass(frozen=True)
class Starts:
    """Moments of recorded play from which sessions begin: N of C chunks each."""

    latents: Latents  # (N, C, ...)
    actions: Tensor  # (N, C, frames, controls)
    text: Tensor  # (N, words)


@dataclass(frozen=True)
class Weights:
    world: Mapping[str, Any]  # as recordings name it: `recordings.format.info_to_json`
    words: tuple[str, ...]  # that a prompt may use
    numbers: Numbers
    picture: VideoCodec
    sound: SoundCodec | None
    transformer: Transformer
    starts: Starts
    trained: Mapping[str, Any]  # how: recordings, command, steps

    @property
    def _modules(self) -> dict[str, nn.Module]:
        found: dict[str, nn.Module] = {"picture": self.picture, "transformer": self.transformer}
        if self.sound is not None:
            found["sound"] = self.sound
        return found

    @property
    def _config(self) -> dict[str, Any]:
        return {
            "family": "avdit",
            "world": dict(self.world),
            "words": list(self.words),
            "numbers": asdict(self.numbers),
            "picture": asdict(self.picture.config),
            "sound": None if self.sound is None else asdict(self.sound.config),
            "transformer": asdict(self.transformer.config),
            "trained": dict(self.trained),
        }

    def _tensors(self) -> dict[str, Tensor]:
        out = {
            f"{part}.{key}": value.detach().cpu()
            for part, module in self._modules.items()
            for key, value in module.state_dict().items()
        }
        starts = self.starts
        out |= {f"starts.{name}": value for name, value in starts.latents._asdict().items()}
        return out | {"starts.actions": starts.actions, "starts.text": starts.text}

    @cached_property
    def digest(self) -> str:
        """Names the architecture and every number of it."""
        config = {k: v for k, v in self._config.items() if k != "trained"}
        found = sha256(json.dumps(config, sort_keys=True).encode())
        for name, tensor in sorted(self._tensors().items()):
            found.update(name.encode())
            found.update(tensor.contiguous().float().numpy().tobytes())
        return found.hexdigest()

    def save(self, folder: Path) -> None:
        """Write them as they are shipped: float16, with their configuration."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {name: tensor.half().contiguous() for name, tensor in self._tensors().items()}
        beside = folder / f"{WEIGHTS_FILE}.partial"
        beside.write_bytes(save(tensors))  # readable as the umask says
        beside.replace(folder / WEIGHTS_FILE)
        (folder / CONFIG_FILE).write_text(json.dumps(self._config, indent=1) + "\n")

    @staticmethod
    def load(folder: Path) -> Weights:
        """Raises WeightsError."""
        config = read_config(folder)
        try:
            tensors = {k: v.float() for k, v in load_file(folder / WEIGHTS_FILE).items()}
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{folder / WEIGHTS_FILE} is corrupt: {error}") from error
        try:
            sound = config["sound"]
            weights = Weights(
                world=config["world"],
                words=tuple(config["words"]),
                numbers=Numbers(**_tuples(config["numbers"])),
                picture=VideoCodec(VideoCodecConfig(**config["picture"])),
                sound=None if sound is None else SoundCodec(SoundCodecConfig(**_tuples(sound))),
                transformer=Transformer(AvditConfig(**_tuples(config["transformer"]))),
                starts=Starts(
                    Latents(*(tensors[f"starts.{name}"] for name in Latents._fields)),
                    tensors["starts.actions"],
                    tensors["starts.text"],
                ),
                trained=config.get("trained", {}),
            )
            for part, module in weights._modules.items():
                begin = f"{part}."
                module.load_state_dict(
                    {k.removeprefix(begin): v for k, v in tensors.items() if k.startswith(begin)}
                )
                module.eval().requires_grad_(False)
        except (KeyError, TypeError, RuntimeError) as error:
            raise another(folder, error) from error
        return weights


def _tuples(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
