"""For judges: a session that goes on from true frames, and what the codecs alone make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lightcone.model.codecs.picture import PictureCodec
from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.families.staged.network.kv_cache import Ring, empty_ring
from lightcone.model.families.staged.network.sampler import FIRST, Latents, at_last_pass, reread
from lightcone.model.families.staged.network.stage import Scene
from lightcone.model.families.staged.network.transformer import Transformer
from lightcone.model.families.staged.prompts import Values
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.state import Made, Prompted, StagedState, advanced
from lightcone.model.families.staged.world import World
from lightcone.model.interface import ModelError, PromptError


@dataclass(frozen=True)
class Observer:
    """The parts of a model that it takes. `scene_of` takes facts (1, 1 + frames, COUNT) and a text
    (1, text), which `text_of` makes of values."""

    world: World
    picture: PictureCodec
    sound: SoundCodec
    transformer: Transformer
    window: int
    steps: int
    scene_of: Callable[[Tensor, Tensor], Scene]
    text_of: Callable[[Values], Tensor]
    device: torch.device

    def observed(
        self,
        state: StagedState | None,
        frames: NDArray[np.uint8],
        sound: NDArray[np.float32] | None,
        numbers: NDArray[np.float32] | None,
        columns: Sequence[str],
        text: str | None,
    ) -> StagedState:
        """The state after true chunks; None begins with the caption `text`. Raises ModelError."""
        facts = true_facts(self.world, numbers, columns, len(frames)).to(self.device)
        if sound is None:
            raise ModelError(f"'{self.world.info.name}' has sound")
        for chunk in self.encoded(state, frames, sound, facts):
            if state is None:
                state = self.begun(chunk, true_values(self.world, text))
            else:
                state = self.after(state, chunk)
        assert state is not None
        return state

    def begun(self, chunk: Latents, values: Values) -> StagedState:
        """The state after a true chunk, as after a first one that was made."""
        text = self.text_of(values)
        ring = empty_ring(self.transformer.config, self.transformer.place)
        facts = torch.cat([chunk.state[:, -1:], chunk.state], 1)
        scene = self.scene_of(facts, text)
        reread(self.transformer, ring=ring, chunk=chunk, last=chunk, scene=scene, at=FIRST)
        prompt = Prompted(values, text, text, 0, 1)
        silence = self.sound.decoder_state(1)
        return self._heard(StagedState(self.world.info.name, 0, 0, ring, (chunk,), prompt, silence))

    def after(self, state: StagedState, chunk: Latents) -> StagedState:
        """The state after one more true chunk: its keys are those that it would have if it had been
        made."""
        ring = Ring.cat([state.ring])  # a copy, to be written to
        known, tau = at_last_pass(chunk, state.seed, state.chunk, self.steps)
        facts = torch.cat([state.last.state[:, -1:], chunk.state], 1)
        scene = self.scene_of(facts, state.prompt.text(state.chunk))
        reread(
            self.transformer, ring=ring, chunk=known, last=state.last, scene=scene,
            at=state.chunk, tau=tau,
        )  # fmt: skip
        [followed] = advanced([state], Made(chunk, ring), self.window)
        return self._heard(followed)

    def encoded(
        self,
        state: StagedState | None,
        frames: NDArray[np.uint8],
        sound: NDArray[np.float32],
        facts: Tensor,
    ) -> list[Latents]:
        """True chunks: frames (F, H, W, 3), their sound, and facts (F, COUNT)."""
        count = len(frames) // FRAMES
        pictures = self.picture.encode(_pictures(frames).to(facts.device))
        waves = torch.from_numpy(sound.copy())[None].to(facts)
        before = waves[:, :0]
        if state is not None:  # the encoder hears what came before, as the state remembers it
            silence = self.sound.decoder_state(1)
            before, _ = self.sound.decode(self._waves(state.last.sound), silence)
        tokens = self.sound.encode(torch.cat([before.to(waves), waves], 1))  # (1, channels, L)
        tokens = tokens[:, :, before.shape[1] // self.sound.config.samples :].transpose(1, 2)
        parts = zip(
            pictures.unflatten(0, (count, FRAMES)).flatten(1, 2).split(1),
            tokens.reshape(count, FRAMES, -1).split(1),
            facts.unflatten(0, (count, FRAMES)).split(1),
            strict=True,
        )
        return [Latents(*(x.clone() for x in part)) for part in parts]

    def reconstructed(
        self, frames: NDArray[np.uint8], sound: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """True frames and sound through the codecs and back."""
        shown = [
            self.picture.decode(self.picture.encode(part.to(self.device)))
            for part in _pictures(frames).split(_BLOCK)
        ]
        pictures = torch.cat(shown).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        if sound is None:
            return pictures, None
        tokens = self.sound.encode(torch.from_numpy(sound.copy())[None].to(self.device))
        heard, _ = self.sound.decode(tokens, self.sound.decoder_state(1))
        return pictures, heard[0].float().cpu().numpy()

    def _heard(self, state: StagedState) -> StagedState:
        """With the sound decoder's memory of the last chunk."""
        _, tails = self.sound.decode(self._waves(state.last.sound), state.sound_state)
        return replace(state, sound_state=tuple(tail.clone() for tail in tails))

    def _waves(self, tokens: Tensor) -> Tensor:
        """(1, frames, values) -> (1, channels, latents of the chunk)."""
        return tokens.reshape(1, -1, self.sound.config.channels).transpose(1, 2)


_BLOCK = 64  # pictures that are encoded together


def _pictures(frames: NDArray[np.uint8]) -> Tensor:
    """(F, H, W, 3) -> (F, 3, H, W)."""
    return torch.from_numpy(frames.copy()).permute(0, 3, 1, 2)


def true_facts(
    part: World, numbers: NDArray[np.float32] | None, columns: Sequence[str], frames: int
) -> Tensor:
    """(F, COUNT), of numbers whose columns have the names of facts. Raises ModelError."""
    missing = [name for name in part.facts.NAMES if name not in columns]
    if numbers is None or missing:
        raise ModelError(f"'{part.info.name}' needs its facts, such as {(missing or ['all'])[0]}")
    if not frames or frames % FRAMES or len(numbers) != frames:
        raise ModelError(f"{frames} frames and {len(numbers)} rows of facts are no whole chunks")
    order = [columns.index(name) for name in part.facts.NAMES]
    return torch.from_numpy(np.ascontiguousarray(numbers[:, order]))


def true_values(part: World, text: str | None) -> Values:
    """Those of a caption. Raises ModelError."""
    if text is None:
        raise ModelError(f"'{part.info.name}' needs the caption of what is shown")
    try:
        asked = part.grammar.asked(text, begun=False)
    except PromptError as error:
        raise ModelError(f"'{text}' is no caption of '{part.info.name}'") from error
    return part.grammar.settled((0,) * len(part.grammar.names), asked)
