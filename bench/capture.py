"""Capturing EPCIS documents of 100 events: from the bytes of a document to committed records.

    limit   one Ed25519 signature an event, over as many bytes
    peer    json.loads of the same documents, and one insert of each, committed

The documents are those of a generated chain: the events of many firms, by time. One party captures
them all. A document is one transaction, and every event stands in the stream of each thing it names.
Two processes share the documents as two workers of the web site do: they draft beside one another, and
take turns in writing where the database lets only one write.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from bench.chains.documents import documents
from bench.chains.region import happenings
from bench.databases import databases
from bench.measure import Table, Took, median, ratio, run, timed
from bench.spent import shares, spent
from tests.support.web import site_of
from tests.support.world import World, make_world
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.operations.node import Node, load_node
from traceability.operations.tokens import Scope, new_token
from traceability.signing.keys import PrivateKey
from traceability.store.engine import Store, open_engine
from traceability.supply.epcis.document import read_document

SIZE: Final = 100
"""Events in a document."""
PROCESSES: Final = 2
STAGES: Final[dict[str, tuple[str, ...]]] = {
    "parse": ("strictjson.py:json_decode",),
    "validate": ("model.py:check_event",),
    "hash": ("eventhash.py:event_hash", "project.py:content_of"),
    "conceal": ("sdjwt.py:issue",),
    "sign": ("jose.py:make_signature",),
    "lock and chain": ("chain.py:lock_heads", "chain.py:append"),
    "projections": ("project.py:project", "project.py:insert_projections"),
    "disclosures and batches": ("capture.py:_flush",),
    "commit": ("default.py:do_commit",),
}
"""Where time may go, by the functions in which it is spent."""

Rounds = dict[str, list[Took]]


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """On SQLite and on PostgreSQL, then where the time goes."""
    rounds, count = (7, 50) if full else (3, 10)
    source = _documents()
    with databases(folder) as urls:
        columns, profiles = [], []
        for name, url in urls.items():
            world = make_world(folder / name, url)
            party = world.party("Platform")
            took: Rounds = defaultdict(list)
            with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
                _together(pool, world, party, list(islice(source, PROCESSES)))  # which takes in the modules
                for _ in range(rounds):
                    _one_round(world, party, list(islice(source, count)), took)
                    took["two"].append(_together(pool, world, party, list(islice(source, count))))
                    took["http"].append(_over_http(world, party, list(islice(source, count))))
            columns.append(_column(took, count * SIZE))
            profiles.append(_profile(world, party, list(islice(source, count))))
            world.store.close()
    names = (
        *("events/s, captured", "events/s, by two processes", "events/s, by the API, without a socket"),
        *("signatures/s (limit)", "events/s, json.loads and one insert (peer)"),
        *(
            "captured / signatures",
            "captured / peer",
            "CPU an event, us",
            "of which reading the document, us",
        ),
    )
    rows = [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    note = f"{rounds} rounds of {count} documents of {SIZE} events; median (least to greatest)."
    yield Table("EPCIS capture", ["documents of 100", *urls], rows, note)
    yield _shares(list(urls), profiles)


def _documents() -> Iterator[bytes]:
    return (json.dumps(d, ensure_ascii=False).encode() for d in documents(happenings(1), SIZE))


def _one_round(world: World, party: str, given: list[bytes], took: Rounds) -> None:
    """Everything that is compared, one after the other, so that the machine's mood is the same."""
    took["capture"].append(timed(lambda: capture_all(world.store, world.node, party, given)))
    took["read"].append(timed(lambda: [read_document(document) for document in given]))
    took["sign"].append(_sign(given))
    took["bare"].append(_bare(world.store.url, given))


def _together(pool: Executor, world: World, party: str, given: list[bytes]) -> Took:
    """Shared out among processes, each with connections of its own."""
    shares = [given[first::PROCESSES] for first in range(PROCESSES)]
    here = (world.store.url, world.node.folder, party)
    return timed(lambda: list(pool.map(_capture_apart, *zip(*((*here, s) for s in shares), strict=True))))


def _capture_apart(url: str, folder: Path, party: str, given: list[bytes]) -> None:
    store = Store(url)
    try:
        capture_all(store, load_node(folder), party, given)
    finally:
        store.close()


def capture_all(store: Store, node: Node, party: str, given: list[bytes]) -> None:
    """What the API does with documents, but for HTTP."""
    for data in given:
        document = read_document(data)
        events = [Given(each.event, each.context, document.context or None) for each in document.events]
        answers = capture(store, node, party, events)
        if any(answer.refused or answer.known for answer in answers):
            raise RuntimeError(f"not every event was recorded: {answers[0]}")


def _over_http(world: World, party: str, given: list[bytes]) -> Took:
    """Posted to the web application, without a socket."""
    text, _ = new_token(
        world.store, world.node, party=party, scopes=[Scope.CAPTURE], days=1, name=secrets.token_hex(8)
    )
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    with site_of(world) as site:
        client = site.test_client()
        answers: list[int] = []
        took = timed(
            lambda: answers.extend(
                client.post("/epcis/capture", data=data, headers=headers).status_code for data in given
            )
        )
    if set(answers) != {202}:
        raise RuntimeError(f"not every document was captured: {answers}")
    return took


def _sign(given: list[bytes]) -> Took:
    """One signature for each event, over as many bytes as it has."""
    key = PrivateKey.generate()
    bodies = [data[: len(data) // SIZE] for data in given]
    return timed(lambda: [key.sign(body) for body in bodies for _ in range(SIZE)])


def _bare(url: str, given: list[bytes]) -> Took:
    """Parsed by the standard library, and kept as it came, one commit a document."""
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS bare (body TEXT)"))
        return timed(lambda: _keep(engine, given))
    finally:
        engine.dispose()


def _keep(engine: Engine, given: list[bytes]) -> None:
    for data in given:
        json.loads(data)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO bare VALUES (:body)"), {"body": data.decode()})


def _column(took: Rounds, events: int) -> list[str]:
    rate = {name: [events / t.wall_s for t in rounds] for name, rounds in took.items()}
    return [
        *(median(rate[name]) for name in ("capture", "two", "http")),
        median(rate["sign"]),
        median(rate["bare"]),
        ratio(rate["capture"], rate["sign"]),
        ratio(rate["capture"], rate["bare"]),
        median([t.cpu_s / events for t in took["capture"]], scale=1e6),
        median([t.cpu_s / events for t in took["read"]], scale=1e6),
    ]


def _profile(world: World, party: str, given: list[bytes]) -> dict[str, str]:
    """The share of each stage in the time of capturing."""
    found = spent(lambda: capture_all(world.store, world.node, party, given))
    seconds = {f"{Path(each.file).name}:{each.function}": each.whole_s for each in found}
    stages = {stage: sum(seconds[name] for name in names) for stage, names in STAGES.items()}
    stages["conceal"] -= stages["sign"]  # which is inside it, as are those that follow
    inside = ("project.py:insert_projections", "chain.py:append")
    stages["disclosures and batches"] -= sum(seconds[name] for name in inside)
    return shares(stages, seconds["capture.py:capture_all"])


def _shares(names: list[str], profiles: list[dict[str, str]]) -> Table:
    rows = [[stage, *(profile[stage] for profile in profiles)] for stage in profiles[0]]
    note = "Shares by cProfile, which makes Python look slower against C and the disk than it is."
    return Table("EPCIS capture, where the time goes", ["stage", *names], rows, note)


if __name__ == "__main__":
    run(("capture", measure))
