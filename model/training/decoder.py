"""The picture's decoder, trained further: `python -m lightcone.model.training.decoder`.

Its latents, and so the renderer, stay as they are. It may draw more pixels of a latent than were
encoded: the simulators draw at any size. Half of the latents it is trained on are the encoder's;
the others are made by the renderer, chunk after chunk, under the true states, so the true picture
of each is known, and the decoder learns to draw what is right in spite of the renderer's errors.
Stops on Ctrl-C, resumes from its checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lightcone.model.catalogue import WEIGHTS_DIR
from lightcone.model.codecs.cell import CELL
from lightcone.model.codecs.picture import PictureCodec, to_signed
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.rates import FRAMES
from lightcone.model.interface import ModelError, UnsupportedSetting
from lightcone.model.runtime.checkpoint import fitting, load_training, read, save_training
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.training import loop
from lightcone.model.training.codecs import edges, seen_figures
from lightcone.model.training.critic import Critic, Optimizers
from lightcone.model.training.export import Run
from lightcone.model.training.trained import decoder_path, load_codecs

_PAIRS = 3  # of chunks, of each clip
_SIGMA = 0.04  # of values in [-1, 1]: 34 dB, more than the renderer reaches
_CRITIC_FIRST = 200  # steps before the critic counts


@dataclass(frozen=True)
class Recipe:
    steps: int = 4000
    batch: int = 4  # pairs of chunks, at least two
    clips: int = 600
    chunks: int = 24  # of a clip
    together: int = 16  # clips of a world that are made at a time
    pixels: int | None = None  # of a latent; None: as the codec draws, but at least twice CELL
    critic: float = 0.05
    features: float = 1.0


@dataclass(frozen=True)
class Pairs:
    """Pairs of chunks, one after the other: normalised latents (N, 2 frames, channels, h, w)
    float16, and the true pictures (N, 2 frames, 3, H, W) uint8."""

    latents: Tensor
    pictures: Tensor

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Latents (2 size, frames, channels, h, w), the two of a pair one after the other, and
        pictures (2 size, frames, 3, H, W) in [-1, 1]."""
        at = torch.randint(len(self.latents), (size,), generator=generator)
        latents, pictures = self.latents[at].float(), to_signed(self.pictures[at])
        return (
            latents.unflatten(1, (2, FRAMES)).flatten(0, 1),
            pictures.unflatten(1, (2, FRAMES)).flatten(0, 1),
        )


def widened(codec: PictureCodec, pixels: int) -> PictureCodec:
    """One that draws so many pixels of a latent, at first each pixel of before several times.
    Raises UnsupportedSetting."""
    before = codec.config.pixels
    if pixels % before:
        raise UnsupportedSetting(f"{pixels} pixels of a latent are no multiple of its {before}")
    other, times = PictureCodec(replace(codec.config, pixels=pixels)), pixels // before
    state = codec.state_dict()
    for name, value in other.state_dict().items():
        if state[name].shape != value.shape:  # of the pixels that are drawn
            each = state[name].unflatten(0, (3, before, before))
            each = each.repeat_interleave(times, 1).repeat_interleave(times, 2)
            state[name] = each.flatten(0, 2)
    other.load_state_dict(state)
    return other


