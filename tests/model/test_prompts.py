from __future__ import annotations

import pytest
import torch

from lightcone.model.families.staged.network.text import (
    TextEncoder,
    vocabulary,
)
from lightcone.model.families.staged.prompts import grammar
from lightcone.model.interface import (
    PROMPT_BREAK,
    PromptError,
)
from lightcone.model.simulators.catalogue import SIMULATED


@pytest.mark.parametrize("world", SIMULATED)
def test_a_running_world_follows_its_changing_words_and_no_others(world: str) -> None:
    known = grammar(world)
    assert set(known.changing) < set(known.known)
    for word in known.known:
        known.asked(word, begun=False)
        if word in known.changing:
            known.asked(word, begun=True)
            continue
        with pytest.raises(PromptError) as error:
            known.asked(word, begun=True)
        assert error.value.words == (word,)
        assert error.value.known == known.changing


def test_of_texts_given_one_after_the_other_the_later_words_win() -> None:
    court = grammar("court")
    both = court.asked(f"red against blue{PROMPT_BREAK} green", begun=False)
    shirts = court.words["shirt"]
    assert both == {"shirt": shirts.index("green"), "rival": shirts.index("blue")}


def test_words_go_with_the_noun_after_them() -> None:
    pond = grammar("pond")
    asked = pond.asked("white board, blue suit", begun=False)
    assert asked == {"suit": pond.words["suit"].index("blue"), "paint": 0}
    assert pond.asked("blue, board", begun=True) == pond.asked("blue suit", begun=True)
    with pytest.raises(PromptError) as error:
        pond.asked("dusk, red board, white suit", begun=False)
    assert error.value.words == ("red board", "white suit")
    assert str(error.value) == "words that do not go together: red board, white suit"


def test_who_wears_what_makes_a_difference() -> None:
    words = grammar("court").words
    known = vocabulary(list(words.values()), ["court"])
    torch.manual_seed(0)
    encoder = TextEncoder(len(known.words), 128)
    numbers = [known.encode("court", pair) for pair in (("red", "blue"), ("blue", "red"))]
    one, other = encoder(torch.stack(numbers))
    assert torch.linalg.vector_norm(one - other) > 0.2
