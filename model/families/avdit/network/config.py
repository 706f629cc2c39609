"""Shapes of the transformer. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AvditConfig:
    """A chunk is `latents` latent pictures of `group` frames each, with the sound, the numbers and
    the actions of exactly these frames.

    `layers`: "S" attends inside a chunk, across space and modality; "T" over time at one position.
    `window` counts the chunks before its own that a T layer sees beside the sink.
    """

    rows: int  # of a latent picture
    columns: int
    controls: int
    channels: int = 16  # of a latent picture
    latents: int = 2
    group: int = 2
    sound_channels: int = 16
    sound_latents: int = 4  # of a chunk; 0 without sound
    numbers: int = 0  # of a frame; 0 without
    angles: tuple[int, ...] = ()  # which numbers are sines of angles; the cosines follow them
    positions: tuple[int, ...] = ()  # which numbers say where on the ground somebody is
    words: int = 0  # that a text may use; 0 without text
    window: int = 36
    width: int = 256
    heads: int = 4
    layers: str = "STSSTSSTS"
    patch: int = 4  # latents of a token, along each side
    detail: int = 48  # width of the convolutions around the blocks
    operators: int = 12  # linear ones, by which a picture moves
    reach: int = 3  # latents that an operator reads to either side; above and below it is one
    scenery: int = 0  # width of the network that draws a place from the numbers; 0 without
    turning: int = 0  # operators by which a turn of the camera moves a picture, of a place
    residual_kept: float = 0.97  # of what a picture has beside its scenery, from chunk to chunk
    chance: bool = False  # whether pure noise decides which of all possible pictures comes
    action_tokens: bool = True  # beside AdaLN; without, the tokens of actions are empty

    @property
    def pose(self) -> frozenset[int]:
        """Which numbers say where somebody is and which way he looks."""
        return frozenset({*self.positions, *self.angles, *(i + 1 for i in self.angles)})

    @property
    def place(self) -> bool:
        """Whether numbers say which way and where: what `network/place.py` draws."""
        return len(self.angles) == 1 and len(self.positions) == 2

    @property
    def frames(self) -> int:
        """Of a chunk."""
        return self.latents * self.group

    @property
    def depth(self) -> int:
        """Channels of a chunk's latent pictures, one after the other."""
        return self.latents * self.channels

    @property
    def picture_tokens(self) -> int:
        return (self.rows // self.patch) * (self.columns // self.patch)

    @property
    def tokens(self) -> int:
        """Of a chunk: picture, sound, numbers, actions."""
        return self.picture_tokens + self.sound_latents + bool(self.numbers) + self.frames

    @property
    def sound_at(self) -> int:
        return self.picture_tokens

    @property
    def numbers_at(self) -> int:
        return self.picture_tokens + self.sound_latents

    @property
    def time_layers(self) -> int:
        return self.layers.count("T")

    @property
    def flops(self) -> float:
        """Of one pass over one chunk, roughly: two for each weight and token, and the products of
        attention."""
        blocks = len(self.layers) * 12 * self.width**2 * self.tokens * 2
        inside = self.layers.count("S") * 4 * self.tokens**2 * self.width
        over_time = self.time_layers * 4 * self.tokens * (self.window + 1) * self.width
        cells = self.rows * self.columns * 9 * self.detail * 2
        each = self.operators + self.detail + 2 * self.channels
        around = cells * (self.depth + self.channels + 3 * self.detail + self.latents * each)
        reads = 3 * (2 * self.reach + 1) * self.channels**2 * self.operators
        turned = 9 * self.channels**2 * self.turning
        moved = (self.latents * reads + turned) * self.rows * self.columns * 2
        place = (1 + self.latents) * self._drawn * 2
        return float(blocks + inside + over_time + around + moved + place)

    @property
    def _drawn(self) -> float:
        """Products for the scenery of one latent picture, roughly."""
        cells = self.rows * self.columns
        if not self.place:
            return self.scenery * (2.5 * self.scenery + self.channels * cells / 2)
        hidden = self.scenery // 8
        rays = cells * hidden * (48 * self.group + hidden + self.channels)
        return rays + self.scenery * self.channels * cells / 16

    @property
    def cache_values(self) -> int:
        """Numbers in the cache of one state."""
        return 2 * self.time_layers * self.tokens * self.width * (self.window + 1)


SIZES: dict[str, dict[str, int | str]] = {
    "tiny": {"width": 64, "heads": 2, "layers": "STS", "detail": 16, "scenery": 32},
    "small": {"width": 256, "heads": 4, "layers": "STSSTSSTS", "detail": 48, "scenery": 512},
    "base": {"width": 768, "heads": 12, "layers": "STSS" * 5, "detail": 96, "scenery": 512},
    "large": {
        "width": 1792, "heads": 28, "layers": "STSS" * 6 + "S", "detail": 192, "scenery": 1024,
    },
}  # fmt: skip
"""What differs between the sizes. `tiny` is for tests."""
