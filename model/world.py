"""A learned world: what is the case from its state stream, latents from the transformer, picture
and sound from the codecs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.cache import empty_cache
from model.codec import DecoderState
from model.interface import Actions, Chunk, How, UnsupportedSetting, WorldInfo
from model.precision import compute_dtype, usable_device
from model.prompts import Grammar, Values, grammar
from model.sampler import FIRST, Latents, nothing, reread, sample
from model.simulators import learnable, open_simulator
from model.stage import Scene
from model.still import read_still
from model.weights import Weights


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
        self.info: WorldInfo = open_simulator(world).INFO
        self.name, self.steps = world, steps
        self.device = usable_device(device)
        self.dtype = compute_dtype(self.device)
        self.grammar: Grammar = grammar(world)
        self._facts = learnable(world).facts
        self.picture = weights.picture.to(self.device, self.dtype)
        self.picture.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.sound = weights.sound.to(self.device, self.dtype)
        self.network = weights.network.to(self.device, self.dtype)
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
        fits = [self.grammar.fit(values, asked) for values in self.starts.values]
        best = [i for i, fit in enumerate(fits) if fit == max(fits)]
        chosen = best[int(np.random.default_rng(seed).integers(len(best)))]
        seen = {n: v for n, v in asked.items() if n in self.grammar.appearance}
        values = self.grammar.with_asked(self.starts.values[chosen], seen)
        state = self.starts.state[None, chosen].to(self.device)
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
        keys, rings = empty_cache(transformer.config, text)
        told = self._scene(state[:, None, [0, *range(state.shape[1])]], text)
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
        values = self.grammar.with_asked(state.prompt.values, asked)
        before, after = state.prompt.text(state.index), self._text(values)
        spread = chunks if how == "blend" else 1
        prompted = Prompted(values, before, after, state.index, spread)
        held = {n: v for n, v in asked.items() if n in self.grammar.held}
        past = state.past
        if held:
            past = (*past[:-1], self._hold(past[-1], values, held))
        changed = replace(state, prompt=prompted, past=past)
        if how == "recache":
            changed = self._recache(changed)
        return changed, state.index + spread - 1

    def _hold(self, last: Latents, values: Values, held: dict[str, int]) -> Latents:
        """`last` with the standing facts of the start that fits the changed values best."""
        wanted = {
            n: v for n, v in zip(self.grammar.names, values, strict=True) if n in self.grammar.held
        }
        fits = [
            self.grammar.fit(v, wanted) + len(wanted) * self.grammar.fit(v, held)
            for v in self.starts.values
        ]
        found = self.starts.state[fits.index(max(fits)), -1].to(self.device)
        facts = last.state.clone()
        facts[..., self._facts.STATIC] = found[self._facts.STATIC]
        return replace(last, state=facts)

    def _recache(self, state: WorldState) -> WorldState:
        keys, rings = torch.zeros_like(state.keys), torch.zeros_like(state.values)
        first = state.index - len(state.past) + 1  # of the chunks after the sink
        indices = [FIRST, *range(first, state.index)]
        last = state.past[0]
        for chunk, index in zip(state.past, indices, strict=True):
            facts = torch.cat([last.state[:, -1:], chunk.state], 1)[:, None]
            told = self._scene(facts, state.prompt.after)
            reread(self.network.transformer, chunk, last, told, keys, rings, index)
            last = chunk
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
        state = self.dynamics(last.state[:, -1], held)
        return self.draw(states, state)

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
        return self.network.scene(self.name, facts, text[:, None])

    def _sound_latents(self, tokens: Tensor) -> Tensor:
        """(B, frames, 32) -> (B, channels, latents of the chunk)."""
        return tokens.reshape(len(tokens), -1, self.sound.config.channels).transpose(1, 2)
