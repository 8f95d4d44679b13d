"""Links for reading open one view until their day, and are found by nobody who was not given one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from tests.support.world import World
from traceability.errors import ForbiddenError, StatementError, UnknownSubjectError
from traceability.operations.accounts.trail import Actor
from traceability.operations.inspecting import party_of
from traceability.operations.sharing import (
    MAX_DAYS,
    Shared,
    View,
    list_links,
    new_link,
    open_link,
    revoke_link,
)
from traceability.store.accounts import TrailEntry
from traceability.store.inspecting import SharedLink

DAY_MS = 86_400_000


@pytest.fixture
def bureau(world: World) -> Actor:
    return Actor("Wang Fang", world.party("Bureau"), "web")


@pytest.fixture
def batch(world: World) -> str:
    return world.harvest(world.party("Farm"), "L1")


def share(world: World, writer: Actor, subject: str, days: int = 7, **how: Any) -> tuple[str, Shared]:
    how = {"regulator": True, **how}
    return new_link(world.store, world.node, writer, View(how.pop("view", "batch")), subject, days, **how)


def refused(world: World, text: str) -> None:
    with pytest.raises(UnknownSubjectError, match="this link opens nothing"):
        open_link(world.store, world.node, text)


def test_a_link_opens_what_it_was_made_for_until_its_day(world: World, bureau: Actor, batch: str):
    text, made = share(world, bureau, batch, view="trace", options={"direction": "backward"})
    opened = open_link(world.store, world.node, text)
    assert (opened.view, opened.subject, opened.options) == (View.TRACE, batch, {"direction": "backward"})
    assert opened.reader.regulator
    world.now[0] = made.expires_ms - 1
    open_link(world.store, world.node, text)
    world.now[0] = made.expires_ms
    refused(world, text)


def test_guessed_and_revoked_links_are_answered_alike(world: World, bureau: Actor, batch: str):
    text, made = share(world, bureau, batch)
    for guess in ("", "x", text[:-1], text[::-1], f"{text}A", made.id):
        refused(world, guess)
    assert revoke_link(world.store, world.node, bureau, made.id).state(world.now_ms) == "revoked"
    refused(world, text)
    assert revoke_link(world.store, world.node, bureau, made.id).revoked_ms is not None
    with pytest.raises(UnknownSubjectError):
        revoke_link(world.store, world.node, Actor("o", world.party("Other"), "web"), made.id)


def test_nothing_in_the_database_opens_it_and_who_writes_there_makes_none(
    world: World, bureau: Actor, batch: str
):
    text, made = share(world, bureau, batch, days=1)
    with world.store.reading() as connection:
        rows = [str(row) for row in connection.execute(SharedLink.__table__.select())]
    assert not any(text in row for row in rows)
    other = world.harvest(world.party("Orchard"), "L2")
    for change in (
        {"expires_ms": made.expires_ms + DAY_MS},
        {"subject": other},
        {"view": "trace"},
        {"party": other},
        {"options": '{"direction": "forward"}'},
    ):
        before = {name: getattr(made, name) for name in change}
        before |= {"options": "{}"} if "options" in change else {}
        _write(world, change)
        refused(world, text)
        _write(world, before)
        open_link(world.store, world.node, text)


def _write(world: World, values: dict[str, Any]) -> None:
    with world.store.transaction() as tx:
        tx.connection.execute(update(SharedLink).values(values))


def test_a_firm_lends_the_view_of_a_batch_of_its_own_and_nothing_else(lone: World):
    farm, shop = Actor("F", lone.party("Farm"), "web"), Actor("S", lone.party("Shop"), "web")
    batch = lone.harvest(party_of(farm), "L1")
    text, made = share(lone, farm, batch, regulator=False)
    assert not open_link(lone.store, lone.node, text).reader.regulator
    assert open_link(lone.store, lone.node, text).reader.party == party_of(farm)
    with pytest.raises(ForbiddenError):
        share(lone, shop, batch, regulator=False)
    with pytest.raises(ForbiddenError):
        share(lone, farm, batch, regulator=False, view="trace")
    with lone.store.reading() as connection:
        assert [each.id for each in list_links(connection, party_of(farm))] == [made.id]
        assert list_links(connection, party_of(shop)) == []


def test_how_long_and_of_what(lone: World):
    bureau = Actor("B", lone.party("Bureau"), "web")
    batch = lone.harvest(lone.party("Farm"), "L1")
    for days in (0, MAX_DAYS + 1):
        with pytest.raises(StatementError):
            share(lone, bureau, batch, days)
    for view, subject in (("batch", lone.batch("NONE")), ("recall", "R-20260101-000000")):
        with pytest.raises(UnknownSubjectError):
            share(lone, bureau, subject, view=view)


def test_when_it_was_last_used_is_told(lone: World):
    bureau = Actor("B", lone.party("Bureau"), "web")
    text, made = share(lone, bureau, lone.harvest(lone.party("Farm"), "L1"))
    assert made.used_ms is None
    lone.wait(minutes=5)
    open_link(lone.store, lone.node, text)
    with lone.store.reading() as connection:
        (listed,) = list_links(connection, party_of(bureau))
    assert listed.used_ms == lone.now_ms


def test_what_is_lent_opened_and_taken_back_stands_in_the_trail(lone: World):
    bureau = Actor("B", lone.party("Bureau"), "web")
    text, made = share(lone, bureau, lone.harvest(lone.party("Farm"), "L1"))
    for _ in range(3):
        open_link(lone.store, lone.node, text, "192.0.2.7")
    revoke_link(lone.store, lone.node, bureau, made.id)
    with lone.store.reading() as connection:
        rows = connection.execute(select(TrailEntry).where(TrailEntry.subject == made.id)).all()
    assert [(row.action, row.user, row.network) for row in rows] == [
        ("shared-link-made", "B", None),
        ("shared-link-opened", None, "192.0.2.7"),
        ("shared-link-revoked", "B", None),
    ]
    assert not any(text in str(row) for row in rows)
