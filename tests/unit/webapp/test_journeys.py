"""Checks are shared by those who ask at the same time, kept while nothing moves, and never stale."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import select

from tests.support.world import make_world
from traceability.errors import ProofTooLargeError, TamperError, UnknownSubjectError
from traceability.ledger.state import stream_hash
from traceability.operations.erase import erase
from traceability.operations.export import export_bundle
from traceability.store import models
from traceability.verification.bundle import encode_bundle
from webapp.consumer import journeys
from webapp.consumer.journeys import KEPT_S, KEPT_TOO_LARGE_S, Journeys


class Counting:
    """The real export, counted; it can be told to wait."""

    def __init__(self, real):
        self.real, self.calls = real, []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def __call__(self, connection, node, batch, **as_of):
        self.calls.append(batch)
        self.begun.set()
        assert self.go.wait(30)
        return self.real(connection, node, batch, **as_of)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journeys")
    made = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    made.harvest(made.party("Farm"), "L1", "L2", "L3")
    made.publish()
    yield made
    made.store.close()


@pytest.fixture
def counting(monkeypatch):
    found = Counting(export_bundle)
    monkeypatch.setattr(journeys, "export_bundle", found)
    return found


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def kept(world, now):
    return Journeys(world.node, clock=lambda: now[0])


def load(world, kept, lot="L1"):
    with world.store.reading() as connection:
        return kept.load(connection, world.batch(lot))


def test_the_same_check_serves_until_the_log_moves_on(world, kept, counting):
    first = load(world, kept)
    assert load(world, kept) is first
    world.event("ship", world.party("Shipper"), world.batch("L1"))
    world.publish()
    later = load(world, kept)
    assert later is not first
    assert later.verdict.journey.size > first.verdict.journey.size
    assert len(later.verdict.journey.happenings) == len(first.verdict.journey.happenings) + 1
    assert len(counting.calls) == 2


def test_a_check_is_made_again_after_a_moment_even_if_the_log_stands_still(world, kept, counting, now):
    load(world, kept)
    now[0] = KEPT_S - 0.01
    load(world, kept)
    assert len(counting.calls) == 1
    now[0] = KEPT_S
    load(world, kept)
    assert len(counting.calls) == 2


def test_many_readers_at_once_cost_one_check(world, kept, counting):
    counting.go.clear()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(load, world, kept) for _ in range(8)]
        assert counting.begun.wait(30)
        counting.go.set()
        found = {id(f.result(30)) for f in asked}
    assert len(found) == 1
    assert len(counting.calls) == 1


def test_a_failure_reaches_all_who_wait_and_is_not_kept(world, kept, counting):
    counting.go.clear()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(load, world, kept, "NOPE") for _ in range(4)]
        assert counting.begun.wait(30)
        counting.go.set()
        for future in asked:
            with pytest.raises(UnknownSubjectError):
                future.result(30)
    before = len(counting.calls)
    with pytest.raises(UnknownSubjectError):
        load(world, kept, "NOPE")
    assert len(counting.calls) == before + 1


def test_a_bundle_that_nobody_reads_is_made_once_in_a_while_however_the_log_moves(
    world, kept, counting, now, monkeypatch
):
    monkeypatch.setattr(journeys, "MAX_BYTES", 1_000)
    for _ in range(3):
        with pytest.raises(ProofTooLargeError, match="at most 1000 are read"):
            load(world, kept)
        now[0] += KEPT_TOO_LARGE_S / 4
        world.event("ship", world.party("Shipper"), world.batch("L3"))
        world.publish()
    assert len(counting.calls) == 1
    monkeypatch.setattr(journeys, "MAX_BYTES", 1_000_000)
    now[0] = KEPT_TOO_LARGE_S
    assert load(world, kept).verdict.journey is not None
    assert len(counting.calls) == 2


def test_what_does_not_match_is_told_for_a_while_and_then_looked_at_again(
    world, kept, counting, now, monkeypatch
):
    monkeypatch.setattr(
        journeys, "encode_bundle", lambda bundle: encode_bundle(bundle).replace(b"records", b"record5")
    )
    assert load(world, kept).verdict.journey is None
    monkeypatch.setattr(journeys, "encode_bundle", encode_bundle)
    world.event("ship", world.party("Shipper"), world.batch("L3"))
    world.publish()
    assert load(world, kept).verdict.journey is None
    assert len(counting.calls) == 1
    now[0] = KEPT_S
    assert load(world, kept).verdict.journey is not None


def test_one_check_of_a_batch_is_made_at_a_time_though_the_log_moves_and_time_passes(
    world, kept, counting, now
):
    counting.go.clear()
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(load, world, kept)]
        assert counting.begun.wait(30)
        now[0] = 2 * KEPT_S
        world.event("ship", world.party("Shipper"), world.batch("L1"))
        world.publish()
        asked += [pool.submit(load, world, kept) for _ in range(5)]
        done, _ = wait(asked, timeout=0.2)
        assert not done
        assert len(counting.calls) == 1
        counting.go.set()
        found = [f.result(30).verdict.journey.size for f in asked]
    assert found[1:] == [found[1]] * 5, "who came later is told of what was recorded meanwhile"
    assert found[1] > found[0]
    assert len(counting.calls) == 2


def test_a_failure_of_the_check_itself_ends_and_does_not_hold_those_who_come_later(
    world, kept, counting, now, monkeypatch
):
    def fail(*_, **as_of):
        raise TamperError("it does not match")

    monkeypatch.setattr(journeys, "export_bundle", fail)
    with pytest.raises(TamperError):
        load(world, kept)
    monkeypatch.setattr(journeys, "export_bundle", counting)
    with pytest.raises(TamperError):
        load(world, kept)
    now[0] = KEPT_S
    load(world, kept)
    assert len(counting.calls) == 1


def test_large_bundles_do_not_fill_the_memory(world, kept, counting, monkeypatch):
    monkeypatch.setattr(journeys, "KEPT_BYTES", 1_000)
    for lot in ("L1", "L2", "L2", "L1"):
        load(world, kept, lot)
    assert len(counting.calls) == 4


def test_only_the_newest_are_kept(world, kept, counting, monkeypatch):
    monkeypatch.setattr(journeys, "KEPT", 2)
    for lot in ("L1", "L2", "L3", "L3", "L2", "L1"):
        load(world, kept, lot)
    assert [uri[-2:] for uri in counting.calls] == ["L1", "L2", "L3", "L1"]


def test_what_was_erased_is_not_shown_a_moment_longer(world, kept, counting):
    farm = world.party("Eraser")
    batch = world.harvest(farm, "ERASED")
    world.publish()
    first = load(world, kept, "ERASED")
    with world.store.reading() as connection:
        event = connection.execute(
            select(models.Record.statement).where(models.Record.stream == stream_hash(batch))
        ).scalar_one()
    erase(world.store, world.node, farm, event.hex(), "ilmd/ft:product", "asked to")
    later = load(world, kept, "ERASED")
    assert "ft:product" in first.verdict.journey.created["ilmd"]
    assert "ft:product" not in later.verdict.journey.created.get("ilmd", {})
    assert load(world, kept, "ERASED") is later
