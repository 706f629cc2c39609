"""The camera of worlds that are seen from the side: it zooms, follows, and cuts to a close view.

World coordinates are in picture heights, x to the right from 0 to WIDTH, y up from 0 to 1: what
the picture shows at zoom 1. A view never leaves that box.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lightcone.model.families.staged.rates import FPS
from lightcone.model.families.staged.shared.fields import Fields

WIDTH = 4 / 3
ZOOM_MOST = 2.0
FOLLOW_SECONDS = 0.25  # to close 63 % of the gap to what is followed
ZOOM_SPEED = 1.2  # doublings per second
FIXED, FOLLOW, CLOSE = 0.0, 1.0, 2.0


@dataclass(frozen=True)
class Camera(Fields):
    """Fields (B,)."""

    x: Tensor  # what the picture's middle shows
    y: Tensor
    zoom: Tensor  # 1 to ZOOM_MOST
    mode: Tensor  # FIXED, FOLLOW or CLOSE
    pressed: Tensor  # 1 if `camera` was held in the last frame


def start(numbers: Tensor) -> Camera:
    """From uniform random numbers (B, 3): half of the cameras show everything."""
    u, v, w = numbers.unbind(1)
    mode = torch.where(u < 0.6, FIXED, torch.where(u < 0.85, FOLLOW, CLOSE))
    zoom = torch.where(v < 0.6, 1.0, 1 + (ZOOM_MOST - 1) * (v - 0.6) / 0.4)
    zoom = torch.where(mode == FOLLOW, zoom.clamp_min(1.25), zoom)
    x, y = _inside(WIDTH * w, 0.25 + 0.5 * w, zoom)
    return Camera(x, y, zoom, mode, torch.zeros_like(x))


def advance(
    camera: Camera,
    held: Tensor,
    follow: tuple[Tensor, Tensor],
    close: tuple[Tensor, Tensor, float],
) -> Camera:
    """One frame. `held` (B, 3) in the order of
    `controls.CAMERA_BUTTONS`, `follow` what a following camera keeps
    in the middle, `close` the middle and the zoom of the close view.

    `camera` goes from fixed to following to close and round again; to and from the close view
    it cuts, else it moves.
    """
    zoom_in, zoom_out, button = (held > 0.5).unbind(1)
    switch = button & (camera.pressed < 0.5)
    mode = torch.where(switch, (camera.mode + 1) % 3, camera.mode)
    cut = switch & ((mode == CLOSE) | (camera.mode == CLOSE))
    turn = (zoom_in.float() - zoom_out.float()) * (ZOOM_SPEED / FPS)
    zoom = (camera.zoom * 2.0**turn).clamp(1, ZOOM_MOST)
    zoom = torch.where(switch & (mode == CLOSE), torch.full_like(zoom, close[2]), zoom)
    starts_following = switch & (mode == FOLLOW)
    zoom = torch.where(starts_following, zoom.clamp_min(1.4), zoom)
    zoom = torch.where(switch & (mode == FIXED), torch.ones_like(zoom), zoom)

    middle = torch.full_like(camera.x, WIDTH / 2), torch.full_like(camera.y, 0.5)
    share = torch.where(cut | (mode == CLOSE), 1.0, 1 / (FOLLOW_SECONDS * FPS))
    at = []
    nows, nears = (camera.x, camera.y), (close[0], close[1])
    for now, fixed, followed, near in zip(nows, middle, follow, nears, strict=True):
        wanted = torch.where(mode == FIXED, fixed, torch.where(mode == FOLLOW, followed, near))
        at.append(now + share * (wanted - now))
    x, y = _inside(at[0], at[1], zoom)
    return Camera(x, y, zoom, mode, button.float())


def to_picture(camera: Camera, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """World -> picture coordinates, in picture heights, y up; at zoom 1 the same."""
    return (x - camera.x) * camera.zoom + WIDTH / 2, (y - camera.y) * camera.zoom + 0.5


def to_world(camera: Camera, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The inverse of `to_picture`."""
    return (x - WIDTH / 2) / camera.zoom + camera.x, (y - 0.5) / camera.zoom + camera.y


def _inside(x: Tensor, y: Tensor, zoom: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest middle from which the view does not leave the world."""
    half = 0.5 / zoom
    x = torch.minimum(torch.maximum(x, WIDTH * half), WIDTH - WIDTH * half)
    return x, torch.minimum(torch.maximum(y, half), 1 - half)


VIEW_MIDDLE, VIEW_UNIT = 0.75, 0.25  # of 1 / zoom as a fact: what a picture shows is affine in it


def from_facts(place: Tensor, flags: Tensor) -> Camera:
    """A camera as it stands among the facts of a world: `place` (B, 3) x, y and view within
    [-1, 1], `flags` (B, 3) pressed, following and close, -1 or 1."""
    x, y, view = place.unbind(1)
    pressed, follows, near = (flags > 0).unbind(1)
    mode = torch.where(follows, FOLLOW, torch.where(near, CLOSE, FIXED))
    zoom = 1 / (view * VIEW_UNIT + VIEW_MIDDLE)
    return Camera((x + 1) * (WIDTH / 2), (y + 1) / 2, zoom, mode, pressed.float())


def to_facts(camera: Camera) -> tuple[Tensor, Tensor]:
    """The inverse."""
    view = (1 / camera.zoom - VIEW_MIDDLE) / VIEW_UNIT
    place = torch.stack([camera.x / (WIDTH / 2) - 1, 2 * camera.y - 1, view], 1)
    flags = torch.stack([camera.pressed > 0.5, camera.mode == FOLLOW, camera.mode == CLOSE], 1)
    return place, 2 * flags.float() - 1
