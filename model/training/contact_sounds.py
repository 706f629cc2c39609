"""What contacts sound like, as a beginning: the linear part of a stage that makes latents of
strengths at moments, fitted by least squares to what contacts add to the sound of simulated
worlds. Training goes on from there."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.codecs.sound import SoundCodec
from lightcone.model.families.staged.network.network import Network
from lightcone.model.families.staged.network.stage import Stage
from lightcone.model.simulators.catalogue import open_simulator

CLIPS = 240  # of each world, FRAMES long
FRAMES = 48
_AT_ONCE = 24
_SHARE = 0.03  # of frames, in which a contact of one kind happens
_RIDGE = 1e-2


@torch.no_grad()
def fit_contact_sounds(
    network: Network,
    codec: SoundCodec,
    generator: torch.Generator,
    clips: int = CLIPS,
) -> None:
    """Set `Stage.rings` of all worlds by so many clips of each."""
    for world in network.worlds:
        stage = network.stages[world]
        assert isinstance(stage, Stage)
        weight = stage.rings.weight
        count, out = weight.shape[1], weight.shape[0]
        gram = weight.new_zeros(count, count, dtype=torch.float64)
        moment = weight.new_zeros(count, out, dtype=torch.float64)
        for _ in tqdm(range(clips // _AT_ONCE), desc=f"contacts of {world}"):
            struck_at, added = example(stage, world, codec, generator)
            gram += (struck_at.T @ struck_at).double()
            moment += (struck_at.T @ added).double()
        gram.diagonal().add_(_RIDGE)
        weight.copy_(torch.linalg.solve(gram, moment).T)


def example(
    stage: Stage, world: str, codec: SoundCodec, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The contacts of frames, at random, as the stage gets them, (N, values), and what these add to
    their sound, (N, sound_values)."""
    simulator, device = open_simulator(world), stage.rings.weight.device
    truth = simulator.random_trajectories(_AT_ONCE, FRAMES, generator, device, skip=0)
    shape = truth.strength.shape
    happens, strength, when = (torch.rand(shape, generator=generator) for _ in range(3))
    strength = (strength * (happens < _SHARE)).to(device)
    moments = stage.world.moments
    when = (when * moments).floor().to(device) / moments
    struck = replace(truth, strength=strength, when=when * (strength > 0))
    silent = replace(truth, strength=torch.zeros_like(strength))
    loud, still = (codec.encode(simulator.listen(t)) for t in (struck, silent))
    frames = stage.config.frames
    added = (loud - still).transpose(1, 2).reshape(_AT_ONCE, FRAMES, -1)[:, frames:]
    facts = open_simulator(world).facts(struck).unflatten(1, (-1, frames))
    struck_at = stage.struck(torch.cat([facts[:, :-1, -1:], facts[:, 1:]], 2))
    return struck_at.flatten(0, 2), added.flatten(0, 1)
