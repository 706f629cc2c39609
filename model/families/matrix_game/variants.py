"""The published models of this family, and the random one. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lightcone.model.families.matrix_game.network.config import TINY, MatrixGameConfig
from lightcone.model.families.wan.network.config import TINY_DECODER, DecoderConfig, Window
from lightcone.model.families.wan.variants import Variant
from lightcone.model.interface import Axis, Button, GamepadBinding, WorldInfo

FPS = 25  # as it is announced, and as fastvideo plays it

FORWARD = Button("forward", "Forward", ("KeyW", "ArrowUp"), (GamepadBinding("axis", 1, -1),))
BACK = Button("back", "Back", ("KeyS", "ArrowDown"), (GamepadBinding("axis", 1, 1),))
LEFT = Button("left", "Left", ("KeyA", "ArrowLeft"), (GamepadBinding("axis", 0, -1),))
RIGHT = Button("right", "Right", ("KeyD", "ArrowRight"), (GamepadBinding("axis", 0, 1),))
"""In the order of its keys."""

TURN = Axis("turn", "Turn", -1.0, 1.0, "x", GamepadBinding("axis", 2, 1))
LOOK = Axis("look", "Look", -1.0, 1.0, "y", GamepadBinding("axis", 3, 1))
"""1 is as far as the model was trained: `REACH` of its units a frame."""

REACH = 0.1


@dataclass(frozen=True)
class GameVariant(Variant):
    encoder: DecoderConfig = field(default_factory=DecoderConfig)
    transformer: MatrixGameConfig = field(default_factory=MatrixGameConfig)
    buttons: tuple[Button, ...] = (FORWARD, BACK, LEFT, RIGHT)
    axes: tuple[Axis, ...] = (TURN, LOOK)

    @property
    def own_files(self) -> tuple[str, ...]:
        """Without a folder `transformer/`, which may be of any model."""
        return tuple(name for name in self.files if name not in _DIFFUSERS)

    @property
    def info(self) -> WorldInfo:
        return replace(
            super().info,
            buttons=self.buttons,
            axes=self.axes,
            fps=FPS,
            prompt="none",
            image="required",
        )


_STEPS = {3: (1000.0, 666.0, 333.0), 2: (1000.0, 500.0), 1: (1000.0,)}
_DIFFUSERS = ("transformer", "diffusion_pytorch_model.safetensors")

VARIANTS: Mapping[str, GameVariant] = {
    each.name: each
    for each in (
        GameVariant(
            "matrix-game",
            "Matrix-Game 2",
            "Begins with your picture; walk with the keys, look around with the mouse.",
            Window(3, 6),
            (
                "base_distilled_model/base_distill.safetensors",
                "base_distill.safetensors",
                *_DIFFUSERS,
            ),
            steps=_STEPS,
        ),
        GameVariant(
            "matrix-game-gta",
            "Matrix-Game 2, driving",
            "Begins with your picture of a road; drive with the keys, steer with the mouse.",
            Window(3, 6),
            (
                "gta_distilled_model/gta_keyboard2dim.safetensors",
                "gta_keyboard2dim.safetensors",
                *_DIFFUSERS,
            ),
            steps=_STEPS,
            transformer=MatrixGameConfig(keys=2),
            buttons=(FORWARD, BACK),
        ),
        GameVariant(
            "matrix-game:tiny",
            "Matrix-Game 2, tiny, random weights",
            "Noise: the shape of Matrix-Game 2 with random weights, to try it without a GPU.",
            Window(3, 6),
            steps=_STEPS,
            transformer=TINY,
            decoder=TINY_DECODER,
            encoder=TINY_DECODER,
        ),
    )
}
