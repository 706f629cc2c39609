"""The avdit family behind the seam: latents from the transformer, picture and sound from the
codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.families.avdit.context import begin, observed, started
from lightcone.model.families.avdit.entry import DEFAULT_STEPS, world_of
from lightcone.model.families.avdit.network.cache import Past
from lightcone.model.families.avdit.network.latents import Latents
from lightcone.model.families.avdit.network.sampler import LEVELS, Context, noise_of, sample
from lightcone.model.families.avdit.prompts import Conditioning, words_of
from lightcone.model.families.avdit.state import (
    AvditState,
    Known,
    Prompted,
    digest,
    from_snapshot,
    side_by_side,
    tensors_of,
    to_snapshot,
)
from lightcone.model.families.avdit.weights import Weights
from lightcone.model.interface import (
    Actions,
    Chunk,
    Cost,
    How,
    Image,
    ImageError,
    ModelError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WorldInfo,
)
from lightcone.model.runtime.costs import measured
from lightcone.model.runtime.precision import compute_dtype, usable_device
from lightcone.model.runtime.stepping import LatentStepping

_VERSION = "avdit 4"  # of the family: another one steps differently, or has other states
_MOST_GUIDANCE = 10.0


@dataclass(frozen=True)
class World:
    """What is a world's own."""

    info: WorldInfo
    weights: Weights


@dataclass(frozen=True)
class Made:
    """The next chunk of B states: its latents, the pasts of the states after it, the end of the
    chunk before it, and what it was made under."""

    latents: Latents
    pasts: Sequence[Past]
    before: Latents
    actions: Tensor  # (B, frames, controls)
    text: Tensor  # (B, words)


