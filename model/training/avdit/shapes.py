"""The shapes of a model that fit recordings."""

from __future__ import annotations

from math import prod
from typing import Any

from lightcone.model.codecs.sound import SoundCodecConfig
from lightcone.model.codecs.video import DOWN, VideoCodecConfig
from lightcone.model.families.avdit.network.config import SIZES, AvditConfig
from lightcone.model.families.avdit.numbers import Numbers
from lightcone.model.interface import WorldInfo
from lightcone.model.training.avdit.source import TrainingError

WINDOW_SECONDS = 4.1
_LARGE, _FINE = 320, 2  # pictures as large as that are encoded at half their size
WIDEST_REACH = 32 // DOWN  # latents that all may move sideways in the time of one
_REACH = 1  # where a turn of the camera moves what it does
_TURNING = 16  # operators for that
_FRAMES_A_SECOND = 17.5  # of latent pictures, about
_SAMPLES = (360, 760)  # of a latent of sound
_STRIDES = (range(14, 26), range(3, 9), range(3, 9))


def chunk_frames(fps: int) -> int:
    """Of a chunk of recordings."""
    return AvditConfig.latents * _group(fps)


def _group(fps: int) -> int:
    """Frames of a latent picture."""
    return max(1, round(fps / _FRAMES_A_SECOND))


def shapes(
    info: WorldInfo,
    size: str,
    numbers: Numbers,
    words: int,
    window_seconds: float = WINDOW_SECONDS,
    chance: bool = False,
) -> tuple[AvditConfig, VideoCodecConfig, SoundCodecConfig | None]:
    """Raises TrainingError for worlds that cannot be learned as they were recorded."""
    group = _group(info.fps)
    fine = _FINE if min(info.width, info.height) >= _LARGE else 1
    video = VideoCodecConfig(frames=group, fine=fine)
    patch = AvditConfig.patch // fine
    cell = video.down * patch
    if info.width % cell or info.height % cell:
        raise TrainingError(
            f"pictures are {info.width}x{info.height}: both have to be multiples of {cell} "
            "(lightcone data pack --size makes them so)"
        )
    frames = AvditConfig.latents * group
    sound, sound_latents = None, 0
    if info.sample_rate is not None:
        samples = info.samples(0, frames)
        if samples * info.fps != frames * info.sample_rate:
            raise TrainingError(
                f"{info.sample_rate} samples and {info.fps} frames a second: a chunk of {frames} "
                "frames is no whole number of samples"
            )
        strides, sound_latents = _strides(samples)
        sound = SoundCodecConfig(strides=strides)
    chosen: dict[str, Any] = {"reach": WIDEST_REACH, **SIZES[size]}
    if not numbers.count:
        chosen["scenery"] = 0
    if numbers.place:
        chosen |= {"turning": _TURNING, "reach": _REACH}
    return (
        AvditConfig(
            rows=info.height // video.down,
            columns=info.width // video.down,
            patch=patch,
            chance=chance,
            controls=info.controls,
            channels=video.channels,
            group=group,
            sound_channels=SoundCodecConfig.channels,
            sound_latents=sound_latents,
            numbers=numbers.count,
            angles=numbers.sines,
            positions=numbers.positions,
            words=words,
            window=max(2, round(window_seconds * info.fps / frames)),
            **chosen,
        ),
        video,
        sound,
    )


def _strides(samples: int) -> tuple[tuple[int, int, int], int]:
    """Strides of the sound codec, and latents of a chunk of so many samples. Raises
    TrainingError."""
    found = [
        (a, b, c)
        for a in _STRIDES[0]
        for b in _STRIDES[1]
        for c in _STRIDES[2]
        if _SAMPLES[0] <= a * b * c <= _SAMPLES[1] and samples % (a * b * c) == 0
    ]
    if not found:
        raise TrainingError(f"{samples} samples of a chunk cannot be parted into latents of sound")
    best = min(found, key=lambda each: (abs(prod(each) - 600), abs(each[0] - 20), each))
    return best, samples // prod(best)
