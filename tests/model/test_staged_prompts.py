"""Prompts and stills of the staged family: what they choose, change and refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from staged_states import (
    action_log,
    after,
    copied,
    prompted,
    start,
    unchanged,
)

from lightcone.model.families.staged.court.facts import AT
from lightcone.model.families.staged.model import StagedModel
from lightcone.model.families.staged.network.kv_cache import Ring
from lightcone.model.families.staged.state import StagedState
from lightcone.model.interface import (
    ImageError,
    ModelError,
    PromptError,
)
from lightcone.model.simulators.catalogue import SIMULATED


def test_prompts_choose_a_start_and_unknown_words_are_named(model: StagedModel) -> None:
    grammar = model.part("court").grammar
    state = start(model, 0, "beach at night, red against blue, hoop left")
    named = dict(zip(grammar.names, state.prompt.values, strict=True))
    words = {name: grammar.words[name][value] for name, value in named.items() if value >= 0}
    assert words["look"] == "beach"
    assert words["time"] == "night"
    assert (words["shirt"], words["rival"]) == ("red", "blue")
    assert words["side"] == "left"
    with pytest.raises(PromptError) as refused:
        model.prepare("court", "night on a spaceship")
    assert refused.value.words == ("on", "a", "spaceship")


def test_a_prompt_that_is_too_long_is_refused(model: StagedModel) -> None:
    with pytest.raises(PromptError, match="at most 500 characters"):
        model.prepare("court", "night " * 100)


def test_what_a_prompt_leaves_open_the_seed_chooses(model: StagedModel) -> None:
    looks = {start(model, seed, "night").prompt.values for seed in range(12)}
    assert len(looks) > 1


def test_a_cut_shows_at_once_and_a_blend_little_by_little(model: StagedModel) -> None:
    state = after(model, start(model, 3, "beach day"), action_log(1))[-1]
    cut, frame = prompted(model, state, "gym night", "cut", 12)
    assert frame == state.frame == 2
    assert torch.equal(cut.prompt.text(state.chunk), cut.prompt.after)
    blend, frame = prompted(model, state, "gym night", "blend", 4)
    assert frame == state.frame + 3 * 2
    way = [blend.prompt.text(state.chunk + i) for i in range(4)]
    gaps = [float((text - blend.prompt.after).norm()) for text in way]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] == 0
    assert state.prompt.values != blend.prompt.values, "the given state has changed"


def test_a_new_prompt_in_a_blend_begins_where_it_was(model: StagedModel) -> None:
    state, _ = prompted(model, start(model, 3, "beach day"), "gym night", "blend", 8)
    [state] = after(model, state, action_log(1))
    again, _ = prompted(model, state, "park", "blend", 8)
    torch.testing.assert_close(again.prompt.before, state.prompt.text(state.chunk))


def test_recache_leaves_nothing_of_the_old_prompt(model: StagedModel) -> None:
    """States that differ in their cache alone have the same one after it."""
    state = after(model, start(model, 3, "beach day"), action_log(5))[-1]
    before = copied(state)
    fresh, frame = prompted(model, state, "gym night", "recache")
    assert frame == state.frame
    assert unchanged(state, before)
    noise = Ring(torch.randn_like(state.ring.keys), torch.randn_like(state.ring.values))
    other, _ = prompted(model, replace(state, ring=noise), "gym night", "recache")
    assert torch.equal(other.ring.keys, fresh.ring.keys)
    assert not torch.equal(fresh.ring.keys, state.ring.keys)


@pytest.mark.parametrize("chunks", [1, 2, 3, 7])
def test_recache_of_the_same_prompt_gives_the_keys_that_are_there(
    model: StagedModel, chunks: int
) -> None:
    """In the first T layer, whose keys do not depend on older ones, of all that the next chunk
    reads; but for the sink, which is read as training reads sinks."""
    window = model.network.config.window
    state = after(model, start(model, 3, "gym, red"), action_log(chunks))[-1]
    same, _ = prompted(model, state, "red", "recache")
    for chunk in range(max(0, state.chunk - window + 1), state.chunk):
        slot = 1 + chunk % window
        for found, known in (
            (same.ring.keys, state.ring.keys),
            (same.ring.values, state.ring.values),
        ):
            torch.testing.assert_close(
                found[0, ..., slot, :], known[0, ..., slot, :], atol=1e-4, rtol=1e-3
            )


def test_standing_facts_follow_a_prompt_and_lost_chances_are_named(model: StagedModel) -> None:
    state = start(model, 3, "hoop left")
    moved, _ = prompted(model, state, "hoop right", "cut")
    side = AT["hoop_side"]
    assert float(state.last.state[0, -1, side]) == -1
    assert float(moved.last.state[0, -1, side]) == 1
    with pytest.raises(PromptError) as refused:
        prompted(model, state, "red, ball flying", "cut")
    assert refused.value.words == ("flying",)


def test_a_prompt_says_only_what_can_be_had_together(model: StagedModel) -> None:
    def words(state: StagedState) -> dict[str, str]:
        grammar = model.part(state.world).grammar
        named = zip(grammar.names, state.prompt.values, strict=True)
        return {n: grammar.words[n][v] for n, v in named if v >= 0}

    gym = words(start(model, 1, "gym, rain"))
    assert (gym["look"], gym["weather"]) == ("gym", "clear")
    outdoors, _ = prompted(model, start(model, 1, "gym"), "rain", "cut")
    assert words(outdoors)["weather"] == "rain"
    assert words(outdoors)["look"] != "gym"
    alone = start(model, 1, "alone, red")
    assert "rival" not in words(alone)
    two, _ = prompted(model, alone, "red against red", "cut")
    assert words(two)["players"] == "rivals"
    assert words(two)["rival"] != "red"
    assert float(two.last.state[0, -1, AT["rivals"]]) == 1
    one, _ = prompted(model, two, "alone", "cut")
    assert "rival" not in words(one)
    assert float(one.last.state[0, -1, AT["rivals"]]) == -1


def test_conditioning_is_for_what_it_was_prepared_for(model: StagedModel) -> None:
    state = start(model, 1)
    with pytest.raises(ModelError, match="something else"):
        model.start("pond", 1, model.prepare("court"))
    with pytest.raises(ModelError, match="something else"):
        model.start("court", 1, model.prepare("court", running=True))
    with pytest.raises(ModelError, match="something else"):
        model.apply(state, model.prepare("court", "night"), "cut", 1)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_still_begins_a_session(model: StagedModel, name: str) -> None:
    image = np.full((96, 128, 3), 200, np.uint8)
    state = model.start(name, 1, model.prepare(name, image=image))
    plain = start(model, 1, world=name)
    assert not torch.equal(state.last.picture, plain.last.picture)
    assert torch.equal(state.last.picture[:, :12], state.last.picture[:, 12:])


def test_images_that_can_not_be_taken_are_named(model: StagedModel) -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    with pytest.raises(ImageError, match="128x96"):
        model.prepare("court", image=image[:48])
    with pytest.raises(ImageError, match="takes no image"):
        model.prepare("court", image=image, running=True)
