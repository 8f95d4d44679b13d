"""'No such lot', said of one that the signed state holds: by who took it out of the database, or who lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.support.web import site_of
from tests.support.world import World, make_world
from traceability.errors import LogConflictError, MalformedError, ProofMismatchError
from traceability.identifiers import parse_stream
from traceability.ledger.state import (
    Absence,
    Neighbour,
    Presence,
    StateTree,
    parse_state_leaf,
    stream_hash,
    verify_absence,
    verify_presence,
)
from traceability.operations.audit import audit
from traceability.operations.log import latest_checkpoint
from traceability.operations.logproof import prove_stream
from traceability.store import models
from traceability.store.engine import Transaction


@dataclass
class Shop:
    """A node with a lot that somebody would like to be unknown; and the name of one that never was."""

    world: World
    hidden: str
    never: str


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Iterator[Shop]:
    world = make_world(tmp_path / "node", database_url)
    farm = world.party("Farm")
    hidden = world.harvest(farm, "L1", "L2", "L3")
    world.event("inspect", farm, hidden)
    world.publish()
    yield Shop(world, hidden, world.batch("L4"))
    world.store.close()


def forget_the_lot(tx: Transaction, lot: bytes) -> None:
    """One row: what the pages ask first."""
    tx.connection.execute(delete(models.Batch).where(models.Batch.stream == lot))


def forget_its_records(tx: Transaction, lot: bytes) -> None:
    """Everything that names its stream, in every table of evidence."""
    for table, column in (
        (models.Batch, models.Batch.stream),
        (models.Record, models.Record.stream),
        (models.Stream, models.Stream.hash),
    ):
        tx.connection.execute(delete(table).where(column == lot))


def forget_the_state(tx: Transaction, lot: bytes) -> None:
    """And the pages of the state, so that nothing can be proved any more."""
    forget_its_records(tx, lot)
    tx.connection.execute(delete(models.StatePage))


Forget = Callable[[Transaction, bytes], None]


@pytest.mark.parametrize("forget", [forget_the_lot, forget_its_records, forget_the_state])
def test_a_lot_taken_out_of_the_database_is_not_told_to_be_unknown(shop: Shop, forget: Forget):
    world, path = shop.world, {uri: parse_stream(uri).batch.path for uri in (shop.hidden, shop.never)}
    with site_of(world) as app:
        control = app.test_client().get(f"{path[shop.never]}?lang=en")
    with world.store.transaction() as tx:
        forget(tx, stream_hash(shop.hidden))
    with site_of(world) as app:
        answer = app.test_client().get(f"{path[shop.hidden]}?lang=en")
    assert control.status_code == 404
    assert "Unknown code" in control.text
    assert answer.status_code == 200
    assert "Does not match: do not rely on it" in answer.text
    assert "log-conflict" in answer.text
    assert not audit(world.store, world.node).ok
    assert proved(world, shop.hidden) == (None if forget is forget_the_state else 2)
    assert proved(world, shop.never) == (None if forget is forget_the_state else 0)


def proved(world: World, uri: str) -> int | None:
    """How many records of a stream the signed state is proved to hold; None if nothing is proved."""
    with world.store.reading() as connection:
        signed = latest_checkpoint(connection)
        assert signed is not None
        root = parse_state_leaf(signed.leaf.encode()).root
        try:
            place = prove_stream(connection, uri).place
        except LogConflictError:
            return None
    if isinstance(place, Absence):
        verify_absence(root, stream_hash(uri), place)
        return 0
    verify_presence(root, stream_hash(uri), place)
    return place.count


def state_of(*uris: str) -> StateTree:
    return StateTree({stream_hash(uri): (2, stream_hash(uri)) for uri in uris})


LOTS = [f"https://node.example/01/09520000000011/10/L{i}" for i in range(6)]
HIDDEN, NEVER = LOTS[3], LOTS[0]


def test_no_pieces_of_genuine_proofs_make_one_of_absence():
    """All that an operator can put together who signed the state and now wishes it had not."""
    tree, name = state_of(*LOTS[1:]), stream_hash(HIDDEN)
    places = {stream_hash(uri): tree.prove(stream_hash(uri)) for uri in LOTS}
    beside = [
        Neighbour(of, place.count, place.head, index, place.bucket_proof)
        for of, place in places.items()
        if isinstance(place, Presence)
        for index in (0, 1)
    ]
    shown = [(), *permutations(beside, 1), *permutations(beside, 2)]
    for size, around, place in product((0, 1, 2), shown, places.values()):
        with pytest.raises((ProofMismatchError, MalformedError)):
            verify_absence(tree.root, name, Absence(size, around, place.top_proof))
    control = places[stream_hash(NEVER)]
    assert isinstance(control, Absence)
    verify_absence(tree.root, stream_hash(NEVER), control)


def test_a_state_from_which_the_lot_was_left_out_is_another_state():
    """It takes the log's key to sign that one, and full witnesses and audits know the records."""
    honest, lying = state_of(*LOTS[1:]), state_of(*LOTS[1:3], *LOTS[4:])
    absence = lying.prove(stream_hash(HIDDEN))
    assert isinstance(absence, Absence)
    verify_absence(lying.root, stream_hash(HIDDEN), absence)
    with pytest.raises(ProofMismatchError):
        verify_absence(honest.root, stream_hash(HIDDEN), absence)
