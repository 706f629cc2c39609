"""What one picture of a simulated world shows: the labels a reader learns from, and the way back
from what it reads to facts.

No picture shows which of two people on the court is the player. They never wear the same shirt,
so the reader looks for somebody in each colour; who wears which, the prompt gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lightcone.model.families.staged.court import facts as court
from lightcone.model.families.staged.court.constants import FLOOR
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.pond import facts as pond
from lightcone.model.families.staged.pond.basin import LEVEL
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.families.staged.shared.camera import Camera

BODY_MIDDLE = 0.13  # of a person, from the feet

_POSE = ("facing", "holds", "arms")  # of people on the court
_CAMERA = ("camera_x", "camera_y", "camera_view")
_SHIRTS: tuple[str, ...] = definition("court").words["shirt"]
_UNSEEN = {
    "court": ("music", "shirt", "rival"),
    "pond": ("music", "wind"),
    "corridors": ("music", "view"),  # no picture shows that it is one to the rear
}
Positions = dict[str, tuple[Tensor, Tensor]]
"""Of each thing: x and y, in world coordinates."""


@dataclass(frozen=True)
class Readable:
    """What can be read in a world.

    `things` are located in the picture, each where its middle is; `erasable` ones can be taken
    away. `facts` are the names of what else is read as numbers, each with the thing on which one
    sees it (None: anywhere). `where` gives the middles of things from states (N,), `away` moves
    one to another x, and `labels` gives the numbers (N, facts) from states and their facts
    (N, COUNT).
    """

    things: tuple[str, ...]
    erasable: tuple[str, ...]
    facts: Mapping[str, str | None]
    attributes: tuple[str, ...]
    where: Callable[[Any], Positions]
    away: Callable[[Any, str, Tensor], Any]
    labels: Callable[[Any, Tensor], Tensor]

    def middles(self, states: Any) -> Tensor:
        """Of things in the picture, from states (N,): (N, things, 2), x to the right and y down
        over the picture's width and height, so that what is seen lies within [0, 1]."""
        if not self.things:
            return torch.zeros(*states.axes, 0, 2, device=states.device)
        world = self.where(states)
        points = []
        for thing in self.things:
            x, y = cameras.to_picture(states.camera, *world[thing])
            points.append(torch.stack([x / cameras.WIDTH, 1 - y], -1))
        return torch.stack(points, -2)

    def in_world(self, points: Tensor, camera: Camera | None) -> Positions:
        """The reverse: `points` (N, things, 2); without a camera, of one that shows everything."""
        x, y = points[..., 0] * cameras.WIDTH, 1 - points[..., 1]
        out: Positions = {}
        for i, thing in enumerate(self.things):
            at = x[:, i], y[:, i]
            out[thing] = at if camera is None else cameras.to_world(camera, *at)
        return out


def camera_of(facts: Mapping[str, Tensor]) -> Camera:
    """From the facts of its view, each (N,)."""
    x, y, view = (facts[name] for name in _CAMERA)
    zoom = 1 / (cameras.VIEW_MIDDLE + cameras.VIEW_UNIT * view).clamp(0.5, 1)
    none = torch.zeros_like(x)
    return Camera((x + 1) * cameras.WIDTH / 2, (y + 1) / 2, zoom, none, none)


def court_positions(p: Positions, player: str, rival: str | None) -> dict[str, Tensor]:
    """Facts from the middles of things; `player` and `rival` are the colours of their shirts."""
    out = {
        "ball_x": p["ball"][0] / court.ALONG - 1,
        "ball_y": (p["ball"][1] - FLOOR) / court.HEIGHT - 1,
        "hoop_y": (p["hoop"][1] - court.HOOP_MIDDLE) / court.HOOP_UNIT,
    }
    for who, shirt in (("player", player), ("rival", rival)):
        if shirt is not None:
            x, y = p[shirt]
            out[f"{who}_x"] = x / court.ALONG - 1
            out[f"{who}_y"] = (y - BODY_MIDDLE - FLOOR) / court.HEIGHT
    return out


def pond_positions(p: Positions, lean: Tensor) -> dict[str, Tensor]:
    """Facts from the middles of things and the fact how the person leans."""
    (x, y), board = p["person"], p["board"]
    angle = pond.LEAN * lean
    return {
        "px": (x - BODY_MIDDLE * angle.sin()) / pond.ALONG - 1,
        "py": (y - BODY_MIDDLE * angle.cos() - LEVEL) / pond.PERSON_Y,
        "bx": board[0] / pond.ALONG - 1,
        "by": (board[1] - LEVEL) / pond.BOARD_Y,
    }


