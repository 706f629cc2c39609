"""The learned court as a world: latents from the transformer, picture and sound from the codecs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.cache import empty_cache
from model.cells import unpatchify
from model.codec import (
    DecoderState,
    PictureCodec,
    PictureCodecConfig,
    SoundCodec,
    SoundCodecConfig,
)
from model.config import TransformerConfig
from model.dynamics import Dynamics, DynamicsConfig
from model.interface import Actions, Chunk, PromptError, UnsupportedSetting, WeightsError, WorldInfo
from model.precision import compute_dtype, usable_device
from model.sampler import STILL, Latents, Scenery, prime, sample
from model.scene import Scene, scene
from model.transformer import Transformer
from model.worlds.court.maps import Maps
from model.worlds.court.simulator import INFO

WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"


@dataclass(frozen=True)
class Starts:
    """Moments that worlds begin from: latents of one chunk each, and what they show.

    `picture` (N, 48, 256) and `sound` (N, 2, 32) are tokens, `state` (N, 2, FACTS) what is the
    case; they are context, never shown.
    """

    picture: Tensor
    sound: Tensor
    state: Tensor
    captions: list[str]


@dataclass(frozen=True)
class WorldState:
    """Everything a court is, for one world.

    `keys` and `values` (T layers, tokens, H, 1 + window, D) are rings written in place: a step
    writes only the slot of the chunk that leaves the window, which no step from this state
    reads. So a failed step can be repeated, but a state that has been stepped twice is spent.
    """

    index: int
    seed: int
    keys: Tensor
    values: Tensor
    scenery: Scenery  # each tensor with a batch axis of 1, as those of `last`
    last: Latents  # of the previous chunk
    sound_state: DecoderState


class LearnedWorld:
    """A world that was learned. Batches any number of states in one forward pass."""

    def __init__(
        self,
        picture: PictureCodec,
        sound: SoundCodec,
        transformer: Transformer,
        dynamics: Dynamics,
        starts: Starts,
        *,
        steps: int = 1,
        still: float = STILL,
        device: str = "cpu",
    ) -> None:
        if steps not in (1, 2, 4):
            raise UnsupportedSetting(f"a chunk takes 1, 2 or 4 steps, not {steps}")
        self.info: WorldInfo = INFO
        self.steps, self.still = steps, still
        self.device = usable_device(device)
        self.dtype = compute_dtype(self.device)
        self.picture = picture.to(self.device, self.dtype).eval().requires_grad_(False)
        self.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.sound = sound.to(self.device, self.dtype).eval().requires_grad_(False)
        self.transformer = transformer.to(self.device, self.dtype).eval().requires_grad_(False)
        self.dynamics = dynamics.to(self.device).float().eval().requires_grad_(False)
        self.maps = Maps(*transformer.config.cells_shape).to(self.device)
        self.starts = starts

    @classmethod
    def load(
        cls, folder: Path, *, steps: int = 1, still: float = STILL, device: str = "cpu"
    ) -> LearnedWorld:
        """Read shipped weights. Raises WeightsError and UnsupportedSetting."""
        weights, config = _read(folder)
        try:
            picture = PictureCodec(PictureCodecConfig(**config["picture"]))
            sound_config = {**config["sound"], "widths": tuple(config["sound"]["widths"])}
            sound = SoundCodec(SoundCodecConfig(**sound_config))
            transformer = Transformer(TransformerConfig(**config["transformer"]))
            dynamics = Dynamics(DynamicsConfig(**config["dynamics"]))
            for name, module in (
                ("picture", picture),
                ("sound", sound),
                ("transformer", transformer),
                ("dynamics", dynamics),
            ):
                part = {
                    k[len(name) + 1 :]: v.float()
                    for k, v in weights.items()
                    if k.startswith(f"{name}.")
                }
                module.load_state_dict(part)
            starts = Starts(
                weights["starts.picture"].float(),
                weights["starts.sound"].float(),
                weights["starts.state"].float(),
                list(config["starts"]),
            )
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise WeightsError(
                f"weights in {folder} are for another architecture: {reason}"
            ) from error
        return cls(
            picture, sound, transformer, dynamics, starts, steps=steps, still=still, device=device
        )

    def save(self, folder: Path) -> None:
        """Write weights as they are shipped: float16, one file, with their configuration."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = {"picture": self.picture, "sound": self.sound, "transformer": self.transformer}
        weights = {
            f"{name}.{key}": value.detach().half().cpu().contiguous()
            for name, module in parts.items()
            for key, value in module.state_dict().items()
        }
        weights["starts.picture"] = self.starts.picture.half().contiguous()
        weights["starts.sound"] = self.starts.sound.half().contiguous()
        # positions need more digits than float16 has, and a small network costs little
        for key, value in self.dynamics.state_dict().items():
            weights[f"dynamics.{key}"] = value.detach().cpu().contiguous()
        weights["starts.state"] = self.starts.state.contiguous()
        save_file(weights, folder / WEIGHTS_FILE)
        config: dict[str, Any] = {
            "picture": asdict(self.picture.config),
            "sound": asdict(self.sound.config),
            "transformer": asdict(self.transformer.config),
            "dynamics": asdict(self.dynamics.config),
        }
        config["starts"] = self.starts.captions
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n")

    @torch.inference_mode()
    def start(self, seed: int, prompt: str = "") -> WorldState:
        """Begin at one of the known starts that fit the prompt; `seed` chooses which.

        Raises PromptError for words outside `info.words`.
        """
        fitting = self._fitting(prompt)
        chosen = fitting[int(np.random.default_rng(seed).integers(len(fitting)))]
        latents = Latents(
            self.starts.picture[None, chosen].to(self.device, self.dtype),
            self.starts.sound[None, chosen].to(self.device, self.dtype),
            self.starts.state[None, chosen].to(self.device),
        )
        return self.begin(latents, seed)

    @torch.inference_mode()
    def begin(self, first: Latents, seed: int) -> WorldState:
        """The state after a first chunk given as latents with a batch axis of 1."""
        keys, values = empty_cache(self.transformer.config, first.picture)
        told = self._scene(first, first.state)
        scenery = prime(self.transformer, first, told, keys, values)
        _, sound_state = self.sound.decode(
            self._sound_latents(first.sound), self.sound.decoder_state(1)
        )
        return WorldState(0, seed, keys, values, scenery, first, sound_state)

    def _fitting(self, prompt: str) -> list[int]:
        words = prompt.lower().replace(",", " ").split()
        unknown = [word for word in words if word not in self.info.words]
        if unknown:
            raise PromptError(unknown, self.info.words)
        captions = [caption.split() for caption in self.starts.captions]
        most = max(sum(word in caption for word in words) for caption in captions)
        return [i for i, c in enumerate(captions) if sum(word in c for word in words) == most]

    @torch.inference_mode()
    def step(
        self, states: Sequence[WorldState], actions: Sequence[Actions]
    ) -> tuple[list[WorldState], list[Chunk]]:
        """The next chunk of each world."""
        latents = self.generate(states, actions)
        return self.show(states, latents)

    @torch.inference_mode()
    def generate(self, states: Sequence[WorldState], actions: Sequence[Actions]) -> Latents:
        """The latents of each world's next chunk; writes only the ring's slot of that chunk."""
        c = self.transformer.config
        held = torch.from_numpy(np.stack([a.reshape(-1) for a in actions])).to(self.device)
        last = Latents.cat([s.last for s in states])
        state = self.dynamics(last.state[:, -1], held.unflatten(1, (c.frames, -1)))
        return sample(
            self.transformer,
            keys=[s.keys for s in states],
            values=[s.values for s in states],
            scenery=Scenery.cat([s.scenery for s in states]),
            last=last,
            state=state,
            told=self._scene(last, state),
            actions=held.to(self.dtype),
            indices=[s.index for s in states],
            seeds=[s.seed for s in states],
            steps=self.steps,
            still=self.still,
        )

    def _scene(self, last: Latents, state: Tensor) -> Scene:
        return scene(self.maps, last.state[:, None], state[:, None], self.dtype)

    @torch.inference_mode()
    def show(
        self, states: Sequence[WorldState], latents: Latents
    ) -> tuple[list[WorldState], list[Chunk]]:
        """Decode the latents of each world's next chunk."""
        frames = self.decode_picture(latents.picture)
        sound_state = tuple(
            torch.cat(tails) for tails in zip(*(s.sound_state for s in states), strict=True)
        )
        sound, sound_state = self.sound.decode(self._sound_latents(latents.sound), sound_state)
        heard = sound.float().cpu().numpy()
        after, chunks = [], []
        for i, state in enumerate(states):
            tails = tuple(tail[i : i + 1] for tail in sound_state)
            after.append(replace(state, index=state.index + 1, last=latents[i], sound_state=tails))
            chunks.append(Chunk(state.index, frames[i], heard[i]))
        return after, chunks

    @torch.inference_mode()
    def decode_picture(self, tokens: Tensor) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """(B, 48, 256) -> (B, frames, H, W, 3)."""
        c = self.transformer.config
        latents = unpatchify(tokens, c.rows, c.columns).unflatten(1, (c.frames, -1))
        flat = latents.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        frames = self.picture.decode(flat).unflatten(0, (len(tokens), c.frames))
        out: np.ndarray[Any, np.dtype[np.uint8]] = (
            frames.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
        )
        return out

    def _sound_latents(self, tokens: Tensor) -> Tensor:
        """(B, frames, 32) -> (B, channels, latents of the chunk)."""
        return tokens.reshape(len(tokens), -1, self.sound.config.channels).transpose(1, 2)


def _read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    for name in (WEIGHTS_FILE, CONFIG_FILE):
        if not (folder / name).is_file():
            raise WeightsError(f"no weights in {folder}: {name} is missing")
    try:
        config = json.loads((folder / CONFIG_FILE).read_text())
    except ValueError as error:
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: {error}") from error
    if not isinstance(config, dict):
        raise WeightsError(f"{folder / CONFIG_FILE} is corrupt: not an object")
    try:
        return load_file(folder / WEIGHTS_FILE), config
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{folder / WEIGHTS_FILE} is corrupt: {error}") from error
