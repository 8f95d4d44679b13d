"""A liar says that a lot became a great many things, so that its recall does not get to the real ones."""

from __future__ import annotations

from functools import partial

from tests.support.recalls import MIX, YOGHURT, A, chain, lots, order, say
from traceability.operations import recallscope
from traceability.operations.recall import Issuer, issue
from traceability.operations.recallstatus import named_things
from traceability.supply.tracing.trace import Options


def test_a_recall_reaches_the_goods_behind_many_times_as_many_names(world, monkeypatch):
    farm, _, _ = chain(world)
    mallory = world.party("Mallory")
    monkeypatch.setattr(recallscope, "Options", partial(Options, max_things=100))
    for number in range(6):
        names = [f"urn:x:{number}:{name}" for name in range(100)]
        named = {"inputQuantityList": lots(A), "outputQuantityList": lots(*names)}
        say(world, mallory, "TransformationEvent", 5, **named)
    done = issue(world.store, world.node, Issuer(farm), order(world, A))
    with world.store.reading() as connection:
        assert {A, MIX, YOGHURT} <= set(named_things(connection, done.id))