class AvditModel(LatentStepping[AvditState, Made]):
    """Worlds that were learned from recordings, each with weights of its own. A step batches any
    number of states of one world in one forward pass.

    Thread-safe: weights are only read, and states are never written to.
    """

    def __init__(
        self,
        weights: Mapping[str, Weights],
        *,
        steps: int = DEFAULT_STEPS,
        device: str = "cpu",
        action_guidance: float = 1.0,
    ) -> None:
        """`weights` by world. With an `action_guidance` other than 1 each step takes one more pass.
        Raises UnsupportedSetting and WeightsError."""
        if steps not in LEVELS:
            raise UnsupportedSetting(f"a chunk takes 1, 2 or 4 steps, not {steps}")
        if not 0 <= action_guidance <= _MOST_GUIDANCE:
            raise UnsupportedSetting(
                f"action guidance is between 0 and {_MOST_GUIDANCE:g}, not {action_guidance:g}"
            )
        self._guidance = action_guidance
        self._steps = tuple(n for n in sorted(LEVELS, reverse=True) if n <= steps)
        self.device = usable_device(device)
        self.dtype = compute_dtype(self.device)
        digests = [weights[name].digest for name in sorted(weights)]
        guided = [] if action_guidance == 1 else [f"guidance {action_guidance:g}"]
        named = " ".join([_VERSION, str(self.dtype).removeprefix("torch."), *guided, *digests])
        self._fingerprint = sha256(named.encode()).hexdigest()
        self._worlds = {name: self._world(each) for name, each in weights.items()}
        self._costs: dict[str, Cost] = {}
        self._measuring = Lock()

    def _world(self, weights: Weights) -> World:
        config = {
            "world": weights.world,
            "words": weights.words,
            "transformer": vars(weights.transformer.config),
        }
        for module in (weights.picture, weights.sound, weights.transformer):
            if module is not None:
                module.to(self.device, self.dtype)
        weights.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return World(world_of(config, Path()), weights)

    @property
    def worlds(self) -> Mapping[str, WorldInfo]:
        return {name: world.info for name, world in self._worlds.items()}

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def steps(self) -> tuple[int, ...]:
        return self._steps

    def world(self, name: str) -> World:
        """Raises UnknownWorld."""
        try:
            return self._worlds[name]
        except KeyError:
            known = ", ".join(self._worlds)
            raise UnknownWorld(f"unknown world '{name}' (known: {known})") from None

    # how sessions start and change

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        known = self.world(world)
        if image is not None:
            raise ImageError(f"{world} takes no image")
        return Conditioning(world, running, words_of(known.info, prompt))

    @torch.inference_mode()
    def start(self, world: str, seed: int, conditioning: Conditioning) -> AvditState:
        """At one of the moments of recorded play that fit the prompt; the seed chooses which."""
        self._check(conditioning, world, running=False)
        weights = self.world(world).weights
        return started(weights, world, seed, conditioning.words, self._like)

    @torch.inference_mode()
    def apply(
        self, state: AvditState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[AvditState, int]:
        """A cache is not computed anew: "recache" is as "cut"."""
        self._check(conditioning, state.world, running=True)
        known = self.world(state.world)
        spread = max(chunks, 1) if how == "blend" else 1
        before = state.prompt.text(state.chunk)
        after = before
        if conditioning.words:
            after = torch.zeros_like(before)
            for word in conditioning.words:
                after[known.weights.words.index(word)] = 1 / len(conditioning.words)
        changed = replace(state, prompt=Prompted(before, after, state.chunk, spread))
        return changed, (state.chunk + spread - 1) * known.info.chunk_frames[0]

    # how they go on

    @torch.inference_mode()
    def generate(
        self, states: Sequence[AvditState], actions: Sequence[Actions], steps: int | None = None
    ) -> Made:
        levels = LEVELS[self.passes(steps)]
        weights = self._weights(states)
        model = weights.transformer
        context = Context(
            [s.past for s in states],
            side_by_side([s.last.latents for s in states]),
            side_by_side([s.before for s in states]),
            torch.stack([s.last.actions for s in states]),
            torch.stack([s.last.text for s in states]),
        )
        held = torch.from_numpy(np.stack(actions)).to(self.device, self.dtype)
        text = torch.stack([s.prompt.text(s.chunk) for s in states])
        noise = noise_of(model, [s.seed for s in states], [s.chunk for s in states])
        latents, pasts = sample(
            model, context, held, text, noise, levels, self._guidance, weights.numbers.settled
        )
        return Made(latents, pasts, context.last.last(model.config), held, text)

    @torch.inference_mode()
    def show(
        self, states: Sequence[AvditState], made: Made
    ) -> tuple[list[AvditState], list[Chunk]]:
        weights = self._weights(states)
        frames = self.decode_picture(weights, made.latents.picture)
        sounds, tails = _decode_sound(weights.sound, made.latents.sound, states)
        after = [
            replace(
                state,
                chunk=state.chunk + 1,
                frame=state.frame + frames.shape[1],
                past=made.pasts[i],
                last=Known(row(made.latents, i), made.actions[i].clone(), made.text[i].clone()),
                before=row(made.before, i),
                tails=tuple(tail[i : i + 1].clone() for tail in tails),
                seen=state.seen + 1,
            )
            for i, state in enumerate(states)
        ]
        return after, [
            Chunk(s.frame, frames[i], None if sounds is None else sounds[i])
            for i, s in enumerate(states)
        ]

    @torch.inference_mode()
    def decode_picture(self, weights: Weights, latents: Tensor) -> NDArray[np.uint8]:
        """(B, depth, h, w) -> (B, frames, H, W, 3)."""
        c = weights.transformer.config
        flat = latents.unflatten(1, (c.latents, c.channels)).flatten(0, 1)
        shown = weights.picture.decode(flat.contiguous(memory_format=torch.channels_last))
        frames = shown.flatten(0, 1).unflatten(0, (len(latents), -1)).permute(0, 1, 3, 4, 2)
        out: NDArray[np.uint8] = frames.contiguous().cpu().numpy()
        return out

    def _weights(self, states: Sequence[AvditState]) -> Weights:
        worlds = {state.world for state in states}
        if len(worlds) != 1:
            raise ModelError("a step is of states of one world")
        return self.world(worlds.pop()).weights

    # for judges: from true frames

    @torch.inference_mode()
    def observe(
        self,
        state: AvditState | None,
        world: str,
        frames: NDArray[np.uint8],
        sound: NDArray[np.float32] | None,
        actions: Actions,
        numbers: NDArray[np.float32] | None = None,
        columns: Sequence[str] = (),
        text: str | None = None,
    ) -> AvditState:
        """The state after having seen and heard true chunks: `frames` (F, H, W, 3), F a multiple
        of a chunk's, with their `sound`, `actions` (F, controls) and, where the model has numbers,
        `numbers` (F, columns) as recorded. None begins with nothing before, and with the words of
        `text` that recordings had."""
        weights = self.world(world).weights
        like = begin(weights, world, 0, self._like, text or "") if state is None else state
        return observed(weights, like, frames, sound, actions, numbers, columns)

    def reseeded(self, state: AvditState, seed: int) -> AvditState:
        """The same state, which goes on with the noise of another seed."""
        return replace(state, seed=seed)

    @torch.inference_mode()
    def reconstruct(
        self, world: str, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """True chunks through the codecs and back: the best that can be made."""
        weights = self.world(world).weights
        c = weights.transformer.config
        video = torch.from_numpy(frames.copy()).permute(0, 3, 1, 2).unflatten(0, (-1, c.group))
        latents = weights.picture.encode(video.to(self.device))
        shown = weights.picture.decode(latents).flatten(0, 1).permute(0, 2, 3, 1)
        heard = None
        if sound is not None and weights.sound is not None:
            codec = weights.sound
            coded = codec.encode(torch.from_numpy(sound.copy())[None].to(self._like))
            heard = codec.decode(coded, codec.decoder_state(1))[0][0].float().cpu().numpy()
        return shown.contiguous().cpu().numpy(), heard

    # states as data

    def digest(self, state: AvditState) -> bytes:
        return digest(state)

    def snapshot(self, state: AvditState) -> Snapshot:
        return to_snapshot(state, self.fingerprint)

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot) -> AvditState:
        if snapshot.world not in self._worlds:
            raise SnapshotError(f"the snapshot is of '{snapshot.world}', a world that is not here")
        if snapshot.fingerprint != self.fingerprint:
            raise SnapshotError("the snapshot was made with another model, or other weights")
        like = self.start(snapshot.world, 0, self.prepare(snapshot.world))
        return from_snapshot(snapshot, like, self.device)

    def release(self, state: AvditState) -> None:
        """Does nothing: a state holds only memory."""

    def cost(self, world: str) -> Cost:
        with self._measuring:
            if world not in self._costs:
                state = self.start(world, 0, self.prepare(world))
                c = self.world(world).weights.transformer.config
                tensors = tensors_of(state).values()
                others = sum(t.numel() * t.element_size() for t in tensors)
                size = 2 * c.cache_values + others  # the cache is float16
                on_cuda = self.device.type == "cuda"
                self._costs[world] = measured(self, state, size, cuda=on_cuda)
            return self._costs[world]

    def close(self) -> None:
        """Does nothing: a model holds only memory."""

    @property
    def _like(self) -> Tensor:
        return torch.zeros(0, device=self.device, dtype=self.dtype)

    def _check(self, conditioning: Conditioning, world: str, *, running: bool) -> None:
        if conditioning.world != world or conditioning.running != running:
            raise ModelError("conditioning that was prepared for something else")


def _decode_sound(
    codec: SoundCodec | None, latents: Tensor, states: Sequence[AvditState]
) -> tuple[NDArray[np.float32] | None, tuple[Tensor, ...]]:
    """(B, sound_latents, sound_channels) -> samples (B, N), and the decoder's memory after them."""
    if codec is None:
        return None, ()
    tails = tuple(torch.cat(each) for each in zip(*(s.tails for s in states), strict=True))
    sound, tails = codec.decode(latents.transpose(1, 2), tails)
    return sound.float().cpu().numpy(), tails


def row(latents: Latents, i: int) -> Latents:
    """One of a batch, in memory of its own."""
    return latents.map(lambda x: x[i].clone())
