"""`lightcone evaluate`: the simulator judges the learned court on seeds training never saw
(training draws its worlds from other streams of random numbers altogether).

Definitions. *Teacher-forced*: each chunk is generated from the true ones before it. *Free-running*
(rollout): from the model's own, under the simulator's actions. PSNR is the mean over frames and
clips of each frame's PSNR against the simulator's frame; a rollout figure "at n frames" is the
mean over the first n, `rollout_psnr_last_db` that of the n-th frame alone. The trivial answers
(repeat the last known frame; silence) are scored beside.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from model import judge
from model.interface import FPS, ModelError, UnknownWorld
from model.latents import Encoded, encode
from model.registry import WEIGHTS_DIR
from model.sampler import STILL, Latents
from model.world import LearnedWorld, WorldState
from model.worlds.court import simulator

CLIP_FRAMES = 72
CONTROL_SECONDS = 60
CODEC_NOISE = 0.3  # added to latents of variance 1 to see how much their errors hurt
GROUP = 16  # worlds in one batch


@dataclass(frozen=True)
class Truth:
    """A group of simulated clips and their latents."""

    worlds: simulator.Trajectory
    clip: simulator.Clip
    encoded: Encoded

    @property
    def chunks(self) -> int:
        return self.encoded.picture.shape[1]

    def latents(self, chunk: int) -> Latents:
        e = self.encoded
        return Latents(e.picture[:, chunk], e.sound[:, chunk], e.state[:, chunk])

    def actions(self, chunk: int) -> list[Any]:
        n = simulator.FRAMES_PER_CHUNK
        return list(self.worlds.actions[:, chunk * n : (chunk + 1) * n].numpy())


def groups(seeds: Sequence[int], world: LearnedWorld, frames: int) -> Iterator[Truth]:
    for i in range(0, len(seeds), GROUP):
        worlds = simulator.seeded_trajectories(seeds[i : i + GROUP], frames)
        yield Truth(worlds, simulator.film(worlds), encode(worlds, world.picture, world.sound))


def run(world: LearnedWorld, truth: Truth, forced: bool) -> tuple[Tensor, Tensor]:
    """Frames (B, T - n, 3, H, W) uint8 and sound (B, (T - n) * 1000) from chunk 1 on, teacher
    `forced` or free."""
    batch = len(truth.clip.sound)
    states: list[WorldState] = [world.begin(truth.latents(0)[i], seed=i) for i in range(batch)]
    frames, sound = [], []
    for chunk in range(1, truth.chunks):
        states, made = world.step(states, truth.actions(chunk))
        frames.append(torch.stack([torch.from_numpy(c.frames) for c in made]))
        sound.append(torch.stack([torch.from_numpy(c.sound) for c in made]))
        if forced:
            true = truth.latents(chunk)
            states = [replace(s, last=true[i]) for i, s in enumerate(states)]
    return torch.cat(frames, 1).permute(0, 1, 4, 2, 3), torch.cat(sound, 1)


def fidelity(world: LearnedWorld, seeds: Sequence[int]) -> dict[str, Any]:
    """Codecs, teacher-forced and free-running figures, and sound onsets."""
    n = simulator.FRAMES_PER_CHUNK
    tables: dict[str, list[Tensor]] = {
        k: [] for k in ("codec", "robust", "forced", "free", "repeat")
    }
    signal = noise = 0.0
    scores = {"model": judge.OnsetScore(0, 0, 0, 0.0), "simulator": judge.OnsetScore(0, 0, 0, 0.0)}
    total = -(-len(seeds) // GROUP)
    for truth in tqdm(
        groups(seeds, world, CLIP_FRAMES), total=total, desc="fidelity", unit="group"
    ):
        real = truth.clip.frames
        with torch.inference_mode():
            coded = [
                torch.from_numpy(world.decode_picture(truth.latents(c).picture))
                for c in range(truth.chunks)
            ]
            noise_like = torch.Generator().manual_seed(seeds[0])
            noisy = [
                torch.from_numpy(
                    world.decode_picture(
                        p + CODEC_NOISE * torch.randn(p.shape, generator=noise_like).to(p)
                    )
                )
                for p in (truth.latents(c).picture for c in range(truth.chunks))
            ]
            heard, _ = world.sound.decode(
                truth.encoded.sound.reshape(len(real), -1, world.sound.config.channels).transpose(
                    1, 2
                ),
                world.sound.decoder_state(len(real)),
            )
        tables["codec"].append(judge.psnr(torch.cat(coded, 1).permute(0, 1, 4, 2, 3), real))
        tables["robust"].append(judge.psnr(torch.cat(noisy, 1).permute(0, 1, 4, 2, 3), real))
        signal += float(truth.clip.sound.square().sum())
        noise += float((heard - truth.clip.sound).square().sum())
        forced, forced_sound = run(world, truth, forced=True)
        free, _ = run(world, truth, forced=False)
        tables["forced"].append(judge.psnr(forced, real[:, n:]))
        tables["free"].append(judge.psnr(free, real[:, n:]))
        last = real[:, n - 1 : -n : n].repeat_interleave(n, 1)
        tables["repeat"].append(judge.psnr(last, real[:, n:]))
        for name, sound in (
            ("model", forced_sound),
            ("simulator", truth.clip.sound[:, n * 1000 :]),
        ):
            for i in range(len(real)):
                true = judge.contact_times(truth.worlds.strength[i, n:], truth.worlds.when[i, n:])
                scores[name] = _add(scores[name], judge.score_onsets(judge.onsets(sound[i]), true))
    table = {name: torch.cat(parts) for name, parts in tables.items()}
    free = table["free"]
    model, ceiling = scores["model"], scores["simulator"]
    return {
        "picture_codec_psnr_db": _round(table["codec"].mean()),
        "picture_codec_noisy_psnr_db": _round(table["robust"].mean()),
        "sound_codec_snr_db": round(10 * _log10(signal / noise), 2),
        "teacher_forced_psnr_db": _round(table["forced"].mean()),
        "rollout_psnr_db": {str(k): _round(free[:, :k].mean()) for k in (16, 64)},
        "rollout_psnr_last_db": {str(k): _round(free[:, k - 1].mean()) for k in (16, 64)},
        "onset_f1": round(model.f1, 3),
        "onset_error_ms": round(1000 * model.error_s / max(1, model.matched), 1),
        "trivial": {
            "repeat_last_frame_psnr_db": _round(table["repeat"].mean()),
            "silence_onset_f1": 0.0,
        },
        "ceiling": {"simulator_sound_onset_f1": round(ceiling.f1, 3)},
    }


def _add(a: judge.OnsetScore, b: judge.OnsetScore) -> judge.OnsetScore:
    return judge.OnsetScore(
        a.matched + b.matched, a.found + b.found, a.true + b.true, a.error_s + b.error_s
    )


def control(world: LearnedWorld, seeds: Sequence[int], seconds: int) -> dict[str, Any]:
    """Free runs under scripted directions: does the player go where told, second by second, and
    does the picture keep its colour and sharpness?"""
    n = simulator.FRAMES_PER_CHUNK
    truth = next(groups(seeds[:GROUP], world, n))
    batch = len(truth.clip.sound)
    script = judge.control_script(batch, seconds * FPS, torch.Generator().manual_seed(seeds[0]))
    start = truth.worlds.states[:, 0]
    states = [world.begin(truth.latents(0)[i], seed=seeds[i]) for i in range(batch)]
    wanted_frames = {frame for check in script.checks for frame in check}
    where: dict[int, Tensor] = {}
    windows: dict[str, list[Tensor]] = {"first": [], "last": []}
    chunks = script.actions.shape[1] // n
    for chunk in tqdm(range(chunks), desc="control", unit="chunk"):
        held = list(script.actions[:, chunk * n : (chunk + 1) * n].numpy())
        latents = world.generate(states, held)
        states = [replace(s, index=s.index + 1, last=latents[i]) for i, s in enumerate(states)]
        due = [f for f in range(chunk * n, (chunk + 1) * n) if f in wanted_frames]
        if due:
            frames = torch.from_numpy(world.decode_picture(latents.picture)).permute(0, 1, 4, 2, 3)
            positions = judge.player_x(frames, start)
            for frame in due:
                where[frame] = positions[:, frame - chunk * n]
            if chunk * n < 5 * FPS:
                windows["first"].append(frames)
            elif chunk * n >= (seconds - 5) * FPS:
                windows["last"].append(frames)
    before = torch.stack([where[a] for a, _ in script.checks], 1)
    after = torch.stack([where[b] for _, b in script.checks], 1)
    good = judge.obeyed(before, after, script.wanted).float()
    first, last = (torch.cat(windows[name], 1) for name in ("first", "last"))
    colour = (last.float().mean((1, 3, 4)) - first.float().mean((1, 3, 4))).abs().mean() / 255
    return {
        "control_accuracy": _round(good.mean(), 3),
        "control_accuracy_last_10_s": _round(good[:, -10:].mean(), 3),
        "player_visible": _round(torch.cat([before, after]).isfinite().float().mean(), 4),
        "seconds": seconds,
        "colour_change": _round(colour, 4),
        "sharpness_ratio": round(judge.sharpness(last) / judge.sharpness(first), 3),
    }


def _log10(x: float) -> float:
    return float(torch.tensor(x).log10())


def _round(value: Tensor, digits: int = 2) -> float:
    return round(float(value), digits)


def parse_seeds(text: str) -> list[int]:
    """ "1000:1016" or "1000,1003"."""
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            seeds = list(range(first, last))
        else:
            seeds = [int(part) for part in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no list or range of seeds") from error
    if not seeds or min(seeds) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' names no seeds")
    return seeds


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lightcone evaluate", description=__doc__)
    parser.add_argument("--world", default="court")
    parser.add_argument("--seeds", type=parse_seeds, default=parse_seeds("1000:1016"))
    parser.add_argument("--steps", type=int, choices=(1, 2, 4), default=1)
    parser.add_argument(
        "--still", type=float, default=STILL, help="changes below this are not shown; 0: all are"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--control-seconds", type=int, default=CONTROL_SECONDS)
    parser.add_argument("--json", action="store_true", help="print only the figures, as JSON")
    args = parser.parse_args(argv)
    try:
        if args.world != "court":
            raise UnknownWorld(f"there is no judge for the world '{args.world}' (only for court)")
        world = LearnedWorld.load(
            args.weights / args.world, steps=args.steps, still=args.still, device=args.device
        )
    except ModelError as error:
        parser.exit(1, f"lightcone evaluate: {error}\n")
    figures: dict[str, Any] = {
        "world": args.world,
        "seeds": [args.seeds[0], args.seeds[-1] + 1],
        "steps": args.steps,
        "still": args.still,
        **fidelity(world, args.seeds),
    }
    if args.control_seconds:
        figures |= control(world, args.seeds, args.control_seconds)
    if args.json:
        print(json.dumps(figures, indent=1))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
