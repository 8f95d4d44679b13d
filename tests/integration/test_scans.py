"""An item whose code many networks open says so; who reloads, crawls or looks daily does not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.support.web import site_of
from tests.support.world import make_world
from traceability.errors import StoreUnavailableError
from traceability.identifiers import Batch, parse_stream
from traceability.operations.visitors import scans as module
from traceability.operations.visitors.networks import DAY_MS, Networks
from traceability.operations.visitors.scans import IN_A_DAY, IN_A_WEEK, KEPT_DAYS, Scans, item_of, unusual
from traceability.store.visitors import Scan

OFTEN = "opened unusually often"
ITEM = bytes(16)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    lots = {lot: world.harvest(world.party(f"Farm {n}"), lot) for n, lot in enumerate(("L1", "A/21/B"))}
    world.publish()
    with site_of(world) as app:
        yield world, app, {lot: Batch(*parse_stream(uri).values).path for lot, uri in lots.items()}
    world.store.close()


def counts(world):
    with world.store.reading() as connection:
        return {(row.item, row.day): row.networks for row in connection.execute(select(Scan))}


def shown(world, item=ITEM):
    with world.store.reading() as connection:
        return unusual(connection, item, world.now_ms)


def seen(scans, world, networks, first=1):
    """An item opened from so many networks now, each several times."""
    for n in list(range(first, first + networks)) * 2:
        scans.note(ITEM, f"9.{n // 250}.{n % 250}.7", world.now_ms)
    scans.flush()


def test_a_copied_code_is_told_of_on_its_own_page_and_no_other(place):
    world, app, paths = place
    client = app.test_client()

    def get(path, address="9.9.9.9"):
        return client.get(f"{path}?lang=en", environ_base={"REMOTE_ADDR": address})

    def flush():
        app.extensions["scans"].flush()

    assert ">S1<" in get(f"{paths['L1']}/21/S1").text
    for n in range(IN_A_DAY - 1):
        get(f"{paths['L1']}/21/S1", f"8.8.{n}.8")
    for _ in range(50):  # one phone that reloads, one neighbour of it, one crawler, the owner's own proxy
        get(f"{paths['L1']}/21/S2", "8.8.1.8")
    for address in ("8.8.1.9", "66.249.66.1", "66.249.66.200", "127.0.0.1", "10.1.1.1"):
        get(f"{paths['L1']}/21/S2", address)
    flush()
    assert OFTEN in get(f"{paths['L1']}/21/S1").text
    assert sorted(counts(world).values()) == [2, IN_A_DAY]
    for path in (f"{paths['L1']}/21/S2", f"{paths['L1']}/21/S3", paths["L1"]):
        assert OFTEN not in get(path).text


def test_a_lot_may_hold_what_looks_like_an_item(place):
    _, app, paths = place
    client = app.test_client()
    assert ">A/21/B<" in client.get(paths["A/21/B"]).text
    assert ">S/9<" in client.get(f"{paths['A/21/B']}/21/S%2F9").text
    assert client.get(f"{paths['L1']}/21/{'9' * 21}").status_code == 400
    assert client.get(f"{paths['L1'][:-1]}NOPE/21/9").status_code == 404


def test_a_page_does_not_wait_for_the_lock_of_a_writer(place):
    world, app, paths = place
    with world.store.transaction():
        answer = app.test_client().get(f"{paths['L1']}/21/S9", environ_base={"REMOTE_ADDR": "9.8.7.6"})
    assert answer.status_code == 200
    app.extensions["scans"].flush()


def test_a_household_that_looks_every_day_stays_below_and_a_slow_spread_does_not(lone):
    scans = Scans(lone.store, Networks())
    for _ in range(10):
        seen(scans, lone, 5)
        lone.wait(ms=DAY_MS)
    assert shown(lone) is None
    for day in range(7):
        seen(scans, lone, 8, first=10 * day)
        lone.wait(ms=DAY_MS)
    assert (shown(lone).days, shown(lone).networks) == (7, 56)
    assert IN_A_WEEK > 7 * 5
    lone.wait(ms=(KEPT_DAYS + 1) * DAY_MS)
    assert shown(lone) is None
    scans.flush()
    assert counts(lone) == {}
    scans.close()


def test_memory_is_bounded_and_holds_nothing_of_yesterday(lone, monkeypatch):
    monkeypatch.setattr(module, "MOST_ITEMS", 2)
    scans = Scans(lone.store, Networks())
    for n in range(5):
        scans.note(bytes([n]) * 16, "9.9.9.9", lone.now_ms)
    for n in range(500):
        scans.note(bytes(16), f"9.{n // 250}.{n % 250}.7", lone.now_ms)
    assert [len(networks) for networks in scans._seen.values()] == [module.MOST_NETWORKS, 1]
    lone.wait(ms=DAY_MS)
    scans.flush()
    assert scans._seen == {}
    scans.close()


def test_a_count_is_kept_over_a_restart_and_a_store_that_is_away(lone, monkeypatch):
    scans = Scans(lone.store, Networks())
    seen(scans, lone, 9)
    again = Scans(lone.store, Networks())
    seen(again, lone, 3)
    assert list(counts(lone).values()) == [9]
    with monkeypatch.context() as patch:

        def away(*_):
            raise StoreUnavailableError("away")

        patch.setattr(module, "keep_scans", away)
        with pytest.raises(StoreUnavailableError):
            seen(again, lone, 12)
    again.flush()
    assert list(counts(lone).values()) == [12]
    for each in (scans, again):
        each.close()


def test_the_table_holds_no_serial_number_and_no_address(place):
    world, _, _ = place
    assert all(len(item) == 16 for item, _ in counts(world))
    assert item_of("batch", "S1") != item_of("batch", "S2") != item_of("other", "S2")


def test_two_processes_that_see_the_same_networks_never_count_more_than_there_are(place):
    world, _, _ = place
    item, day = bytes(15) + b"2", world.now_ms // DAY_MS
    both = [Scans(world.store, Networks()) for _ in range(2)]
    for number in range(20):
        both[number % 2].note(item, f"198.51.{number}.1", world.now_ms)
    for number in range(8):
        both[0].note(item, f"198.51.{number}.1", world.now_ms)
    for each in both:
        each.flush()
        each.close()
    assert counts(world)[item, day] == 14, "10 of its own and 4 of the other's, which counted 10"
