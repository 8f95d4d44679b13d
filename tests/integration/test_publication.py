"""Waiting for the log: until a record is covered by a checkpoint that anybody can see, and not longer."""

from __future__ import annotations

import pytest

from tests.support.world import make_world
from traceability.errors import NotPublishedError, UnknownSubjectError
from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.operations import publish as publishing
from traceability.operations.proof import places, prove
from traceability.operations.publication import PATIENCE_S, wait_until_published


@pytest.fixture
def world(tmp_path):
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@pytest.fixture
def captured(world):
    farm = world.party("Farm")
    world.harvest(farm, "L1")
    return world.event("ship", farm, world.batch("L1"))


def test_an_index_is_not_enough_while_its_checkpoint_is_not_published(world, captured, monkeypatch):
    monkeypatch.setattr(publishing, "_apply", lambda *_: None)
    world.publish()
    assert wait_until_published(world.store, captured.sha256, 0) is None
    with world.store.reading() as connection:
        (place,) = places(connection, captured.sha256)
        assert place.index is not None
        with pytest.raises(NotPublishedError):
            prove(connection, place)
    monkeypatch.undo()
    world.publish()
    assert wait_until_published(world.store, captured.sha256, 0) == (place,)


def test_it_is_looked_for_again_until_the_patience_ends(world, captured):
    clock, pauses = [0.0], []

    def pause(seconds):
        pauses.append(seconds)
        clock[0] += 4
        if len(pauses) == 2:
            world.publish()

    def wait(patience_s):
        return wait_until_published(
            world.store, captured.sha256, patience_s, pause=pause, timer=lambda: clock[0]
        )

    assert wait(3) is None
    assert wait(PATIENCE_S) is not None
    assert len(pauses) == 2


def test_a_proof_is_the_same_whenever_it_is_asked_for(world, captured):
    world.publish()
    first = wait_until_published(world.store, captured.sha256, 0)
    assert first is not None
    proofs = []
    for lot in ("L2", "L3"):
        with world.store.reading() as connection:
            proofs.append(prove(connection, first[0]))
        world.harvest(world.party(lot), lot)
        world.publish()
    assert proofs[0] == proofs[1]
    size = parse_checkpoint(parse_note(proofs[0].checkpoint).text).size
    assert proofs[0].index < size


def test_what_was_never_recorded_is_not_waited_for(world):
    with pytest.raises(UnknownSubjectError):
        wait_until_published(world.store, bytes(32))
