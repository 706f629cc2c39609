"""A learned world: what is the case from its state stream, latents from the transformer, picture
and sound from the codecs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.codecs.codec import DecoderState
from lightcone.model.families.staged.learnable import (
    learnable,
    open_simulator,
    shown_at,
)
from lightcone.model.families.staged.network.kv_cache import empty_cache
from lightcone.model.families.staged.network.sampler import (
    FIRST,
    Latents,
    nothing,
    reread,
    sample,
)
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.prompts import (
    Grammar,
    Values,
    grammar,
)
from lightcone.model.families.staged.reading.still import read_still
from lightcone.model.families.staged.striking import single
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import (
    Actions,
    Chunk,
    How,
    UnsupportedSetting,
    WorldInfo,
)
from lightcone.model.runtime.precision import (
    compute_dtype,
    usable_device,
)

_AUDIBLE = 0.1  # contacts are weaker only where the state stream is not sure of them


@dataclass(frozen=True)
class Prompted:
    """The prompt of a world: the value of each attribute, and what the text encoder makes of it,
    (1, text), `before` and `after` the last change, which began with chunk `at` and is spread
    over `chunks`."""

    values: Values
    before: Tensor
    after: Tensor
    at: int
    chunks: int

    def text(self, index: int) -> Tensor:
        """At the chunk of that index, (1, text)."""
        share = min(max((index - self.at + 1) / self.chunks, 0.0), 1.0)
        return torch.lerp(self.before, self.after, share)


@dataclass(frozen=True)
class WorldState:
    """Everything a world is.

    `keys` and `values` (T layers, tokens, H, 1 + window, D) are rings written in place: a step
    writes only the slot of the chunk that leaves the window, which no step from this state
    reads. So a failed step can be repeated, but a state that has been stepped twice is spent.
    `past` are the first chunk and the last ones, as many as the window holds, each with a batch
    axis of 1.
    """

    index: int
    seed: int
    keys: Tensor
    values: Tensor
    past: tuple[Latents, ...]
    prompt: Prompted
    sound_state: DecoderState

    @property
    def last(self) -> Latents:
        return self.past[-1]


class LearnedWorld:
    """One of the worlds that the weights know. Batches any number of states in one forward
    pass."""

    def __init__(
        self, weights: Weights, world: str, *, steps: int = 1, device: str = "cpu"
    ) -> None:
        """Raises UnknownWorld and UnsupportedSetting."""
        if steps not in (1, 2, 4):
            raise UnsupportedSetting(f"a chunk takes 1, 2 or 4 steps, not {steps}")
        self.size = weights.network.config.size
        self.info: WorldInfo = shown_at(open_simulator(world).INFO, self.size)
        self.name, self.steps = world, steps
        self.device = usable_device(device)
        self.dtype = compute_dtype(self.device)
        self.grammar: Grammar = grammar(world)
        self._facts, self._moments = learnable(world).facts, learnable(world).moments
        self.picture = weights.picture.to(self.device, self.dtype)
        self.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.sound = weights.sound.to(self.device, self.dtype)
        # Places need float32; only what is made of them is drawn in less.
        self.network = weights.network.to(self.device)
        self.network.transformer.to(self.dtype)
        self.dynamics = weights.dynamics[world].to(self.device)
        self.starts = weights.starts[world]
        self._reader = weights.reader

    # how worlds begin

    @torch.inference_mode()
    def start(
        self, seed: int, prompt: str = "", image: NDArray[np.uint8] | None = None
    ) -> WorldState:
        """Begin at one of the known starts that fit the prompt; `seed` chooses which, and all
        that the prompt leaves open. With a still (H, W, 3), begin there. Raises PromptError."""
        asked = self.grammar.asked(prompt, begun=False)
        if image is not None:
            moment = read_still(
                self._reader,
                self.name,
                image,
                self._facts.NAMES,
                self.grammar,
                asked,
                self.starts.state,
                self.starts.values,
            )
            return self.begin(moment.state.to(self.device), moment.values, seed, image)
        # Unless told otherwise one begins with a wide view, in the first of the styles.
        asked = {n: 0 for n in ("view", "style") if n in self.grammar.names} | asked
        fits = [self.grammar.fit(values, asked) for values in self.starts.values]
        best = [i for i, fit in enumerate(fits) if fit == max(fits)]
        chosen = best[int(np.random.default_rng(seed).integers(len(best)))]
        begun = self.starts.values[chosen]
        pairs = zip(self.grammar.names, begun, self.grammar.settled(begun, asked), strict=True)
        values = tuple(new if n in self.grammar.changeable else old for n, old, new in pairs)
        state = self._hold(self.starts.state[None, chosen].to(self.device), begun, values)
        return self.begin(state, values, seed)

    @torch.inference_mode()
    def begin(
        self,
        state: Tensor,
        values: Values,
        seed: int,
        image: NDArray[np.uint8] | None = None,
    ) -> WorldState:
        """The state after a first chunk, never shown, in which `state` (1, frames, COUNT) is the
        case: made from nothing, or showing a still."""
        text = self._text(values)
        prompt = Prompted(values, text, text, 0, 1)
        transformer = self.network.transformer
        keys, rings = empty_cache(transformer.config, transformer.place)
        told = self._scene(torch.cat([state[:, -1:], state], 1)[:, None], text)
        first = sample(
            transformer,
            keys=[keys],
            values=[rings],
            last=nothing(transformer, state),
            state=state,
            told=told,
            indices=[FIRST],
            seeds=[seed],
            steps=self.steps,
        )
        if image is not None:
            first = replace(first, picture=self._encode(image))
            reread(transformer, first, first, told, keys, rings, FIRST)
        _, sound_state = self.sound.decode(
            self._sound_latents(first.sound), self.sound.decoder_state(1)
        )
        return WorldState(0, seed, keys, rings, (first,), prompt, sound_state)

    # how they change

    @torch.inference_mode()
    def prompt(
        self, state: WorldState, prompt: str, how: How, chunks: int
    ) -> tuple[WorldState, int]:
        """The state under a new prompt, and the index of the chunk that shows it fully.

        What the prompt does not name stays. "cut": from the next chunk on. "blend": little by
        little over the next `chunks`. "recache": from the next chunk on, and what the model
        remembers is read again under the new prompt (LongLive, Yang et al. 2025), so that
        nothing of the old one is left in its cache. Raises PromptError.
        """
        asked = self.grammar.asked(prompt, begun=True)
        values = self.grammar.settled(state.prompt.values, asked)
        before, after = state.prompt.text(state.index), self._text(values)
        spread = chunks if how == "blend" else 1
        prompted = Prompted(values, before, after, state.index, spread)
        facts = self._hold(state.last.state, state.prompt.values, values)
        past = (*state.past[:-1], replace(state.last, state=facts))
        changed = replace(state, prompt=prompted, past=past)
        if how == "recache":
            changed = self._recache(changed)
        return changed, state.index + spread - 1

    def _hold(self, facts: Tensor, values: Values, wanted: Values) -> Tensor:
        """Facts (1, frames, COUNT) with the standing facts of a start that fits the wanted values
        where they differ from `values`: of the best, that which changes least."""
        held = [i for i, n in enumerate(self.grammar.names) if n in self.grammar.held]
        if all(values[i] == wanted[i] for i in held):
            return facts
        fits = torch.tensor([[v[i] == wanted[i] for i in held] for v in self.starts.values]).sum(1)
        static = self._facts.STATIC
        change = self.starts.state[:, -1, static] - facts[0, -1, static].cpu()
        change = change.square().mean(1)
        found = int((fits - change / (1 + change)).argmax())
        out = facts.clone()
        out[..., static] = self.starts.state[found, -1, static].to(facts)
        return out

    def _recache(self, state: WorldState) -> WorldState:
        keys, rings = torch.zeros_like(state.keys), torch.zeros_like(state.values)
        sink, *recent = state.past
        last, since = sink, state.index - len(recent)
        if len(recent) == self.network.config.window:  # the oldest leaves it with the next chunk
            last, since = recent[0], since + 1
            recent = recent[1:]
        earlier = [last, *recent][: len(recent)]
        told_of = zip(range(since, state.index), recent, earlier, strict=True)
        chunks = [(FIRST, sink, sink), *told_of]
        for index, chunk, before in chunks:
            facts = torch.cat([before.state[:, -1:], chunk.state], 1)[:, None]
            told = self._scene(facts, state.prompt.after)
            transformer = self.network.transformer
            reread(transformer, chunk, before, told, keys, rings, index, since)
        return replace(state, keys=keys, values=rings)

    # how they go on

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
        held = torch.from_numpy(np.stack(actions)).to(self.device)  # (B, frames, actions)
        last = Latents.cat([s.last for s in states])
        before = last.state[:, -1]
        state = self._heard(before, self.dynamics(before, held))
        return self.draw(states, state)

    def _heard(self, before: Tensor, state: Tensor) -> Tensor:
        """Facts (B, frames, COUNT) after those `before`, (B, COUNT), without the contacts that
        are too unlikely: where there is none, the transformer knows neither strength nor
        moment. What it knows of a moment is the step of the laws at which something struck; told
        of one in between, it makes the mean of two sounds, which is none."""
        at = self._facts.CONTACTS_AT
        strength, when = state[..., at].chunk(2, -1)
        kinds = strength.shape[-1]
        earlier = before[:, at][:, :kinds] > 0
        struck = single(strength, strength > _AUDIBLE, earlier).to(state)
        when = (when * self._moments).round().clamp(max=self._moments - 1) / self._moments
        parts = [state[..., : at.start], strength * struck, when * struck, state[..., at.stop :]]
        return torch.cat(parts, -1)

    @torch.inference_mode()
    def draw(self, states: Sequence[WorldState], state: Tensor) -> Latents:
        """The latents of each world's next chunk, in which `state` (B, frames, COUNT) is the
        case."""
        last = Latents.cat([s.last for s in states])
        text = torch.cat([s.prompt.text(s.index) for s in states])
        facts = torch.cat([last.state[:, -1:], state], 1)[:, None]
        return sample(
            self.network.transformer,
            keys=[s.keys for s in states],
            values=[s.values for s in states],
            last=last,
            state=state,
            told=self._scene(facts, text),
            indices=[s.index for s in states],
            seeds=[s.seed for s in states],
            steps=self.steps,
        )

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
            after.append(replace(self.advance(state, latents[i]), sound_state=tails))
            chunks.append(Chunk(state.index, frames[i], heard[i]))
        return after, chunks

    def advance(self, state: WorldState, made: Latents) -> WorldState:
        """The state after a chunk, but for the sound decoder's part of it."""
        window = self.network.config.window
        recent = (*state.past[1:], made)[-window:]
        return replace(state, index=state.index + 1, past=(state.past[0], *recent))

    @torch.inference_mode()
    def decode_picture(self, latents: Tensor) -> NDArray[np.uint8]:
        """(B, depth, h, w) -> (B, frames, H, W, 3)."""
        frames = self.network.config.frames
        flat = latents.unflatten(1, (frames, -1)).flatten(0, 1)
        flat = flat.contiguous(memory_format=torch.channels_last)
        shown = self.picture.decode(flat).unflatten(0, (len(latents), frames))
        out: NDArray[np.uint8] = shown.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
        return out

    def _encode(self, image: NDArray[np.uint8]) -> Tensor:
        """A still (H, W, 3) as every frame of a chunk: (1, depth, h, w)."""
        frame = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(self.device)
        return self.picture.encode(frame).repeat(1, self.network.config.frames, 1, 1)

    def _text(self, values: Values) -> Tensor:
        said = self.network.vocabulary.encode(self.name, self.grammar.said(values))
        text: Tensor = self.network.text(said[None].to(self.device))
        return text

    def _scene(self, facts: Tensor, text: Tensor) -> Scene:
        """`facts` (B, 1, 1 + frames, COUNT) and `text` (B, text)."""
        return self.network.scene(self.name, facts, text[:, None]).to(self.dtype)

    def _sound_latents(self, tokens: Tensor) -> Tensor:
        """(B, frames, 32) -> (B, channels, latents of the chunk)."""
        return tokens.reshape(len(tokens), -1, self.sound.config.channels).transpose(1, 2)
