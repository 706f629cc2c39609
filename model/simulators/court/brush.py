"""Painting soft-edged shapes from signed distances into windows of many frames at once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.families.staged.shared.camera import Camera

Rgb = tuple[float, float, float]


class Canvas:
    """Frames under the brush: (N, 3, height, width), RGB 0 to 1, each seen by its camera."""

    def __init__(self, background: Tensor, camera: Camera) -> None:
        self.height, self.width = background.shape[-2:]
        self.pixels = background.flatten(2)
        self.camera = camera
        self.most_zoom = float(camera.zoom.max())

    def result(self) -> Tensor:
        return self.pixels.unflatten(2, (self.height, self.width))


class Window:
    """A box of pixels in each frame, around a centre of its own. `x` and `y` are world
    coordinates of its pixels relative to that centre: (N, h * w). Sizes are the world's."""

    def __init__(
        self, canvas: Canvas, cx: Tensor, cy: Tensor, half_w: float, half_h: float
    ) -> None:
        scale, zoom = canvas.height, canvas.camera.zoom
        w = min(2 * math.ceil(half_w * scale * canvas.most_zoom) + 2, canvas.width)
        h = min(2 * math.ceil(half_h * scale * canvas.most_zoom) + 2, canvas.height)
        seen_x, seen_y = cameras.to_picture(canvas.camera, cx, cy)
        column = ((seen_x * scale).floor().long() - w // 2).clamp(0, canvas.width - w)
        row = (((1 - seen_y) * scale).floor().long() - h // 2).clamp(0, canvas.height - h)
        columns = column[:, None] + torch.arange(w, device=cx.device)
        rows = row[:, None] + torch.arange(h, device=cx.device)
        at = (rows[:, :, None] * canvas.width + columns[:, None, :]).flatten(1)
        x = ((columns + 0.5) / scale - seen_x[:, None]) / zoom[:, None]
        y = (1 - (rows + 0.5) / scale - seen_y[:, None]) / zoom[:, None]
        self._at = at[:, None].expand(-1, 3, -1)
        self._canvas = canvas
        self._sharp = (scale / 1.3 * zoom)[:, None]  # coverage per distance
        self.x = x[:, None, :].expand(-1, h, -1).flatten(1)
        self.y = y[:, :, None].expand(-1, -1, w).flatten(1)
        self.colour = canvas.pixels.gather(2, self._at)  # (N, 3, h * w)

    def paint(self, distance: Tensor, colour: Tensor | Rgb, opacity: Tensor | float = 1.0) -> None:
        """Cover where `distance` (N, h * w), signed, is inside. `colour`: (N, 3) or one."""
        alpha = (0.5 - distance * self._sharp).clamp(0, 1) * opacity
        if not isinstance(colour, Tensor):
            colour = torch.tensor(colour, device=distance.device).expand(len(distance), 3)
        self.colour = torch.lerp(self.colour, colour[:, :, None], alpha[:, None])

    def close(self) -> None:
        self._canvas.pixels.scatter_(2, self._at, self.colour)


def capsule(
    x: Tensor, y: Tensor, ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor, r: float
) -> Tensor:
    """Signed distance to a thick segment; the ends are (N,)."""
    ax, ay, bx, by = ax[:, None], ay[:, None], bx[:, None], by[:, None]
    ux, uy = bx - ax, by - ay
    along = ((x - ax) * ux + (y - ay) * uy) / (ux.square() + uy.square()).clamp_min(1e-8)
    along = along.clamp(0, 1)
    return ((x - ax - along * ux).square() + (y - ay - along * uy).square()).sqrt() - r


def circle(x: Tensor, y: Tensor, r: float | Tensor) -> Tensor:
    return (x.square() + y.square()).sqrt() - r


def box(
    x: Tensor, y: Tensor, cx: Tensor, cy: Tensor, half_w: Tensor | float, half_h: float
) -> Tensor:
    dx, dy = (x - cx).abs() - half_w, (y - cy).abs() - half_h
    return torch.maximum(dx, dy)
