"""The generated chains: the same for a seed, in balance, and the same rows by both ways."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import islice

import pytest
from sqlalchemy import func, inspect, select

from bench.chains.__main__ import main
from bench.chains.documents import event
from bench.chains.happening import WORDS, Happening
from bench.chains.region import happenings
from bench.chains.rows import fill, rows_of, statement_of
from traceability.operations.project import Projection, link_rows, mention_rows, project
from traceability.store import projections
from traceability.store.engine import Store
from traceability.supply.epcis.context import read_context
from traceability.supply.epcis.document import read_document
from traceability.supply.epcis.events import CONTEXT
from traceability.supply.lineage import thing_id

NODE = "node.example"


@pytest.fixture(scope="module")
def chain() -> list[Happening]:
    return list(islice(happenings(1), 3000))


def test_a_seed_gives_one_chain_whatever_the_version_of_python():
    def digest(seed: int) -> str:
        told = [json.dumps(event(happening)) for happening in islice(happenings(seed), 1000)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

    assert digest(2) != digest(1) == "c6452c25493ec40a"


def test_all_sorts_of_things_happen_in_order_of_time():
    times, steps = [], set()
    for happening in islice(happenings(1), 20_000):
        times.append(happening.at_ms)
        steps.add(happening.step)
    assert times == sorted(times)
    assert steps == set(WORDS)


def test_nothing_comes_out_of_a_process_that_did_not_go_in(chain):
    balance: Counter[str] = Counter()
    for happening in chain:
        process = happening.process or f"{happening.number}"
        balance[process] += sum(amount.mass_kg for amount in happening.inputs)
        balance[process] -= sum(amount.mass_kg for amount in happening.outputs)
        assert all(a.mass_kg > 0 for a in (*happening.inputs, *happening.outputs, *happening.children))
    assert all(loss_kg >= 0 for loss_kg in balance.values())
    assert any(loss_kg > 0 for loss_kg in balance.values())


def test_no_lot_is_used_up_twice(chain):
    """What is in firms' hands: it is made, moves on pallets and is gone; never less than nothing."""
    held: Counter[tuple[str, str]] = Counter()
    for happening in chain:
        gln = happening.firm.gln
        sign = {"harvest": 1, "sell": -1, "clean": -1}.get(happening.step, 0)
        changes = [(a, sign) for a in happening.lots] + [(a, 1) for a in happening.outputs]
        changes += [(a, -1) for a in happening.inputs]
        changes += [(a, 1 if happening.step == "unload" else -1) for a in happening.children]
        for amount, change in changes:
            held[gln, amount.uri] += change * amount.mass_kg
            assert held[gln, amount.uri] >= 0, happening


def test_rows_are_those_that_capture_would_make(chain):
    context = read_context(CONTEXT)
    projected = [_projected(happening, context) for happening in chain]
    rows = rows_of(chain)
    columns = [column.name for column in projections.Event.__table__.columns]
    assert rows.events == [tuple(p.row[name] for name in columns) for p in projected]
    for mine, model, theirs in (
        (rows.mentions, projections.Mention, [row for p in projected for row in mention_rows(p)]),
        (rows.links, projections.Link, [row for p in projected for row in link_rows(p)]),
    ):
        names = [column.name for column in model.__table__.columns]
        assert Counter(mine) == Counter(tuple(row[name] for name in names) for row in theirs)
    uris = {m.uri for p in projected for m in p.mentions}
    uris |= {uri for p in projected for link in p.links for uri in (link.src, link.dst)}
    assert Counter(rows.things) == Counter((thing_id(uri), uri) for uri in uris)


def _projected(happening: Happening, context) -> Projection:
    statement = statement_of(happening)
    named = {"eventID": f"urn:example:event:{happening.number}"} | event(happening)
    return project(
        named,
        context,
        node=NODE,
        party=happening.firm.party,
        statement=statement,
        content=statement,
        recorded_ms=happening.at_ms,
    )


def test_rows_fill_a_store_in_several_handfuls(chain, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.chains.rows.HANDFUL", 1000)
    store = Store(f"sqlite:///{tmp_path / 'node.sqlite'}")
    store.migrate()
    written = fill(store, chain)
    with store.reading() as connection:
        for model in (projections.Thing, projections.Event, projections.Mention, projections.Link):
            count = connection.execute(select(func.count()).select_from(model)).scalar_one()
            assert count == written[model.__tablename__] > 0
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        indexes = inspect(connection).get_indexes("links")
    assert [index["name"] for index in indexes] == ["links_backward"]
    store.close()


def test_documents_are_valid_epcis(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["chains", "--events", "250", "--out", str(tmp_path / "documents")])
    main()
    read = [read_document(path.read_bytes()) for path in sorted((tmp_path / "documents").iterdir())]
    assert [len(document.events) for document in read] == [100, 100, 50]
    assert [captured.problems for document in read for captured in document.events] == [()] * 250
