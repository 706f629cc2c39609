"""The wan family behind the seam: latents from the transformer, pictures from the decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.families.wan.checkpoint.budget import free_bytes
from lightcone.model.families.wan.context import after_recache, recomputed
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.decoder import Tails
from lightcone.model.families.wan.network.sampler import Rows, noise_of, sample, shifted
from lightcone.model.families.wan.state import (
    Prompted,
    Seen,
    WanState,
    digest,
    from_snapshot,
    to_snapshot,
)
from lightcone.model.families.wan.text import padded
from lightcone.model.families.wan.weights import Place, Weights, session_parts
from lightcone.model.interface import (
    Actions,
    Chunk,
    Cost,
    Emit,
    How,
    Image,
    ImageError,
    ModelError,
    PromptError,
    Snapshot,
    SnapshotError,
    UnknownWorld,
    UnsupportedSetting,
    WorldInfo,
)
from lightcone.model.runtime.costs import measured

_VERSION = "wan 1"  # of the family: another one steps differently, or has other states
_MOST = 4  # sessions in one step, where memory allows: at 1.3B one fills a large GPU


@dataclass(frozen=True)
class Conditioning:
    world: str
    running: bool
    text: Tensor  # (text_length, text_width)


class WanModel:
    """Worlds of the wan family, each with weights of its own. A step batches states of one world,
    however full their windows are.

    Thread-safe: weights are only read, and states are never written to.
    """

    def __init__(self, weights: Sequence[Weights], place: Place, *, steps: int | None) -> None:
        """`steps`: the most denoising steps of a chunk; by default each world's own. Raises
        UnsupportedSetting."""
        self._weights = {each.variant.name: each for each in weights}
        self._place = place
        self._steps = _steps(weights, steps)
        named = [_VERSION, str(place.dtype), *sorted(each.digest for each in weights)]
        self._fingerprint = sha256(" ".join(named).encode()).hexdigest()
        self._costs: dict[str, Cost] = {}
        self._measuring = Lock()

    @property
    def worlds(self) -> Mapping[str, WorldInfo]:
        return {name: each.variant.info for name, each in self._weights.items()}

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def steps(self) -> tuple[int, ...]:
        return self._steps

    # how sessions start and change

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        weights = self._of(world)
        most = weights.variant.info.prompt_length
        if image is not None:
            raise ImageError(f"{world} takes no image")
        if len(prompt) > most:
            reason = f"a prompt has at most {most} characters, not {len(prompt)}"
            raise PromptError((), (), reason)
        text = weights.encoder(prompt).to(self._like)
        return Conditioning(world, running, padded(text, weights.variant.transformer.text_length))

    @torch.inference_mode()
    def start(self, world: str, seed: int, conditioning: Conditioning) -> WanState:
        self._check(conditioning, world, running=False)
        weights = self._of(world)
        c = weights.variant.transformer
        nothing = self._like.new_zeros(0, c.channels, c.rows, c.columns)
        return WanState(
            world=world,
            chunk=0,
            frame=0,
            seed=seed,
            past=Past(),
            seen=Seen(nothing, nothing),
            prompt=Prompted(conditioning.text, conditioning.text),
            tails=weights.decoder.tails(1, c.rows, c.columns),
        )

    @torch.inference_mode()
    def apply(
        self, state: WanState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[WanState, int]:
        """With "cut" what is cached stays as the old text made it, with "blend" the texts are mixed
        from chunk to chunk, with "recache" the window is computed anew under the new one."""
        self._check(conditioning, state.world, running=True)
        weights = self._of(state.world)
        spread = max(chunks, 1) if how == "blend" else 1
        before = state.prompt.text(state.chunk - 1)
        prompt = Prompted(before, conditioning.text, state.chunk, spread)
        changed = replace(state, prompt=prompt)
        if how == "recache":
            changed = after_recache(weights, changed)
        info = weights.variant.info
        return changed, state.frame + sum(
            info.frames_of(state.chunk + i) for i in range(spread - 1)
        )

    # how they go on

    @torch.inference_mode()
    def step(
        self,
        states: Sequence[WanState],
        actions: Sequence[Actions],
        emit: Emit,
        steps: int | None = None,
    ) -> list[WanState]:
        if steps is not None and steps not in self.steps:
            raise UnsupportedSetting(f"a chunk takes {self.steps} steps, not {steps}")
        worlds = {(s.world, s.chunk == 0) for s in states}
        if len(worlds) != 1:
            raise ModelError("a step is of states of one world and of equal chunk length")
        weights = self._of(states[0].world)
        latents, pasts = self._sampled(weights, states, steps)
        return self._shown(weights, states, latents, pasts, emit)

    def _sampled(
        self, weights: Weights, states: Sequence[WanState], steps: int | None
    ) -> tuple[Tensor, list[Past]]:
        variant = weights.variant
        even = variant.steps[min(steps or self.steps[0], max(variant.steps))]
        if states[0].chunk == 0 and variant.first_steps is not None:
            even = variant.first_steps
        noise = noise_of(
            variant.transformer,
            variant.window.chunk,
            len(even),
            [s.seed for s in states],
            [s.chunk for s in states],
            self._like,
        )
        text = torch.stack([s.prompt.text(s.chunk) for s in states])
        rows = Rows(
            [s.past for s in states],
            [s.latents(variant.window) for s in states],
            weights.transformer.text_keys(text),
        )
        return sample(weights.transformer, variant.window, rows, noise, shifted(even))

    def _shown(
        self,
        weights: Weights,
        states: Sequence[WanState],
        latents: Tensor,
        pasts: Sequence[Past],
        emit: Emit,
    ) -> list[WanState]:
        """Decode latent after latent (B, chunk, C, rows, columns); each is a part of the chunk."""
        window = weights.variant.window
        tails = _side_by_side([state.tails for state in states])
        made = 0
        for k in range(latents.shape[1]):
            first = k == 0 and states[0].chunk == 0
            pictures, tails = weights.decoder(latents[:, k], tails, first=first)
            frames = as_bytes(pictures)
            for row, state in enumerate(states):
                emit(row, Chunk(state.frame + made, frames[row], None))
            made += frames.shape[1]
        return [
            replace(
                state,
                chunk=state.chunk + 1,
                frame=state.frame + made,
                past=pasts[row],
                seen=state.seen.with_next(latents[row], window),
                tails=tails if len(states) == 1 else tuple(t[row : row + 1].clone() for t in tails),
            )
            for row, state in enumerate(states)
        ]

    # states as data

    def digest(self, state: WanState) -> bytes:
        return digest(state, self._of(state.world).variant.window)

    def snapshot(self, state: WanState) -> Snapshot:
        return to_snapshot(state, self.fingerprint)

    @torch.inference_mode()
    def restore(self, snapshot: Snapshot) -> WanState:
        """Keys and the decoder's tails are computed anew of the latents, see `state`."""
        if snapshot.world not in self._weights:
            raise SnapshotError(f"the snapshot is of '{snapshot.world}', a world that is not here")
        if snapshot.fingerprint != self.fingerprint:
            raise SnapshotError("the snapshot was made with another model, or other weights")
        weights = self._of(snapshot.world)
        blank = self.start(snapshot.world, 0, self.prepare(snapshot.world))
        frames = weights.variant.info.chunk_frames
        bare = from_snapshot(snapshot, blank, weights.variant.window, (frames[0], frames[1]))
        return recomputed(weights, bare)

    def release(self, state: WanState) -> None:
        """Does nothing: a state holds only memory."""

    def cost(self, world: str) -> Cost:
        """Of steps with a full window. The bytes are those that one moment more of a session takes:
        it shares all blocks but the newest with the moment before it."""
        with self._measuring:
            if world not in self._costs:
                window = self._of(world).variant.window
                state = self.start(world, 0, self.prepare(world))
                for _ in range(window.size // window.chunk):
                    [state] = self.step([state], [_NO_ACTIONS], lambda row, part: None)
                newest = state.past.blocks[-1].data
                held = (newest, state.seen.newest, *state.tails)
                size = sum(t.numel() * t.element_size() for t in held)
                device = self._place.device
                each = sum(session_parts(self._of(world).variant, self._place).values())
                most = max(1, min(_MOST, free_bytes(device) // each))
                self._costs[world] = measured(
                    self, state, size, cuda=device.type == "cuda", most=most
                )
            return self._costs[world]

    def close(self) -> None:
        """Does nothing: a model holds only memory."""

    def _of(self, world: str) -> Weights:
        try:
            return self._weights[world]
        except KeyError:
            known = ", ".join(self._weights)
            raise UnknownWorld(f"unknown world '{world}' (known: {known})") from None

    @property
    def _like(self) -> Tensor:
        return torch.zeros(0, device=self._place.device, dtype=self._place.dtype)

    def _check(self, conditioning: Conditioning, world: str, *, running: bool) -> None:
        if conditioning.world != world or conditioning.running != running:
            raise ModelError("conditioning that was prepared for something else")


_NO_ACTIONS = np.zeros((0, 0), np.float32)


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """(B, frames, 3, H, W) in [-1, 1] -> (B, frames, H, W, 3)."""
    shades = ((pictures.float() + 1) * 127.5).round_().to(torch.uint8)
    out: NDArray[np.uint8] = shades.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy()
    return out


def _side_by_side(tails: Sequence[Tails]) -> Tails:
    if len(tails) == 1:
        return tails[0]
    return tuple(torch.cat(each) for each in zip(*tails, strict=True))


def _steps(weights: Sequence[Weights], most: int | None) -> tuple[int, ...]:
    """The numbers of steps that at least one of the worlds takes, at most so many."""
    every = {n for each in weights for n in each.variant.steps}
    if most is not None and most not in every:
        known = ", ".join(str(n) for n in sorted(every))
        raise UnsupportedSetting(f"a chunk takes {known} steps, not {most}")
    return tuple(sorted((n for n in every if n <= (most or n)), reverse=True))
