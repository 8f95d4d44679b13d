"""What the public is told of recalls: those that were issued, never a hold, and never what a hold became."""

from __future__ import annotations

import pytest

from tests.support.recalls import MIX, NOTICE, YOGHURT, A, B, chain, order
from traceability.errors import UnknownSubjectError
from traceability.operations.recall import Issuer, close, hold, issue
from traceability.operations.recalling import public
from traceability.operations.recalling.public import public_notice, public_notices
from traceability.supply.recall import Outcome, State


def test_a_notice_says_what_is_wrong_with_which_lots_who_says_so_and_how_it_ended(world):
    farm, _, _ = chain(world)
    held = hold(world.store, world.node, Issuer(farm), order(world, A, state=State.HOLD))
    with world.store.reading() as connection:
        assert public_notices(connection) == []
        with pytest.raises(UnknownSubjectError):
            public_notice(connection, held.id)
    world.wait(minutes=5)
    issued_ms = world.now_ms
    office = Issuer(world.party("Authority"), regulator=True)
    issue(world.store, world.node, office, order(world, A, recall_id=held.id))
    world.wait(minutes=5)
    with world.store.reading() as connection:
        (told,) = public_notices(connection)
        assert told == public_notice(connection, held.id)
    assert (told.recall_class, told.hazard, told.contact) == (1, NOTICE.hazard, NOTICE.contact)
    assert told.title == {"en": "Salmonella", "zh": "沙门氏菌"}
    assert (told.lots, told.things, told.origin) == ((A, MIX, YOGHURT), 3, (A,))
    assert {party: names["en"] for party, names in told.parties.items()} == {
        farm: "Farm",
        office.party: "Authority",
    }
    assert (told.issued_ms, told.closed_ms, told.outcome) == (issued_ms, None, None)
    close(world.store, world.node, office, held.id, Outcome.REMOVED)
    with world.store.reading() as connection:
        (told,) = public_notices(connection)
    assert (told.issued_ms, told.closed_ms, told.outcome) == (issued_ms, world.now_ms, Outcome.REMOVED)


def test_a_hold_that_was_closed_without_a_recall_is_never_told(lone):
    farm, _, _ = chain(lone)
    held = hold(lone.store, lone.node, Issuer(farm), order(lone, A, state=State.HOLD))
    issue(lone.store, lone.node, Issuer(farm), order(lone, B))
    close(lone.store, lone.node, Issuer(farm), held.id, Outcome.SAFE)
    with lone.store.reading() as connection:
        (told,) = public_notices(connection)
        assert told.id != held.id
        with pytest.raises(UnknownSubjectError):
            public_notice(connection, held.id)


def test_a_notice_lists_so_many_lots_and_names_all_products(lone, monkeypatch):
    farm = lone.party("Farm")
    berries = lone.harvest(farm, "L1", "L2", "L3")
    monkeypatch.setattr(public, "LOTS", 1)
    made = issue(lone.store, lone.node, Issuer(farm), order(lone, *(berries[:-1] + n for n in "123")))
    with lone.store.reading() as connection:
        told = public_notice(connection, made.id)
    assert (len(told.lots), told.things) == (1, 3)
    assert [names["en"] for names in told.products.values()] == ["Strawberries"]
    assert told.title == {"en": "Strawberries: Salmonella", "zh": "草莓：沙门氏菌"}