@torch.inference_mode()
def pairs(model: StagedModel, recipe: Recipe, generator: torch.Generator) -> Pairs:
    """Of clips of all worlds. The pictures have the model's size."""
    latents, pictures, chunks = [], [], recipe.chunks
    parts = max(1, recipe.clips // recipe.together // len(model.worlds))
    worlds = [name for name in model.worlds for _ in range(parts)]
    for name in tqdm(worlds, desc="pictures of the renderer", unit="part"):
        simulator = open_simulator(name)
        truth = simulator.random_trajectories(
            recipe.together, chunks * FRAMES, generator, torch.device("cpu"), skip=8
        )
        facts, values = simulator.facts(truth), simulator.attributes(truth.states).tolist()
        states = [
            model.begin(name, facts[i : i + 1, :FRAMES], tuple(v), int(truth.phase[i] * 1e6))
            for i, v in enumerate(values)
        ]
        made = []
        for chunk in range(1, chunks):
            now = model.draw(states, facts[:, chunk * FRAMES : (chunk + 1) * FRAMES])
            states = model.advance(states, now)
            made.append(now.latents.picture.unflatten(1, (FRAMES, -1)))  # (B, frames, c, h, w)
        for pair in torch.randperm(chunks - 2, generator=generator)[:_PAIRS].tolist():
            start = (pair + 1) * FRAMES
            latents.append(torch.cat(made[pair : pair + 2], 1).half())
            shown = truth.states[:, start : start + 2 * FRAMES]
            pictures.append(simulator.render(shown, model.size))
    return Pairs(torch.cat(latents), torch.cat(pictures))


def train(folder: Path, recipe: Recipe, seed: int, start_from: Path) -> None:
    """Train the decoder in a folder, or go on. Raises ModelError."""
    torch.manual_seed(seed)
    picture, sound = load_codecs(folder, torch.device("cpu"), start_from)
    picture = widened(picture, recipe.pixels or max(picture.config.pixels, 2 * CELL))
    critic = Critic(FRAMES)
    for module in (picture, critic):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    drawing = [*picture.decoder.parameters(), *picture.decode_plainly.parameters()]
    for p in drawing:
        p.requires_grad_(True)
    optimizers = Optimizers(drawing, critic)
    path = decoder_path(folder, "picture")
    step = load_training(path, picture, optimizers)
    if step:
        with fitting(path):
            critic.load_state_dict(read(path)["critic"])
    if step >= recipe.steps:
        return
    run = Run(folder, start_from)
    network, shown = run.network[0].eval(), copy.deepcopy(picture)  # a model converts its weights
    model = StagedModel(replace(run.before, picture=shown, sound=sound, network=network))
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    pool = pairs(model, recipe, generator)

    def advance(step: int) -> dict[str, float]:
        warm = min(1.0, (step + 1) / 100)
        optimizers.set_rate(warm * min(1.0, (1 - step / recipe.steps) / 0.3 + 0.01))
        latents, true = pool.batch(recipe.batch, generator)
        of_truth = (torch.arange(2 * recipe.batch) // 2 % 2 == 0)[:, None, None, None, None]
        with torch.no_grad():
            encoded = picture.posterior(true.flatten(0, 1))[0].unflatten(0, true.shape[:2])
            restored = picture.restore(latents.flatten(0, 1)).unflatten(0, true.shape[:2])
            z = torch.where(of_truth, encoded, restored)
        made = picture.decode_raw(z.flatten(0, 1)).unflatten(0, true.shape[:2])
        error = made - true
        moving = (true.diff(dim=1).abs().amax((1, 2), keepdim=True) > 0.06).float()
        weight = 1 + 3 * moving
        weight = weight / weight.mean()
        squared = (weight * error.square()).mean() / (2 * _SIGMA**2)
        loss = squared + ((weight * error.abs()).mean() + edges(error, weight)) / (2 * _SIGMA)
        if not math.isfinite(float(loss.detach())):
            raise FloatingPointError(f"the loss is not finite at step {step}")
        judged, against = made.flatten(1, 2), true.flatten(1, 2)
        critic_loss = critic.learn(judged, against, optimizers.critic)
        real, features = critic.compare(judged, against)
        strength = recipe.critic if step >= _CRITIC_FIRST else 0.0
        loss = loss + recipe.features * features - strength * real
        optimizers.decoder.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(drawing, 10.0)
        optimizers.decoder.step()
        kept = of_truth.flatten()
        return {
            "loss": float(loss.detach()),
            **seen_figures(judged[kept], against[kept]),
            **{f"made {k}": v for k, v in seen_figures(judged[~kept], against[~kept]).items()},
            "critic": critic_loss,
        }

    def save(step: int) -> None:
        save_training(
            path, picture, optimizers, step,
            config=asdict(picture.config), critic=critic.state_dict(),
        )  # fmt: skip

    loop.run(advance, save, step=step, steps=recipe.steps)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m lightcone.model.training.decoder", description=__doc__
    )
    r = Recipe()
    parser.add_argument(
        "--out", type=Path, default=Path("runs/worlds"), help="folder of checkpoints"
    )
    parser.add_argument(
        "--start-from", type=Path, default=WEIGHTS_DIR, help="weights, for what is not in --out"
    )
    parser.add_argument("--steps", type=int, default=r.steps)
    parser.add_argument("--batch", type=int, default=r.batch, help="pairs of chunks")
    parser.add_argument("--clips", type=int, default=r.clips, help="whose pictures are trained on")
    parser.add_argument(
        "--pixels-per-latent",
        type=int,
        help="along each side; 8 draws 256x192 from the latents of 128x96",
    )
    parser.add_argument("--critic", type=float, default=r.critic, help="weight of the critic")
    parser.add_argument(
        "--features", type=float, default=r.features, help="weight of its features' distance"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    if args.batch < 2:
        parser.error("--batch: at least 2, half of what is drawn is the renderer's")
    recipe = Recipe(
        args.steps, args.batch, args.clips,
        pixels=args.pixels_per_latent, critic=args.critic, features=args.features,
    )  # fmt: skip
    try:
        train(args.out, recipe, args.seed, args.start_from)
    except ModelError as error:
        parser.exit(1, f"decoder: {error}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
