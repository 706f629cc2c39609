"""What a training begins with: fresh networks, or weights that were trained before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.config import AvditConfig
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.families.avdit.prompts import words_in
from lightcone.model.families.avdit.weights import Weights
from lightcone.model.interface import WorldInfo
from lightcone.model.recordings.format import info_from_json
from lightcone.model.training.avdit.shapes import chunk_frames, shapes
from lightcone.model.training.avdit.source import Source, TrainingError


@dataclass(frozen=True)
class Beginning:
    config: AvditConfig
    picture: VideoCodec
    sound: SoundCodec | None
    numbers: Numbers
    words: tuple[str, ...]
    before: Weights | None  # that all of this is from

    def transformer(self, seed: int) -> Transformer:
        torch.manual_seed(seed)
        made = Transformer(self.config)
        if self.before is not None:
            made.load_state_dict(self.before.transformer.state_dict())
        return made


def fresh(
    source: Source, size: str, numbers: bool, window_seconds: float, chance: bool
) -> Beginning:
    """Networks that fit the recordings. Raises TrainingError."""
    counted = numbers_of(source) if numbers else Numbers()
    words = vocabulary(source)
    config, video, heard = shapes(source.info, size, counted, len(words), window_seconds, chance)
    sound = None if heard is None else SoundCodec(heard)
    return Beginning(config, VideoCodec(video), sound, counted, words, None)


def trained_before(folder: Path, source: Source) -> Beginning:
    """What is in a folder of weights, for recordings that look, sound and are played as those
    that they were trained on. Raises WeightsError and TrainingError."""
    weights = Weights.load(folder)
    then = info_from_json(weights.world)
    for what, before, now in (
        ("pictures", _picture(then), _picture(source.info)),
        ("sound", _sound(then), _sound(source.info)),
        ("controls", _controls(then), _controls(source.info)),
    ):
        if before != now:
            raise TrainingError(f"{folder} was trained on other {what}: {before}, not {now}")
    _known("the recordings lack numbers of it", weights.numbers.names, source.numbers, folder)
    _known("the recordings have words beside its own", vocabulary(source), weights.words, folder)
    modules: tuple[nn.Module | None, ...] = (weights.picture, weights.sound)
    for codec in modules:
        if codec is not None:
            codec.eval().requires_grad_(False)
    return Beginning(
        weights.transformer.config, weights.picture, weights.sound, weights.numbers, weights.words,
        weights,
    )  # fmt: skip


def numbers_of(source: Source) -> Numbers:
    """The numbers of the recordings, where they have any."""
    states = [s for i in range(len(source.episodes)) if (s := source.state(i)) is not None]
    if not states or not source.numbers:
        return Numbers()
    return Numbers.fit(states, source.numbers, chunk_frames(source.info.fps))


def vocabulary(source: Source) -> tuple[str, ...]:
    """The words that the recordings' texts use."""
    texts = (text for episode in source.texts for _, text in episode)
    return tuple(dict.fromkeys(word for text in texts for word in words_in(text)))


def _picture(info: WorldInfo) -> str:
    return f"{info.width}x{info.height} at {info.fps} fps"


def _sound(info: WorldInfo) -> str:
    return "none" if info.sample_rate is None else f"{info.sample_rate} Hz"


def _controls(info: WorldInfo) -> str:
    names = [*(button.name for button in info.buttons), *(axis.name for axis in info.axes)]
    return ", ".join(names) or "none"


def _known(problem: str, wanted: Sequence[str], there: Sequence[str], folder: Path) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise TrainingError(f"{folder} does not fit: {problem}: {', '.join(missing)}")
