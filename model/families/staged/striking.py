"""What strikes what between two frames, how hard and when: read off both, since whatever strikes
shows in what changes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_WIDTH = 128
_SHARP = 8.0  # by how much changes are magnified too: most of those of a frame are small
_BETA = 6.0
_LEAST = 1e-30  # chance
_AUDIBLE = 0.1  # contacts are weaker only where the state model is not sure of them


def footfall(before: Tensor, after: Tensor) -> Tensor:
    """How far a gait is beyond a footfall after a frame, as a share of a step; its angle before
    and after, in which there are two steps to a turn. Above 0 where a foot has come down."""
    begun = before / math.pi
    step = (after - before) / math.pi
    return begun - begun.floor() + torch.remainder(step + 0.5, 1.0) - 1.5


class Striking(nn.Module):
    """Facts before and after, (B, facts) each, and what else is `given`, (B, n) -> strengths of
    `kinds` contacts, then their moments within the frame, (B, 2 * kinds)."""

    def __init__(self, facts: int, given: int, kinds: int) -> None:
        super().__init__()
        self.enter = nn.Linear(3 * facts + given, _WIDTH)
        self.layer = nn.Linear(_WIDTH, _WIDTH)
        self.leave = nn.Linear(_WIDTH, 2 * kinds)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, before: Tensor, after: Tensor, given: Tensor) -> Tensor:
        change = after - before
        x = F.silu(self.enter(torch.cat([before, (_SHARP * change).tanh(), change, given], 1)))
        x = x + self.layer(x).relu()
        strength, when = self.leave(x).chunk(2, 1)
        return torch.cat([F.softplus(strength - 0.5, beta=_BETA), torch.sigmoid(4 * when)], 1)


def single(strength: Tensor, struck: Tensor, earlier: Tensor) -> Tensor:
    """What struck in each frame, (B, frames, kinds) bool, each once: a model that is not sure in
    which of two frames something strikes predicts both. What `struck` in the frame after its like
    is the same contact, and of the two the stronger stays; `earlier` (B, kinds), in the frame
    before, does so always."""
    kept = [earlier]
    before, loud = earlier, torch.full_like(strength[:, 0], torch.inf)
    for now, strong in zip(struck.unbind(1), strength.unbind(1), strict=True):
        again = now & before
        louder = again & kept[-1] & (strong > loud)
        kept[-1] = kept[-1] & ~louder
        kept.append((now & ~again) | louder)
        before, loud = now, strong
    return torch.stack(kept[1:], 1)


def audible(facts: Tensor, before: Tensor, at: slice, moments: int) -> Tensor:
    """Facts (B, frames, COUNT) after those `before`, (B, COUNT), without the contacts that are
    too unlikely: where there is none, the transformer gets neither strength nor moment. A moment
    is one of the `moments` of a frame at which something can strike; given one in between, the
    transformer makes the mean of two sounds, which is none. `at` is where contacts are."""
    strength, when = facts[..., at].chunk(2, -1)
    kinds = strength.shape[-1]
    earlier = before[:, at][:, :kinds] > 0
    struck = single(strength, strength > _AUDIBLE, earlier).to(facts)
    when = (when * moments).round().clamp(max=moments - 1) / moments
    parts = [facts[..., : at.start], strength * struck, when * struck, facts[..., at.stop :]]
    return torch.cat(parts, -1)


def contact_cross_entropy(strength: Tensor, happens: Tensor) -> Tensor:
    """The cross entropy of whether something strikes. With it contacts that are not predicted yet
    are learned, for the error of a strength of almost nothing has no slope. `strength` is that of
    `Striking`, a softplus, whose argument is the logit of the chance that is taken here."""
    unlikely = _BETA * strength  # -log of the chance that nothing strikes
    likely = (-torch.expm1(-unlikely)).clamp_min(_LEAST).log()
    return (1 - happens) * unlikely - happens * likely
