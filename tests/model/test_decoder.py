"""Training of the picture's decoder on what the renderer makes, and the critic of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_worlds import small_weights

from lightcone.model.catalogue import ModelSettings, open_model, world_info
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.weights import Weights
from lightcone.model.interface import WeightsError, collect
from lightcone.model.simulators.catalogue import open_simulator
from lightcone.model.training import decoder, export
from lightcone.model.training.critic import Critic, Optimizers
from lightcone.model.training.decoder import Recipe

RECIPE = Recipe(steps=2, batch=2, clips=2, chunks=5, together=2)


@dataclass(frozen=True)
class Trained:
    """A run of two steps, the weights it began with, and what was exported."""

    run: Path
    before: Path
    out: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    t = Trained(*(tmp_path_factory.mktemp(name) for name in ("run", "before", "out")))
    small_weights(("pond",)).save(t.before)
    decoder.train(t.run, RECIPE, 1, t.before)
    export.export(export.Run(t.run, t.before), t.out, seed=1)
    return t


def test_worlds_are_drawn_larger(trained: Trained) -> None:
    model = open_model(("pond",), ModelSettings(weights=trained.out))
    info = world_info("pond", trained.out)
    assert (info.width, info.height) == (256, 192)
    assert model.worlds["pond"] == info
    still = open_simulator("pond").seeded_trajectories([5], 1).states
    picture = open_simulator("pond").render(still, model.size)[0, 0].permute(1, 2, 0)  # type: ignore[attr-defined]
    image = picture.numpy().astype(np.uint8)
    state = model.start("pond", 1, model.prepare("pond", image=image))
    [_], [chunk] = collect(model, [state], [info.actions([])])
    assert chunk.frames.shape == (info.frames_of(0), 192, 256, 3)


def test_only_the_decoder_learns(trained: Trained) -> None:
    old, new = Weights.load(trained.before), Weights.load(trained.out)
    for name, value in old.picture.encoder.state_dict().items():
        assert torch.equal(value, new.picture.encoder.state_dict()[name]), name
    assert torch.equal(old.picture.std, new.picture.std)
    for name, value in old.network.state_dict().items():
        assert torch.equal(value, new.network.state_dict()[name]), name
    first = decoder.widened(old.picture, 8).state_dict()
    learned = torch.load(trained.run / "picture-decoder.pt", weights_only=True)["module"]
    changed = {name for name in first if not torch.equal(first[name], learned[name])}
    assert changed == {name for name in first if name.startswith("decode")}


def test_weights_that_draw_what_they_encode_are_as_they_always_were(trained: Trained) -> None:
    before, after = (
        json.loads((folder / "config.json").read_text())["picture"]
        for folder in (trained.before, trained.out)
    )
    assert "pixels" not in before  # or snapshots of them would be refused
    assert after["pixels"] == 8


def test_it_goes_on_where_it_was(trained: Trained, tmp_path: Path) -> None:
    path = trained.run / "picture-decoder.pt"
    saved = torch.load(path, weights_only=True)
    assert saved["step"] == 2
    decoder.train(trained.run, RECIPE, 1, trained.before)  # has nothing left to do
    again = torch.load(path, weights_only=True)
    for name, value in saved["module"].items():
        assert torch.equal(value, again["module"][name]), name
    more = replace(RECIPE, steps=3)
    shutil.copytree(trained.run, tmp_path / "run")
    decoder.train(tmp_path / "run", more, 1, trained.before)
    further = torch.load(tmp_path / "run" / path.name, weights_only=True)
    for part in further["optimizer"]["parts"]:
        assert {float(state["step"]) for state in part["state"].values()} == {3.0}
    assert not torch.equal(further["critic"]["out.weight"], saved["critic"]["out.weight"])


def test_a_pool_is_of_what_the_renderer_makes_of_true_states() -> None:
    model = StagedModel(small_weights(("court",)))
    pool = decoder.pairs(model, RECIPE, torch.Generator().manual_seed(1))
    assert pool.latents.shape == (6, 4, 12, 24, 32)
    assert pool.pictures.shape == (6, 4, 3, 96, 128)
    latents, pictures = pool.batch(3, torch.Generator().manual_seed(2))
    assert latents.shape == (6, 2, 12, 24, 32)
    assert pictures.shape == (6, 2, 3, 96, 128)
    at = torch.randint(6, (3,), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(latents[1], pool.latents[at[0], 2:].float())


def test_pictures_are_drawn_by_this_module_alone(tmp_path: Path) -> None:
    from lightcone.model.training import codecs

    with pytest.raises(SystemExit, match="2"):
        codecs.main(["picture", "--decoder-only", "--out", str(tmp_path)])


def test_no_weights_to_start_from(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights in"):
        decoder.train(tmp_path, RECIPE, 1, tmp_path)


def test_a_critic_learns_and_is_left_alone_by_who_it_judges() -> None:
    torch.manual_seed(0)
    critic, painted = Critic(2), torch.nn.Parameter(torch.zeros(4, 6, 16, 16))
    optimizers = Optimizers([painted], critic)
    true = torch.randn(4, 6, 16, 16) * 0.3
    losses = [critic.learn(painted, true, optimizers.critic) for _ in range(30)]
    assert losses[-1] < losses[0]
    optimizers.critic.zero_grad()
    real, far = critic.compare(painted, true)
    (far - real).backward()  # type: ignore[no-untyped-call]
    assert painted.grad is not None
    assert float(painted.grad.abs().sum()) > 0
    assert all(p.grad is None and p.requires_grad for p in critic.parameters())
