"""The wan family behind the seam: a text becomes latents without end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lightcone.model.families.wan.base import VideoModel
from lightcone.model.families.wan.context import after_recache
from lightcone.model.families.wan.network.cache import Past
from lightcone.model.families.wan.network.passes import Rows
from lightcone.model.families.wan.state import (
    Prompted,
    Seen,
    WanState,
    from_snapshot,
    to_snapshot,
)
from lightcone.model.families.wan.text import padded
from lightcone.model.families.wan.weights import Weights
from lightcone.model.interface import (
    Actions,
    How,
    Image,
    ImageError,
    ModelError,
    PromptError,
    Snapshot,
)


@dataclass(frozen=True)
class Conditioning:
    world: str
    running: bool
    text: Tensor  # (text_length, text_width)


class WanModel(VideoModel[Weights, WanState]):
    version = "wan 3"

    def prepare(
        self, world: str, prompt: str = "", image: Image | None = None, *, running: bool = False
    ) -> Conditioning:
        weights = self.weights_of(world)
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
        weights = self.weights_of(world)
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

    def blank(self, world: str) -> WanState:
        return self.start(world, 0, self.prepare(world))

    @torch.inference_mode()
    def apply(
        self, state: WanState, conditioning: Conditioning, how: How, chunks: int
    ) -> tuple[WanState, int]:
        """With "cut" what is cached stays as the old text made it, with "blend" the texts are mixed
        from chunk to chunk, with "recache" the window is computed anew under the new one."""
        self._check(conditioning, state.world, running=True)
        weights = self.weights_of(state.world)
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

    def rows(
        self, states: Sequence[WanState], actions: Sequence[Actions]
    ) -> tuple[Rows, list[WanState]]:
        weights = self.weights_of(states[0].world)
        starts = [s.latents(weights.variant.window) for s in states]
        texts = torch.stack([s.prompt.text(s.chunk) for s in states])
        keys = weights.transformer.text_keys(texts)
        return Rows([s.past for s in states], starts, keys), list(states)

    def rows_before(self, state: WanState, past: Past, first: int) -> Rows:
        """Under the text that it was made with."""
        weights = self.weights_of(state.world)
        text = state.prompt.text(first // weights.variant.window.chunk)
        return Rows([past], [first], weights.transformer.text_keys(text[None]))

    def snapshot(self, state: WanState) -> Snapshot:
        return to_snapshot(state, self.fingerprint)

    def bare(self, weights: Weights, snapshot: Snapshot) -> WanState:
        frames = weights.variant.info.chunk_frames
        blank = self.blank(snapshot.world)
        return from_snapshot(snapshot, blank, weights.variant.window, (frames[0], frames[1]))

    def _check(self, conditioning: Conditioning, world: str, *, running: bool) -> None:
        if conditioning.world != world or conditioning.running != running:
            raise ModelError("conditioning that was prepared for something else")
