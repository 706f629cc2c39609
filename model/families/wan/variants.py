"""The published models of this family, and the random one. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from lightcone.model.families.wan.network.config import (
    SPACE,
    TIME,
    TINY,
    TINY_DECODER,
    TINY_TAEHV,
    DecoderConfig,
    TaehvConfig,
    WanConfig,
    Window,
)
from lightcone.model.interface import DecoderName, WorldInfo

FPS = 16
PROMPT_LENGTH = 2000

_FEW = {4: (1000.0, 750.0, 500.0, 250.0), 2: (1000.0, 500.0), 1: (1000.0,)}
_FIRST = _FEW[4]


@dataclass(frozen=True)
class Variant:
    """`files` are where its checkpoint may be in a folder of weights, the first that is there is
    taken; of what such a file holds, the first of `parts`. `steps` are the evenly spaced timesteps
    by their number, the default first; a first chunk takes `first_steps` where that is given."""

    name: str
    title: str
    description: str
    window: Window
    files: tuple[str, ...] = ()
    lora: tuple[str, ...] = ()
    parts: tuple[str, ...] = ("generator_ema", "generator")
    steps: Mapping[int, tuple[float, ...]] = field(default_factory=lambda: dict(_FEW))
    first_steps: tuple[float, ...] | None = None
    transformer: WanConfig = field(default_factory=WanConfig)
    decoder: DecoderConfig | TaehvConfig = field(default_factory=DecoderConfig)

    def decoded_by(self, decoder: DecoderName) -> Self:
        """With this decoder instead of its own."""
        if decoder == "vae":
            return self
        return replace(self, decoder=TINY_TAEHV if self.random else TaehvConfig())

    @property
    def random(self) -> bool:
        """Its weights are random: it has no files."""
        return not self.files

    @property
    def own_files(self) -> tuple[str, ...]:
        """Those whose presence says that the model is there."""
        return self.files

    @property
    def info(self) -> WorldInfo:
        chunk = TIME * self.window.chunk
        return WorldInfo(
            name=self.name,
            title=self.title,
            description=self.description,
            width=SPACE * self.transformer.columns,
            height=SPACE * self.transformer.rows,
            buttons=(),
            fps=FPS,
            sample_rate=None,
            chunk_frames=(chunk - TIME + 1, chunk),
            prompt="free",
            prompt_length=PROMPT_LENGTH,
        )


_ANY = ("transformer", "transformer.safetensors", "diffusion_pytorch_model.safetensors")

VARIANTS: Mapping[str, Variant] = {
    each.name: each
    for each in (
        Variant(
            "longlive",
            "LongLive 1.3B",
            "Any text becomes a video without end; a new text goes on from the picture.",
            Window(3, 12, 3),
            ("longlive_base.pt", "models/longlive_base.pt", *_ANY),
            ("lora.pt", "models/lora.pt"),
            ("generator", "generator_ema"),
        ),
        Variant(
            "self-forcing",
            "Self-Forcing 1.3B",
            "Any text becomes a video; trained on five seconds.",
            Window(3, 21),
            ("self_forcing_dmd.pt", "checkpoints/self_forcing_dmd.pt", *_ANY),
        ),
        Variant(
            "causal-forcing",
            "Causal-Forcing 1.3B",
            "Any text becomes a video; trained on five seconds.",
            Window(3, 21),
            ("chunkwise/causal_forcing.pt", "checkpoints/chunkwise/causal_forcing.pt", *_ANY),
            parts=("generator", "generator_ema"),
        ),
        Variant(
            "causal-forcing-frame",
            "Causal-Forcing 1.3B, frame by frame",
            "Any text becomes a video in chunks of a quarter second.",
            Window(1, 21),
            ("framewise/causal_forcing.pt", "checkpoints/framewise/causal_forcing.pt", *_ANY),
        ),
        Variant(
            "causal-forcing-2step",
            "Causal-Forcing++ 1.3B, frame by frame in two steps",
            "Any text becomes a video in chunks of a quarter second.",
            Window(1, 21),
            (
                "causal-forcing++/framewise-2step.pt",
                "checkpoints/causal-forcing++/framewise-2step.pt",
                *_ANY,
            ),
            steps={2: _FEW[2], 1: _FEW[1]},
            first_steps=_FIRST,
        ),
        Variant(
            "causal-forcing-1step",
            "Causal-Forcing++ 1.3B, frame by frame in one step",
            "Any text becomes a video in chunks of a quarter second.",
            Window(1, 21),
            (
                "causal-forcing++/framewise-1step.pt",
                "checkpoints/causal-forcing++/framewise-1step.pt",
                *_ANY,
            ),
            steps={1: _FEW[1]},
            first_steps=_FIRST,
        ),
        Variant(
            "wan:tiny",
            "Wan, tiny, random weights",
            "Noise: the shape of the wan family with random weights, to try it without a GPU.",
            Window(3, 12, 3),
            transformer=TINY,
            decoder=TINY_DECODER,
        ),
    )
}
