"""The staged family behind the seam: facts from a learned state model, latents from the
transformer, picture and sound from the codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.staged.conditioning import (
    Conditioning,
    asked_of,
    check_image,
    chosen_start,
    with_standing_facts,
)
from lightcone.model.families.staged.network.kv_cache import Ring, empty_ring
from lightcone.model.families.staged.network.sampler import (
    FIRST,
    Latents,
    nothing,
    reread,
    sample,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.observing import Observer
from lightcone.model.families.staged.prompts import Values
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.reading.still import read_still
from lightcone.model.families.staged.recache import recached
from lightcone.model.families.staged.state import (
    Made,
    Prompted,
    StagedState,
    advanced,
    digest,
    from_snapshot,
    to_snapshot,
)
from lightcone.model.families.staged.striking import audible
from lightcone.model.families.staged.weights import Weights
from lightcone.model.families.staged.world import World, load_world
from lightcone.model.interface import (
    Actions,
    Chunk,
    Cost,
    How,
    Image,
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

_VERSION = "staged 2"  # of the family: another one steps differently, or has other states
_STEPS = {1: (1,), 2: (2, 1), 4: (4, 2, 1)}


class StagedModel(LatentStepping[StagedState, Made]):
    """Some or all of the worlds that the weights know. A step batches any number of states of one
    world in one forward pass.

    Thread-safe: weights are only read, and states are never written to.
    """

    def __init__(
        self,
        weights: Weights,
        worlds: Sequence[str] | None = None,
        *,
        steps: int = 1,
        device: str = "cpu",
    ) -> None:
        """`worlds` default to all that the weights know. Raises UnknownWorld and
        UnsupportedSetting."""
        if steps not in _STEPS:
            raise UnsupportedSetting(f"a chunk takes 1, 2 or 4 steps, not {steps}")
        self._steps = _STEPS[steps]
        self.device = usable_device(device)
        self.dtype = compute_dtype(self.device)
        named = f"{_VERSION} {str(self.dtype).removeprefix('torch.')} {weights.digest}"
        self._fingerprint = sha256(named.encode()).hexdigest()
        self.size = weights.size
        self.picture = weights.picture.to(self.device, self.dtype)
        self.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.sound = weights.sound.to(self.device, self.dtype)
        # Places need float32; only what is made of them is drawn in less.
        self.network = weights.network.to(self.device)
        self.network.transformer.to(self.dtype)
        self.network.transformer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._reader = weights.reader
        names = worlds or weights.network.worlds
        self.parts = {name: load_world(weights, name, self.device) for name in names}
        self._costs: dict[str, Cost] = {}
        self._measuring = Lock()

    @property
    def worlds(self) -> Mapping[str, WorldInfo]:
        return {name: part.info for name, part in self.parts.items()}

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def steps(self) -> tuple[int, ...]:
        return self._steps

    def part(self, world: str) -> World:
        """Raises UnknownWorld."""
        try:
            return self.parts[world]
        except KeyError:
            known = ", ".join(self.parts)
            raise UnknownWorld(f"unknown world '{world}' (known: {known})") from None

    # how sessions start

    @torch.inference_mode()
    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        """Reads the prompt, and the still if there is one: that takes some 50 ms."""
        part = self.part(world)
        asked = asked_of(part.info, part.grammar, prompt, running)
        if image is None:
            return Conditioning(world, running, asked)
        check_image(part.info, image, running)
        names, starts = part.facts.NAMES, part.starts
        moment = read_still(
            self._reader, world, image, names, part.grammar, asked, starts.state, starts.values
        )
        return Conditioning(world, running, asked, moment, self._encode(image))

    @torch.inference_mode()
    def start(self, world: str, seed: int, conditioning: Conditioning) -> StagedState:
        part = self.part(world)
        self._check(conditioning, world, running=False)
        moment = conditioning.moment
        if moment is None:
            moment = chosen_start(part, conditioning.asked, seed)
        facts = moment.state.to(self.device)
        return self.begin(world, facts, moment.values, seed, conditioning.picture)

    @torch.inference_mode()
    def begin(
        self,
        world: str,
        facts: Tensor,
        values: Values,
        seed: int,
        picture: Tensor | None = None,
    ) -> StagedState:
        """The state after a first chunk, never shown, with these facts (1, frames, COUNT): made
        from nothing, or with the latents of a still, (1, depth, h, w)."""
        text = self._text(world, values)
        transformer = self.network.transformer
        ring = empty_ring(transformer.config, transformer.place)
        scene = self._scene(world, torch.cat([facts[:, -1:], facts], 1), text)
        first = sample(
            transformer,
            ring=ring,
            last=nothing(transformer, facts),
            state=facts,
            scene=scene,
            chunks=[FIRST],
            seeds=[seed],
            steps=self.steps[0],
        )
        if picture is not None:
            first = replace(first, picture=picture)
            reread(transformer, ring=ring, chunk=first, last=first, scene=scene, at=FIRST)
        _, sound_state = self.sound.decode(
            self._sound_latents(first.sound), self.sound.decoder_state(1)
        )
        prompt = Prompted(values, text, text, 0, 1)
        return StagedState(world, 0, seed, ring, (first,), prompt, sound_state)

    # how they change

    @torch.inference_mode()
    def apply(
        self, state: StagedState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[StagedState, int]:
        """With "recache", the cache is computed anew under the new prompt: one pass for each chunk
        in the window."""
        self._check(conditioning, state.world, running=True)
        part = self.part(state.world)
        values = part.grammar.settled(state.prompt.values, conditioning.asked)
        before, after = state.prompt.text(state.chunk), self._text(state.world, values)
        spread = max(chunks, 1) if how == "blend" else 1
        facts = with_standing_facts(part, state.last.state, state.prompt.values, values)
        changed = replace(
            state,
            prompt=Prompted(values, before, after, state.chunk, spread),
            past=(*state.past[:-1], replace(state.last, state=facts)),
        )
        if how == "recache":
            scene = partial(self._scene, state.world)
            transformer, passes = self.network.transformer, self.steps[0]
            changed = replace(changed, ring=recached(transformer, changed, scene, passes))
        return changed, (state.chunk + spread - 1) * FRAMES

    # how they go on

    @torch.inference_mode()
    def generate(
        self, states: Sequence[StagedState], actions: Sequence[Actions], steps: int | None = None
    ) -> Made:
        part = self.part(_one_world(states))
        held = torch.from_numpy(np.stack(actions)).to(self.device)  # (B, frames, controls)
        before = torch.cat([s.last.state[:, -1] for s in states])
        return self.draw(
            states,
            audible(part.dynamics(before, held), before, part.facts.CONTACTS_AT, part.moments),
            steps,
        )

    @torch.inference_mode()
    def draw(self, states: Sequence[StagedState], facts: Tensor, steps: int | None = None) -> Made:
        """The next chunk of each state, with these facts (B, frames, COUNT)."""
        passes = self.passes(steps)
        world = _one_world(states)
        last = Latents.cat([s.last for s in states])
        text = torch.cat([s.prompt.text(s.chunk) for s in states])
        ring = Ring.cat([s.ring for s in states])
        latents = sample(
            self.network.transformer,
            ring=ring,
            last=last,
            state=facts,
            scene=self._scene(world, torch.cat([last.state[:, -1:], facts], 1), text),
            chunks=[s.chunk for s in states],
            seeds=[s.seed for s in states],
            steps=passes,
        )
        return Made(latents, ring)

    @torch.inference_mode()
    def show(
        self, states: Sequence[StagedState], made: Made
    ) -> tuple[list[StagedState], list[Chunk]]:
        frames = self.decode_picture(made.latents.picture)
        tails = tuple(torch.cat(t) for t in zip(*(s.sound_state for s in states), strict=True))
        sound, tails = self.sound.decode(self._sound_latents(made.latents.sound), tails)
        waveforms = sound.float().cpu().numpy()
        after = [
            replace(state, sound_state=tuple(tail[i : i + 1].clone() for tail in tails))
            for i, state in enumerate(self.advance(states, made))
        ]
        return after, [Chunk(s.frame, frames[i], waveforms[i]) for i, s in enumerate(states)]

    def advance(self, states: Sequence[StagedState], made: Made) -> list[StagedState]:
        """The states after a chunk, without its sound: the sound decoder is where it was."""
        return advanced(states, made, self.network.config.window)

    @torch.inference_mode()
    def decode_picture(self, latents: Tensor) -> NDArray[np.uint8]:
        """(B, depth, h, w) -> (B, frames, H, W, 3)."""
        flat = latents.unflatten(1, (FRAMES, -1)).flatten(0, 1)
        flat = flat.contiguous(memory_format=torch.channels_last)
        shown = self.picture.decode(flat).unflatten(0, (len(latents), FRAMES))
        out: NDArray[np.uint8] = shown.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
        return out

    # for judges: from true frames

    @torch.inference_mode()
    def observe(
        self,
        state: StagedState | None,
        world: str,
        frames: NDArray[np.uint8],
        sound: NDArray[np.float32] | None,
        actions: Actions,
        numbers: NDArray[np.float32] | None = None,
        columns: Sequence[str] = (),
        text: str | None = None,
    ) -> StagedState:
        """The state after having seen and heard true chunks: `frames` (F, H, W, 3), F a multiple
        of a chunk's, with their `sound` and all facts, `numbers` (F, columns); actions are among
        the facts. None begins with the caption `text`. Raises ModelError."""
        return self._observer(world).observed(state, frames, sound, numbers, columns, text)

    @torch.inference_mode()
    def reconstruct(
        self, world: str, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """True chunks through the codecs and back: the best that can be made."""
        return self._observer(world).reconstructed(frames, sound)

    def _observer(self, world: str) -> Observer:
        return Observer(
            self.part(world),
            self.picture,
            self.sound,
            self.network.transformer,
            self.network.config.window,
            self.steps[0],
            partial(self._scene, world),
            partial(self._text, world),
            self.device,
        )

    # states as data

    def digest(self, state: StagedState) -> bytes:
        return digest(state)

    def snapshot(self, state: StagedState) -> Snapshot:
        return to_snapshot(state, self.fingerprint)

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot) -> StagedState:
        if snapshot.world not in self.parts:
            raise SnapshotError(f"the snapshot is of '{snapshot.world}', a world that is not here")
        if snapshot.fingerprint != self.fingerprint:
            raise SnapshotError("the snapshot was made with another model, or other weights")
        return from_snapshot(snapshot, self._blank(snapshot.world), self.device)

    def _blank(self, world: str) -> dict[str, Tensor]:
        """Tensors like those of a state, by name."""
        transformer = self.network.transformer
        facts = torch.zeros(1, FRAMES, self.part(world).facts.COUNT, device=self.device)
        text = torch.zeros(1, transformer.config.text, device=self.device)
        return StagedState(
            world=world,
            chunk=0,
            seed=0,
            ring=empty_ring(transformer.config, transformer.place),
            past=(nothing(transformer, facts),),
            prompt=Prompted((), text, text, 0, 1),
            sound_state=self.sound.decoder_state(1),
        ).tensors()

    def release(self, state: StagedState) -> None:
        """Does nothing: a state holds only memory."""

    def cost(self, world: str) -> Cost:
        with self._measuring:
            if world not in self._costs:
                state = self.start(world, 0, self.prepare(world))
                full = replace(state, past=(state.last,) * (1 + self.network.config.window))
                size = sum(t.numel() * t.element_size() for t in full.tensors().values())
                on_cuda = self.device.type == "cuda"
                self._costs[world] = measured(self, state, size, cuda=on_cuda)
            return self._costs[world]

    def close(self) -> None:
        """Does nothing: a model holds only memory."""

    # pieces

    def _check(self, conditioning: Conditioning, world: str, *, running: bool) -> None:
        if conditioning.world != world or conditioning.running != running:
            raise ModelError("conditioning that was prepared for something else")

    def _encode(self, image: Image) -> Tensor:
        """A still (H, W, 3) as every frame of a chunk: (1, depth, h, w)."""
        frame = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(self.device)
        return self.picture.encode(frame).repeat(1, FRAMES, 1, 1)

    def _text(self, world: str, values: Values) -> Tensor:
        """(1, text)."""
        words = self.part(world).grammar.words_of(values)
        numbers = self.network.vocabulary.encode(world, words)
        text: Tensor = self.network.text(numbers[None].to(self.device))
        return text

    def _scene(self, world: str, facts: Tensor, text: Tensor) -> Scene:
        """`facts` (B, 1 + frames, COUNT) and `text` (B, text)."""
        return self.network.scene(world, facts[:, None], text[:, None]).to(self.dtype)

    def _sound_latents(self, tokens: Tensor) -> Tensor:
        """(B, frames, 32) -> (B, channels, latents of the chunk)."""
        return tokens.reshape(len(tokens), -1, self.sound.config.channels).transpose(1, 2)


def _one_world(states: Sequence[StagedState]) -> str:
    worlds = {state.world for state in states}
    if len(worlds) != 1:
        raise ModelError(f"a step is of one world, not of {len(worlds)}")
    return worlds.pop()
