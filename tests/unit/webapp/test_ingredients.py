"""Ingredients are looked at nearest first, once each, and whatever goes wrong with one is its own state."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from traceability.errors import (
    LostStatementError,
    MalformedError,
    NotPublishedError,
    ProofTooLargeError,
    TamperError,
    UnknownSubjectError,
)
from traceability.verification.journey import Happening, Journey
from traceability.verification.stays import NO_LIMITS
from webapp.consumer.ingredients import DEEPEST, LISTED, MOST, State, gather

NODE = "node.example"


def uri(lot: str) -> str:
    return f"https://id.gs1.org/01/09520000000011/10/{lot}"


def journey(lot: str, *inputs: str) -> Journey:
    named = [{"epcClass": uri(name)} for name in inputs]
    made = [{"epcClass": uri(lot)}]
    created = {"type": "TransformationEvent", "inputQuantityList": named, "outputQuantityList": made}
    return begun(uri(lot), created)


def begun(batch: str, created: Mapping[str, Any]) -> Journey:
    happening = Happening(0, created, None, 0, "p", NODE, "node", 1, 1, False)
    return Journey(batch, created, NO_LIMITS, (happening,), (), (), {}, 1, 1)


class Kitchen:
    """Checks of batches by their recipes; an error in place of a recipe is raised."""

    def __init__(self, **recipes: Any) -> None:
        self.recipes = recipes
        self.asked: list[str] = []

    def load(self, asked: str) -> Any:
        lot = asked.rpartition("/")[2]
        self.asked.append(lot)
        recipe = self.recipes.get(lot, ())
        if isinstance(recipe, Exception):
            raise recipe
        found = None if recipe is None else journey(lot, *recipe)
        return SimpleNamespace(verdict=SimpleNamespace(journey=found))

    def gather(self, *inputs: str) -> Any:
        return gather(journey("OWN", *inputs), self.load, NODE)


def told(inputs: Any) -> Any:
    """The tree as nested lists of lots and states."""
    return [
        (i.uri.rpartition("/")[2], str(i.state), told(i.inputs)) if i.inputs else (i.uri[-1], str(i.state))
        for i in inputs
    ]


def test_each_is_told_once_under_the_batch_nearest_to_the_pages_own():
    kitchen = Kitchen(A="BC", B="C", C="A")
    assert told(kitchen.gather("A", "C").inputs) == [
        ("A", "shown", [("B", "shown", [("C", "elsewhere")]), ("C", "elsewhere")]),
        ("C", "shown", [("A", "elsewhere")]),
    ]
    assert kitchen.asked == ["A", "C", "B"]


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (UnknownSubjectError("no"), State.UNKNOWN),
        (NotPublishedError("soon"), State.PENDING),
        (ProofTooLargeError("large"), State.TOO_LARGE),
        (LostStatementError("lost"), State.LOST),
        (TamperError("no"), State.MISMATCH),
        (MalformedError("no"), State.MISMATCH),
        (None, State.MISMATCH),
    ],
)
def test_what_cannot_be_checked_is_a_state_of_that_ingredient_alone(failure, state):
    made = Kitchen(A=failure).gather("A", "B")
    assert [i.state for i in made.inputs] == [state, State.SHOWN]
    assert made.unsure == 1
    assert made.mismatched == ([uri("A")] if state is State.MISMATCH else [])
    assert made.inputs[0].journey is None


def test_an_event_that_only_used_a_batch_up_does_not_say_what_it_was_made_of():
    used_up = begun(uri("OWN"), journey("OTHER", "OWN", "A").created)
    assert gather(used_up, Kitchen().load, NODE).inputs == ()


def test_another_error_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        Kitchen(A=ZeroDivisionError()).gather("A")


def test_what_is_no_batch_of_this_address_is_not_asked_for():
    kitchen = Kitchen()
    named = [
        "https://id.gs1.org/01/09520000000011/21/7",
        "https://other.example/01/02000000000015/10/L1",
        "urn:x",
        "https://id.gs1.org/01/09520000000011",
    ]
    created = {**journey("OWN").created, "inputQuantityList": [], "inputEPCList": named}
    made = gather(begun(uri("OWN"), created), kitchen.load, NODE)
    assert [(i.batch, i.state) for i in made.inputs] == [(None, State.UNKNOWN)] * 4
    assert kitchen.asked == []


def test_depth_width_and_number_are_bounded():
    chain = Kitchen(**{f"L{n}": (f"L{n + 1}",) for n in range(20)})
    made = chain.gather("L0")
    assert len(chain.asked) == DEEPEST
    deepest = list(made.shown())[-1]
    assert [i.state for i in deepest.inputs] == [State.LINKED]

    wide = Kitchen()
    made = wide.gather(*(f"W{n}" for n in range(1000)))
    assert len(wide.asked) == MOST
    assert [i.state for i in made.inputs] == [State.SHOWN] * MOST + [State.LINKED] * (LISTED - MOST)
    assert made.more == 1000 - LISTED


def test_nearer_ingredients_come_before_what_they_were_made_of():
    many = [f"N{n}" for n in range(MOST)]
    kitchen = Kitchen(N0=("DEEP",))
    made = kitchen.gather(*many)
    assert kitchen.asked == many
    assert [i.state for i in made.inputs[0].inputs] == [State.LINKED]
