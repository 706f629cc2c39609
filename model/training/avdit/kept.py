"""What the folder of a run keeps of its stages."""

from __future__ import annotations

from pathlib import Path

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.codecs.video import VideoCodec
from lightcone.model.families.avdit.network.transformer import Transformer
from lightcone.model.runtime.checkpoint import load_module

PICTURE, SOUND, TRANSFORMER = "picture.pt", "sound.pt", "transformer.pt"
SCENERY, TURNING, DECODER = "scenery.pt", "turning.pt", "decoder.pt"
EPISODES = "episodes.txt"  # how many of the recordings the run uses


def load_codecs(picture: VideoCodec, sound: SoundCodec | None, out: Path) -> None:
    """The codecs of the run in a folder. Raises WeightsError."""
    decoder = out / DECODER
    load_module(picture, *((decoder, "codec") if decoder.exists() else (out / PICTURE,)))
    picture.eval().requires_grad_(False)
    if sound is not None:
        load_module(sound, out / SOUND)
        sound.eval().requires_grad_(False)


def load_scenery(model: Transformer, out: Path) -> None:
    """What the run in a folder has of it. Raises WeightsError."""
    for part, path in ((model.scenery, SCENERY), (model.turning, TURNING)):
        if part is not None:
            load_module(part, out / path)


def used(out: Path) -> int | None:
    """How many episodes the run in a folder uses; None where that was not decided."""
    kept = out / EPISODES
    return int(kept.read_text()) if kept.exists() else None
