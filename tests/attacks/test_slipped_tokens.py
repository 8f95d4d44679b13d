"""Who can write to the database and has no key: tokens slipped in, widened, lengthened or revived."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.support.world import World, make_world
from traceability.errors import TokenError, UnknownSubjectError
from traceability.operations.accounts.kinds import set_kind
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.trail import COMMAND_LINE, Actor
from traceability.operations.sharing import View, open_link
from traceability.operations.sharing import new_link as lend
from traceability.operations.tokens import (
    Scope,
    find_token,
    is_regulator,
    list_tokens,
    new_token,
    revoke_token,
)
from traceability.store import access

DAY_MS = 86_400_000
TABLE = access.Token


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield made
    made.store.close()


def make(world: World, party: str, name: str, **more: Any) -> str:
    scopes = [Scope.QUERY]
    return new_token(world.store, world.node, party=party, scopes=scopes, days=2, name=name, **more)[0]


def opens(world: World, text: str, needs: Scope = Scope.QUERY) -> bool:
    with world.store.reading() as connection:
        try:
            find_token(connection, world.node, text, world.now_ms, needs)
        except TokenError:
            return False
    return True


def states(world: World) -> dict[str, str]:
    with world.store.reading() as connection:
        return {t.access.name: t.state(world.now_ms) for t in list_tokens(connection, world.node)}


def row_of(world: World, name: str) -> dict[str, Any]:
    with world.store.reading() as connection:
        return connection.execute(select(TABLE.__table__).where(TABLE.name == name)).one()._asdict()


def change(world: World, which: str, **columns: Any) -> None:
    with world.store.transaction() as tx:
        tx.connection.execute(update(TABLE).where(TABLE.name == which).values(**columns))


@pytest.mark.parametrize("mac", ["none", "copied", "made up"])
def test_a_token_that_is_slipped_into_the_database_opens_nothing(world: World, mac: str):
    firm = world.party("Firm")
    genuine, text = make(world, firm, "erp"), "ft_" + "A" * 43
    row = row_of(world, "erp")
    row |= {"sha256": hashlib.sha256(text.encode()).digest(), "name": "slipped", "regulator": True}
    row["mac"] = {"none": None, "copied": row["mac"], "made up": bytes(32)}[mac]
    with world.store.transaction() as tx:
        tx.connection.execute(insert(TABLE).values(row))
    assert (opens(world, text), opens(world, genuine)) == (False, True)
    assert states(world) == {"erp": "valid", "slipped": "unsealed"}
    with world.store.reading() as connection:
        assert not is_regulator(connection, world.node, firm, world.now_ms)
    make(world, firm, "office", regulator=True)
    with world.store.reading() as connection:
        assert is_regulator(connection, world.node, firm, world.now_ms), "the control"


@pytest.mark.parametrize(
    "columns",
    [
        {"party": "https://id.gs1.org/417/9520000000028"},
        {"scopes": "capture,query,recall"},
        {"regulator": True},
        {"expires_ms": 2**50},
        {"created_ms": 1},
        {"name": "other"},
        {"revoked_ms": 1},
    ],
)
def test_a_token_is_neither_widened_lengthened_nor_handed_on(world: World, columns: dict[str, Any]):
    text = make(world, world.party("Firm"), "erp")
    assert opens(world, text)
    change(world, "erp", **columns)
    assert not opens(world, text)
    assert set(states(world).values()) == {"unsealed"}


def test_a_revoked_token_is_not_revived(world: World):
    text = make(world, world.party("Firm"), "erp")
    revoke_token(world.store, world.node, "erp")
    assert states(world) == {"erp": "revoked"}
    change(world, "erp", revoked_ms=None)
    assert (opens(world, text), states(world)) == (False, {"erp": "unsealed"})
    revoke_token(world.store, world.node, "erp")
    assert states(world) == {"erp": "unsealed"}, "nor is what nobody wrote made genuine by its end"


def test_a_row_that_was_put_aside_before_can_be_put_back(world: World):
    """A limit: the database remembers nothing that it is not shown. Its end is in the list then no more."""
    text = make(world, world.party("Firm"), "erp")
    kept = row_of(world, "erp")
    revoke_token(world.store, world.node, "erp")
    change(world, "erp", **kept)
    assert opens(world, text)
    world.wait(ms=2 * DAY_MS)
    assert not opens(world, text)


def test_who_is_no_authority_any_more_reads_as_none_by_nothing_that_it_made_before(world: World) -> None:
    store, node, bureau = world.store, world.node, world.party("Bureau")
    lot = world.harvest(world.party("Farm"), "L1")

    def become(kind: PartyKind) -> None:
        with store.transaction() as tx:
            set_kind(tx, node, COMMAND_LINE, bureau, kind)

    become(PartyKind.AUTHORITY)
    token, own = make(world, bureau, "office", regulator=True), make(world, bureau, "own")
    assert opens(world, token)
    link, _ = lend(store, node, Actor("somebody", bureau, "web"), View.TRACE, lot, 9, regulator=True)
    become(PartyKind.AUTHORITY)
    assert open_link(store, node, link).reader.regulator
    become(PartyKind.PRODUCER)
    with pytest.raises(UnknownSubjectError):
        open_link(store, node, link)
    assert (opens(world, token), opens(world, own)) == (False, True)