def _court_where(s: Any) -> Positions:
    nowhere = torch.full_like(s.player.x, _FAR)
    out = {"ball": (s.ball.x, s.ball.y), "hoop": (s.hoop_x, s.hoop_y)}
    for k, shirt in enumerate(_SHIRTS):
        x, y = nowhere, nowhere
        for who, body in ((_wears_player(s, k), s.player), (_wears_rival(s, k), s.rival)):
            x = torch.where(who, body.x, x)
            y = torch.where(who, body.y + BODY_MIDDLE, y)
        out[shirt] = x, y
    return out


_FAR = -9.0  # where things are that are not there


def _wears_player(s: Any, shirt: int) -> Tensor:
    return s.shirt == shirt


def _wears_rival(s: Any, shirt: int) -> Tensor:
    return (s.rival_shirt == shirt) & (s.rivals > 0.5)


def _court_away(s: Any, thing: str, x: Tensor) -> Any:
    if thing == "ball":
        return replace(s, ball=replace(s.ball, x=x))
    shirt = _SHIRTS.index(thing)
    player = torch.where(_wears_player(s, shirt), x, s.player.x)
    rival = torch.where(_wears_rival(s, shirt), x, s.rival.x)
    return replace(s, player=replace(s.player, x=player), rival=replace(s.rival, x=rival))


def _court_labels(s: Any, facts: Tensor) -> Tensor:
    columns = [facts[:, court.AT[name]] for name in (*_CAMERA, "hoop_side")]
    for k in range(len(_SHIRTS)):
        rival = _wears_rival(s, k)
        for name in _POSE:
            of_player, of_rival = (facts[:, court.AT[f"{w}_{name}"]] for w in ("player", "rival"))
            columns.append(torch.where(rival, of_rival, of_player))
    return torch.stack(columns, 1)


def _court() -> Readable:
    poses = {f"{shirt}_{name}": shirt for shirt in _SHIRTS for name in _POSE}
    return Readable(
        things=("ball", "hoop", *_SHIRTS),
        erasable=("ball", *_SHIRTS),
        facts={**dict.fromkeys((*_CAMERA, "hoop_side")), **poses},
        attributes=_seen("court"),
        where=_court_where,
        away=_court_away,
        labels=_court_labels,
    )


def _pond_where(s: Any) -> Positions:
    x, y = s.px + BODY_MIDDLE * s.lean.sin(), s.py + BODY_MIDDLE * s.lean.cos()
    return {"person": (x, y), "board": (s.bx, s.by)}


def _pond_away(s: Any, thing: str, x: Tensor) -> Any:
    return replace(s, **{"px" if thing == "person" else "bx": x})


def _pond() -> Readable:
    pose = ("facing", "aboard", "wet", "lean", "stroke_sin", "stroke_cos")
    facts = {**dict.fromkeys(_CAMERA), "tilt": "board", **dict.fromkeys(pose, "person")}
    at = [pond.AT[name] for name in facts]
    return Readable(
        things=("person", "board"),
        erasable=("person", "board"),
        facts=facts,
        attributes=_seen("pond"),
        where=_pond_where,
        away=_pond_away,
        labels=lambda states, facts: facts[:, at],
    )


def _corridors() -> Readable:
    """Attributes only: where one stands can not be read without the plan."""
    return Readable(
        things=(),
        erasable=(),
        facts={},
        attributes=_seen("corridors"),
        where=lambda states: {},
        away=lambda states, thing, x: states,
        labels=lambda states, facts: facts[:, :0],
    )


def _seen(world: str) -> tuple[str, ...]:
    return tuple(n for n in definition(world).words if n not in _UNSEEN[world])


def readable(world: str) -> Readable:
    """Of a world that has a simulator."""
    return {"court": _court, "pond": _pond, "corridors": _corridors}[world]()


def in_view(points: Tensor) -> Tensor:
    """1 where a middle (..., 2) lies in the picture, 0 where it is well outside, NaN between."""
    beyond = (points - 0.5).abs().amax(-1) - 0.5
    unclear = torch.full_like(beyond, math.nan)
    return torch.where(beyond < -0.01, 1.0, torch.where(beyond > 0.08, 0.0, unclear))
