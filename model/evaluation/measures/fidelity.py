"""How near the simulator's pictures the model's are: codecs, the next chunk, and free runs.

*Teacher-forced*: each chunk is generated after the true one before it. *Free-running*: after the
model's own, under the simulator's actions. PSNR is the mean over frames and clips of each frame's
PSNR against the simulator's frame; "at n frames" is the mean over the first n.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from lightcone.model.evaluation.findings import (
    Curve,
    Figure,
    Findings,
    Sheet,
)
from lightcone.model.evaluation.measures import (
    pictures,
    sounds,
)
from lightcone.model.evaluation.play import (
    Actor,
    Learned,
    LearnedRun,
    Moments,
    watch,
)
from lightcone.model.families.staged.definition import definition
from lightcone.model.families.staged.network.sampler import Latents
from lightcone.model.families.staged.pond.basin import LEVEL
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.families.staged.reading.readable import (
    in_view,
    readable,
)
from lightcone.model.families.staged.shared import camera as cameras
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.simulators.clips import Clip
from lightcone.model.training.latents import Encoded, encode

CLIP_FRAMES = FRAMES + 64
GROUP = 8  # worlds in one batch
SPANS = (16, 64)  # frames of free runs
_WANTED = {16: 32.0, 64: 27.0}
_WORST = 3  # clips shown
_CODEC_NOISE = 0.3  # added to latents of variance 1, to see how much their errors hurt
_REACH = {"ball": 0.07, "hoop": 0.10, "person": 0.20, "board": 0.16, "spray": 0.14}


def fidelity(learned: Learned, seeds: Sequence[int], frames: int = CLIP_FRAMES) -> Findings:
    """Codecs, teacher-forced and free-running pictures."""
    simulator = open_simulator(learned.name)
    clips, coded, noisy, heard, forced, free = [], [], [], [], [], []
    groups = [seeds[i : i + GROUP] for i in range(0, len(seeds), GROUP)]
    for group in tqdm(groups, desc="fidelity", unit="group"):
        clip = simulator.film(simulator.seeded_trajectories(group, frames), learned.size)
        true = encoded(learned, clip)
        clips.append(clip)
        coded.append(_decoded(learned, true, 0.0))
        noisy.append(_decoded(learned, true, _CODEC_NOISE))
        heard.append(_decoded_sound(learned, true))
        forced.append(_teacher_forced(learned, clip, true, group))
        free.append(_free(learned, clip, group))
    frames_ = torch.cat([c.frames for c in clips])
    after = frames_[:, FRAMES:]
    found = _codecs(learned.name, clips, torch.cat(coded), torch.cat(noisy), torch.cat(heard))
    return found + score(learned.name, seeds, clips, torch.cat(forced), torch.cat(free), after)


def score(
    name: str,
    seeds: Sequence[int],
    clips: Sequence[Clip[Any]],
    forced: Tensor,
    free: Tensor,
    true: Tensor,
) -> Findings:
    """Of frames (B, T, 3, H, W) after the first chunk, against the true ones."""
    first = torch.cat([c.frames[:, FRAMES - 1] for c in clips])[:, None]
    every = torch.cat([c.frames for c in clips])
    mean = every.float().mean(1, keepdim=True)
    before = every[:, FRAMES - 1 : -FRAMES : FRAMES].repeat_interleave(FRAMES, 1)
    moves = pictures.moving(every)[:, FRAMES:]

    def of(made: Tensor, n: int | None = None) -> float:
        return float(pictures.psnr(made[:, :n], true[:, :n]).mean())

    figures = [
        Figure(
            "teacher-forced next chunk", of(forced), "dB", wanted=36,
            trivial={"last frame": of(before), "average frame": of(mean.expand_as(true))},
        ),
        Figure(
            "teacher-forced, where it moves", pictures.psnr_within(forced, true, moves), "dB",
            trivial={"last frame": pictures.psnr_within(before, true, moves)},
        ),
    ]  # fmt: skip
    each = pictures.psnr(free, true)
    still = pictures.psnr(first.expand_as(true), true)
    average = pictures.psnr(mean.expand_as(true), true)
    for n in SPANS:
        if n > true.shape[1]:
            continue
        figures.append(
            Figure(
                f"free-running, {n} frames", float(each[:, :n].mean()), "dB", wanted=_WANTED[n],
                trivial={
                    "first frame": float(still[:, :n].mean()),
                    "average frame": float(average[:, :n].mean()),
                },
                note=f"frame {n} alone: {float(each[:, n - 1].mean()):.1f} dB",
            )
        )  # fmt: skip
    lines = {"model": each, "first frame": still, "average frame": average}
    curve = Curve(
        "free-running PSNR", "frames", "dB", tuple(range(1, 1 + each.shape[1])),
        {k: tuple(v.mean(0).tolist()) for k, v in lines.items()},
    )  # fmt: skip
    return Findings(tuple(figures), (curve,), _sheets(seeds, each, free, true, forced))


def _sheets(
    seeds: Sequence[int], each: Tensor, free: Tensor, true: Tensor, forced: Tensor
) -> tuple[Sheet, ...]:
    """The worst clips beside the truth, and the worst single chunks."""
    order = each.mean(1).argsort().tolist()
    columns = [round(k * (true.shape[1] - 1) / 7) for k in range(8)]
    rows: dict[str, Tensor] = {}
    for i in order[:_WORST]:
        caption = f"seed {seeds[i]}, {float(each[i].mean()):.1f} dB"
        rows[f"{caption}: truth"] = true[i, columns]
        rows[f"{caption}: model"] = free[i, columns]
    chunks = pictures.psnr(forced, true)
    worst = chunks.flatten().argsort()[:8]
    clip, frame = worst // chunks.shape[1], worst % chunks.shape[1]
    lowest = {"truth": true[clip, frame], "model": forced[clip, frame]}
    names = tuple(f"seed {seeds[int(c)]}, frame {int(f)}" for c, f in zip(clip, frame, strict=True))
    middle = {}
    for i in (order[len(order) // 2], order[-1]):
        middle[f"seed {seeds[i]}: truth"] = true[i, columns]
        middle[f"seed {seeds[i]}: model"] = free[i, columns]
    labels = tuple(f"frame {c + 1}" for c in columns)
    return (
        Sheet("free-running, worst", rows, labels),
        Sheet("free-running, middling and best", middle, labels),
        Sheet("teacher-forced, worst frames", lowest, names),
    )


def _codecs(
    name: str, clips: Sequence[Clip[Any]], coded: Tensor, noisy: Tensor, heard: Tensor
) -> Findings:
    """What the codecs alone lose, on the whole and where something happens."""
    true = torch.cat([c.frames for c in clips])
    figures = [
        Figure("picture codec", float(pictures.psnr(coded, true).mean()), "dB"),
        Figure(
            "picture codec, noisy latents", float(pictures.psnr(noisy, true).mean()), "dB",
            note=f"noise of {_CODEC_NOISE} standard deviations",
        ),
        Figure(
            "picture codec, where it moves",
            pictures.psnr_within(coded, true, pictures.moving(true)), "dB",
        ),
    ]  # fmt: skip
    for thing in readable(name).things:
        if thing in _REACH:
            mask = torch.cat([_near(name, c, thing) for c in clips])
            value = pictures.psnr_within(coded, true, mask)
            figures.append(Figure(f"picture codec, near {thing}", value, "dB"))
    if name == "pond":
        mask = torch.cat([_spray(c) for c in clips])
        value = pictures.psnr_within(coded, true, mask)
        figures.append(Figure("picture codec, near spray", value, "dB"))
    sound = torch.cat([c.sound for c in clips])
    masks = []
    for clip in clips:
        for strength, when in zip(clip.truth.strength, clip.truth.when, strict=True):
            times = sounds.contact_times(name, definition(name).contacts, strength, when)
            masks.append(sounds.near_onsets(times, sound.shape[1]))
    mask = torch.stack(masks)
    error = (heard - sound).square()
    for part, where in (("sound codec", torch.ones_like(mask)), ("sound codec, onsets", mask)):
        ratio = (sound.square() * where).sum() / (error * where).sum().clamp_min(1e-12)
        figures.append(Figure(part, float(10 * ratio.log10()), "dB"))
    return Findings(tuple(figures))


def _near(name: str, clip: Clip[Any], thing: str) -> Tensor:
    """Pixels (B, T, H, W) near a thing."""
    r = readable(name)
    batch, frames = clip.frames.shape[:2]
    states = clip.truth.states.flatten()
    point = r.middles(states)[:, r.things.index(thing)]
    reach = _REACH[thing] * states.camera.zoom * (in_view(point) == 1)
    return pictures.around(point, reach, *clip.frames.shape[-2:]).unflatten(0, (batch, frames))


def _spray(clip: Clip[Any]) -> Tensor:
    """Pixels (B, T, H, W) near a splash that is half a second old at most."""
    s = clip.truth.states
    x, y = cameras.to_picture(s.camera, s.splash_x, torch.full_like(s.splash_x, LEVEL + 0.03))
    point = torch.stack([x / cameras.WIDTH, 1 - y], -1)
    fresh = (s.splash_age < 0.5) & (s.splash_speed > 0.1)
    return pictures.around(point, _REACH["spray"] * s.camera.zoom * fresh, *clip.frames.shape[-2:])


def encoded(learned: Learned, clip: Clip[Any]) -> Encoded:
    facts = open_simulator(learned.name).facts(clip.truth)
    model = learned.model
    on = model.device
    return encode(clip.frames.to(on), clip.sound.to(on), facts.to(on), model.picture, model.sound)


@torch.inference_mode()
def _decoded(learned: Learned, true: Encoded, noise: float) -> Tensor:
    """Pictures through the codec, with noise on their latents: (B, T, 3, H, W)."""
    generator = torch.Generator().manual_seed(7)
    out = []
    for chunk in true.picture.unbind(1):
        wrong = torch.randn(chunk.shape, generator=generator).to(chunk)
        out.append(torch.from_numpy(learned.model.decode_picture(chunk + noise * wrong)))
    return torch.cat(out, 1).permute(0, 1, 4, 2, 3)


@torch.inference_mode()
def _decoded_sound(learned: Learned, true: Encoded) -> Tensor:
    """Sound through the codec: (B, samples)."""
    codec = learned.model.sound
    channels = codec.config.channels
    waves = true.sound.reshape(len(true.sound), -1, channels).transpose(1, 2)
    heard, _ = codec.decode(waves, codec.decoder_state(len(waves)))
    return heard.float().cpu()


def _at(true: Encoded, chunk: int) -> Latents:
    return Latents(true.picture[:, chunk], true.sound[:, chunk], true.state[:, chunk])


def _moments(clip: Clip[Any]) -> Moments:
    found: Moments = clip.truth[:, :FRAMES]
    return found


def teacher_forced_run(
    learned: Learned, clip: Clip[Any], true: Encoded, seeds: Sequence[int], heard: bool = False
) -> tuple[Tensor, LearnedRun]:
    """Frames after the first chunk, each chunk after the true one before it, and the run."""
    run = learned.begin(_moments(clip), seeds, heard)
    frames = []
    for chunk in range(1, true.picture.shape[1]):
        run.correct(_at(true, chunk - 1))
        run.step(clip.truth.actions[:, chunk * FRAMES : (chunk + 1) * FRAMES])
        frames.append(run.pictures())
    return torch.cat(frames, 1), run


def _teacher_forced(
    learned: Learned, clip: Clip[Any], true: Encoded, seeds: Sequence[int]
) -> Tensor:
    return teacher_forced_run(learned, clip, true, seeds)[0]


def _free(actor: Actor, clip: Clip[Any], seeds: Sequence[int]) -> Tensor:
    run = actor.begin(_moments(clip), seeds)
    return watch(run, clip.truth.actions[:, FRAMES:])
