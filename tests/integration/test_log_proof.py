"""Proofs that the site makes for those who do not want to read tiles: each holds by the pure rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from tests.support.web import site_of
from tests.support.world import Story, World, make_world, tell_story
from traceability.ledger import merkle, note
from traceability.ledger.lines import decode_base64
from traceability.ledger.proof import parse_proof, verify_proof
from traceability.ledger.state import (
    Absence,
    Neighbour,
    Presence,
    StateLeaf,
    parse_state_leaf,
    stream_hash,
    verify_absence,
    verify_presence,
)
from traceability.operations.log import log_entries
from traceability.store import models

PROBLEM = "application/problem+json"
MAX = 2**63 - 1


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("proofs")
    story = tell_story(make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}"))
    yield story
    story.world.store.close()


@pytest.fixture(scope="module")
def site(told: Story) -> Iterator[FlaskClient]:
    with site_of(told.world) as app:
        yield app.test_client()


@pytest.fixture(scope="module")
def hashes(told: Story) -> list[bytes]:
    """The leaf hashes of the log."""
    with told.world.store.reading() as connection:
        return [merkle.leaf_hash(entry) for entry in log_entries(connection, 0, sizes(told.world)[-1])]


def sizes(world: World) -> list[int]:
    """Of the published checkpoints."""
    table = models.Checkpoint
    with world.store.reading() as connection:
        return list(connection.execute(select(table.size).order_by(table.size)).scalars())


def decoded(values: list[str]) -> tuple[bytes, ...]:
    return tuple(map(decode_base64, values))


def proved_state(answer: dict[str, Any], world: World) -> StateLeaf:
    """The state leaf of an answer, itself proved to end the newest checkpoint."""
    leaf = parse_state_leaf(answer["state_leaf"].encode("ascii"))
    proof = parse_proof(answer["state_proof"].encode())
    checkpoint = verify_proof(proof, leaf.hash, [world.node.policy.log])
    assert proof.index == leaf.index == checkpoint.size - 1
    return leaf


def test_every_leaf_is_proved_in_the_newest_checkpoint_and_in_those_before(
    site: FlaskClient, told: Story, hashes: list[bytes]
):
    world = told.world
    for size in (None, *sizes(world)[1:3]):
        for index in range(0, size or len(hashes), 3):
            query = {"index": index} if size is None else {"index": index, "size": size}
            answer = site.get("/log/proof", query_string=query)
            assert (answer.status_code, answer.mimetype) == (200, "text/plain")
            assert answer.headers["Cache-Control"] == "no-cache"
            proof = parse_proof(answer.data)
            checkpoint = verify_proof(proof, hashes[index], [world.node.policy.log])
            assert (proof.index, checkpoint.size) == (index, size or len(hashes))


def test_the_newest_checkpoint_of_a_proof_is_the_cosigned_one(site: FlaskClient, told: Story):
    with told.world.store.reading() as connection:
        cosigned = connection.execute(select(models.Cosignature.size)).scalars().all()
    for size in (cosigned[0], sizes(told.world)[-1]):
        proof = parse_proof(site.get(f"/log/proof?index=0&size={size}").data)
        assert len(note.parse_note(proof.checkpoint).signatures) == (2 if size in cosigned else 1)


def test_growth_between_any_two_sizes_is_proved(site: FlaskClient, hashes: list[bytes]):
    newest = len(hashes)
    for first, second in ((1, 2), (2, newest), (3, 7), (8, 9), (newest, newest), (5, None)):
        query = {"first": first} if second is None else {"first": first, "second": second}
        answer = site.get("/log/proof", query_string=query)
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        said = answer.get_json()
        second = second or newest
        assert (said["first"], said["second"]) == (first, second)
        old, new = (merkle.root(hashes[:size]) for size in (first, second))
        merkle.verify_consistency(first, second, old, new, decoded(said["consistency"]))
        kept = set(answer.headers["Cache-Control"].split(", "))
        assert kept == (
            {"no-cache"} if "second" not in query else {"public", "max-age=31536000", "immutable"}
        )


def test_every_stream_is_proved_present_and_others_absent(site: FlaskClient, told: Story):
    world, table = told.world, models.Stream
    with world.store.reading() as connection:
        heads = {r.uri: (r.length, r.head) for r in connection.execute(select(table))}
    for uri in [*heads, *(world.batch(f"NOT{n}") for n in range(5))]:
        answer = site.get("/log/proof", query_string={"stream": uri})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")
        said = answer.get_json()
        root, top = proved_state(said, world).root, decoded(said["top_proof"])
        assert said["present"] == (uri in heads)
        if said["present"]:
            count, head = heads[uri]
            assert (said["count"], decode_base64(said["head"])) == (count, head)
            proof = decoded(said["bucket_proof"])
            place = Presence(count, head, said["index"], said["bucket_size"], proof, top)
            verify_presence(root, stream_hash(uri), place)
            continue
        beside = tuple(
            Neighbour(
                decode_base64(n["stream_hash"]),
                n["count"],
                decode_base64(n["head"]),
                n["index"],
                decoded(n["bucket_proof"]),
            )
            for n in said["neighbours"]
        )
        verify_absence(root, stream_hash(uri), Absence(said["bucket_size"], beside, top))


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "bad-query"),
        ("size=3", 400, "bad-query"),
        ("second=3", 400, "bad-query"),
        ("index=1&first=1", 400, "bad-query"),
        ("index=1&index=1", 400, "bad-query"),
        ("index=1&leaf=1", 400, "bad-query"),
        ("first=1&size=3", 400, "bad-query"),
        ("index=", 400, "bad-query"),
        ("index=-1", 400, "bad-query"),
        ("index=01", 400, "bad-query"),
        ("index=1.0", 400, "bad-query"),
        ("index=%D9%A3", 400, "bad-query"),
        ("index=1%0A", 400, "bad-query"),
        (f"index={10**30}", 400, "bad-query"),
        ("first=0", 400, "bad-query"),
        ("first=5&second=4", 400, "bad-query"),
        ("first=5&second=0", 400, "bad-query"),
        ("index=%00", 400, "bad-request"),
        ("stream=", 400, "bad-identifier"),
        ("stream=09520000000011/L1", 400, "bad-identifier"),
        (f"stream=https://id.gs1.org/01/09520000000011/10/{'x' * 2000}", 400, "bad-identifier"),
        (f"index={MAX}", 404, "unknown-subject"),
        ("index=0&size=0", 404, "unknown-subject"),
        ("index=0&size=2", 404, "unknown-subject"),
        (f"index=0&size={MAX + 1}", 404, "unknown-subject"),
        (f"index={MAX + 1}&size={MAX + 1}", 404, "unknown-subject"),
        ("index=1&size=1", 404, "unknown-subject"),
        (f"first=1&second={MAX}", 404, "unknown-subject"),
        (f"first={MAX}", 404, "unknown-subject"),
        (f"first={MAX + 1}&second={MAX + 1}", 404, "unknown-subject"),
    ],
)
def test_what_cannot_be_proved_is_refused_with_a_remedy(
    site: FlaskClient, query: str, status: int, code: str
):
    answer = site.get(f"/log/proof?{query}")
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM)
    assert answer.headers["Cache-Control"] == "no-store"
    problem = json.loads(answer.data)
    assert problem["code"] == code
    assert problem["remedy"].endswith(".")
    assert site.post(f"/log/proof?{query}").status_code == (400 if code == "bad-request" else 405)


names = st.sampled_from(["index", "size", "first", "second", "stream"]) | st.text(max_size=8)
values = (
    st.integers(-3, 60).map(str)
    | st.integers().map(str)
    | st.text(max_size=20)
    | st.sampled_from(
        ["https://id.gs1.org/01/09520000000011/10/L1", "https://id.gs1.org/00/123", "1e3", "0x1"]
    )
)


@settings(max_examples=40)
@given(st.lists(st.tuples(names, values), max_size=3))
def test_whatever_is_asked_is_answered_or_refused_by_its_own_fault(
    site: FlaskClient, query: list[tuple[str, str]]
):
    answer = site.get("/log/proof", query_string=query)
    assert answer.status_code in {200, 400, 404}
    if answer.status_code != 200:
        assert answer.mimetype == PROBLEM


def test_before_the_first_checkpoint_nothing_is_proved(lone: World):
    with lone.store.transaction() as tx:
        tx.connection.execute(update(models.Checkpoint).values(published=False))
    with site_of(lone) as app:
        for query in ("index=0", "first=1", f"stream={lone.batch('L1')}"):
            answer = app.test_client().get(f"/log/proof?{query}")
            assert (answer.status_code, json.loads(answer.data)["code"]) == (503, "not-yet-in-log")
        staged = app.test_client().get("/log/proof?index=0&size=1")
        assert (staged.status_code, json.loads(staged.data)["code"]) == (404, "unknown-subject")


def test_a_changed_state_is_not_served_as_a_proof(lone: World):
    batch = lone.harvest(lone.party("Farm"), "L1")
    lone.publish()
    with lone.store.transaction() as tx:
        one = update(models.StatePage).where(models.StatePage.level == 0)
        tx.connection.execute(one.values(body=b"?" * 72))
    with site_of(lone) as app:
        answer = app.test_client().get("/log/proof", query_string={"stream": batch})
    assert (answer.status_code, json.loads(answer.data)["code"]) == (500, "log-conflict")
    assert "bucket_proof" not in answer.text
