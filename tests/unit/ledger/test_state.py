"""The state tree against a second implementation that builds all 65,536 buckets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import MalformedError, OversizeError, ProofMismatchError
from traceability.ledger import merkle
from traceability.ledger.record import MAX_TIME_MS
from traceability.ledger.state import (
    Absence,
    Neighbour,
    Presence,
    StateLeaf,
    StateTree,
    parse_state_leaf,
    stream_hash,
    stream_leaf,
    verify_absence,
    verify_presence,
)

Heads = dict[bytes, tuple[int, bytes]]
LEAF = StateLeaf(index=1234, streams=56, root=bytes(range(32)), time_ms=1_767_323_045_678)
TEXT = (
    b"food-traceability/state/v1\n"
    b"1234\n"
    b"56\n"
    b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    b"2026-01-02T03:04:05.678Z\n"
)
# Names fall into few buckets here, so that buckets hold several streams.
names = st.builds(
    lambda bucket, rest: bucket + rest,
    st.sampled_from([b"\0\0", b"\0\1", b"\xff\xff"]),
    st.binary(min_size=30, max_size=30),
)
heads = st.dictionaries(
    names, st.tuples(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32)), max_size=12
)


def named(bucket: int, rest: int) -> bytes:
    return bucket.to_bytes(2, "big") + rest.to_bytes(30, "big")


def head(number: int) -> tuple[int, bytes]:
    return number + 1, hashlib.sha256(str(number).encode()).digest()


@cache
def one_bucket() -> StateTree:
    """Streams 10, 20 ... 50 in bucket 7."""
    return StateTree({named(7, rest): head(rest) for rest in range(10, 60, 10)})


def prove_absence(tree: StateTree, name: bytes) -> Absence:
    proof = tree.prove(name)
    assert isinstance(proof, Absence)
    return proof


def prove_presence(tree: StateTree, name: bytes) -> Presence:
    proof = tree.prove(name)
    assert isinstance(proof, Presence)
    return proof


def whole_root(streams: Mapping[bytes, tuple[int, bytes]]) -> bytes:
    buckets: list[list[bytes]] = [[] for _ in range(65_536)]
    for name, (count, last) in sorted(streams.items()):
        data = b"food-traceability/stream/v1\n" + name + count.to_bytes(8, "big") + last
        buckets[name[0] * 256 + name[1]].append(merkle.leaf_hash(data))
    return merkle.root([merkle.leaf_hash(merkle.root(bucket)) for bucket in buckets])


def test_state_leaf_has_the_documented_text_and_hash() -> None:
    assert LEAF.text() == TEXT
    assert LEAF.hash == merkle.leaf_hash(TEXT)
    assert LEAF.hash.hex() == "7a665a8ab7be4f4cd9a5e0b55a177c329af5d4fac1f3f296c63e222a9cda99df"


@given(
    st.builds(
        StateLeaf,
        st.integers(0, 2**63 - 1),
        st.integers(0, 2**63 - 1),
        st.binary(min_size=32, max_size=32),
        st.integers(0, MAX_TIME_MS),
    )
)
def test_state_leaf_round_trip(leaf: StateLeaf) -> None:
    assert parse_state_leaf(leaf.text()) == leaf


@given(st.integers(0, len(TEXT) - 1), st.integers(0, 255))
def test_changed_byte_is_refused_or_gives_another_leaf(position: int, value: int) -> None:
    changed = TEXT[:position] + bytes([value]) + TEXT[position + 1 :]
    try:
        leaf = parse_state_leaf(changed)
    except MalformedError:
        return
    assert leaf.text() == changed
    assert (leaf == LEAF) == (changed == TEXT)


@pytest.mark.parametrize(
    "text", [TEXT[:-1], TEXT + b"\n", TEXT + b"more\n", TEXT.replace(b"1234", b"01234"), TEXT * 4]
)
def test_text_outside_the_form_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_state_leaf(text)


@pytest.mark.parametrize(
    "change", [{"index": -1}, {"streams": -1}, {"root": b""}, {"time_ms": MAX_TIME_MS + 1}]
)
def test_state_leaf_outside_its_bounds_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        replace(LEAF, **change)


def test_root_equals_that_of_the_whole_tree() -> None:
    streams = {stream_hash(f"https://node.example/{i}"): head(i) for i in range(20)}
    streams |= {named(7, rest): head(rest) for rest in (3, 1, 2)}
    assert StateTree(streams).root == whole_root(streams)
    assert StateTree({}).root == whole_root({})
    assert StateTree(streams).streams == 23


@given(heads, heads)
def test_updated_tree_equals_one_built_anew_and_leaves_the_old_one_alone(
    before: Heads, changes: Heads
) -> None:
    tree = StateTree(before)
    root = tree.root
    later, anew = tree.updated(changes), StateTree(before | changes)
    assert (later.root, later.streams) == (anew.root, len(before | changes))
    assert (tree.root, tree.streams) == (root, len(before))


@given(heads, names)
def test_every_stream_is_proved_present_or_absent(streams: Heads, other: bytes) -> None:
    tree = StateTree(streams)
    for name in {*streams, other}:
        proof = tree.prove(name)
        assert isinstance(proof, Presence) == (name in streams)
        if isinstance(proof, Presence):
            assert (proof.count, proof.head) == streams[name]
            verify_presence(tree.root, name, proof)
        else:
            verify_absence(tree.root, name, proof)


def test_small_state_is_built_in_milliseconds() -> None:
    streams = {stream_hash(str(i)): head(i) for i in range(20)}
    started = time.perf_counter()
    StateTree(streams).prove(stream_hash("0"))
    assert time.perf_counter() - started < 0.1, "20 streams must not cost 65,536 buckets"


def test_presence_with_any_changed_part_is_refused() -> None:
    tree, name = one_bucket(), named(7, 20)
    proof = prove_presence(tree, name)
    verify_presence(tree.root, name, proof)
    changes: list[dict[str, Any]] = [
        {"count": proof.count - 1},
        {"head": bytes(32)},
        {"index": proof.index + 1},
        {"bucket_size": 2},
        {"bucket_proof": proof.bucket_proof[::-1]},
        {"bucket_proof": proof.bucket_proof[1:]},
        {"top_proof": proof.top_proof[::-1]},
        {"top_proof": proof.top_proof[1:]},
    ]
    for change in changes:
        with pytest.raises(ProofMismatchError):
            verify_presence(tree.root, name, replace(proof, **change))
    with pytest.raises(ProofMismatchError):
        verify_presence(bytes(32), name, proof)


def test_presence_of_one_stream_is_refused_for_another() -> None:
    proof = prove_presence(one_bucket(), named(7, 20))
    for name in (named(7, 30), named(8, 20)):
        with pytest.raises(ProofMismatchError):
            verify_presence(one_bucket().root, name, proof)


def test_values_outside_their_bounds_are_refused() -> None:
    proof = prove_presence(one_bucket(), named(7, 20))
    changes: list[dict[str, Any]] = [
        {"count": 0},
        {"count": 2**63},
        {"head": b""},
        {"index": -1},
        {"bucket_size": 2**63},
    ]
    for change in changes:
        with pytest.raises(MalformedError):
            verify_presence(one_bucket().root, named(7, 20), replace(proof, **change))
    with pytest.raises(MalformedError):
        verify_absence(one_bucket().root, named(7, 20)[:31], prove_absence(one_bucket(), named(7, 21)))
    with pytest.raises(MalformedError):
        StateTree({bytes(31): head(1)})


def test_proof_bombs_are_refused() -> None:
    proof = prove_presence(one_bucket(), named(7, 20))
    changes: list[dict[str, Any]] = [{"bucket_proof": (bytes(32),) * 64}, {"top_proof": (bytes(32),) * 64}]
    for change in changes:
        with pytest.raises(OversizeError):
            verify_presence(one_bucket().root, named(7, 20), replace(proof, **change))
    absence = prove_absence(one_bucket(), named(7, 21))
    with pytest.raises(ProofMismatchError):
        verify_absence(one_bucket().root, named(7, 21), replace(absence, neighbours=absence.neighbours * 500))


@pytest.mark.parametrize("rest", [1, 15, 55])
def test_stream_before_between_or_behind_the_others_is_absent(rest: int) -> None:
    proof = prove_absence(one_bucket(), named(7, rest))
    assert len(proof.neighbours) == (2 if rest == 15 else 1)
    verify_absence(one_bucket().root, named(7, rest), proof)


def test_stream_of_an_empty_bucket_is_absent() -> None:
    proof = prove_absence(one_bucket(), named(8, 1))
    assert proof.neighbours == ()
    verify_absence(one_bucket().root, named(8, 1), proof)


def neighbour(rest: int) -> Neighbour:
    """A stream of the bucket, with a proof that is genuine."""
    proof = prove_presence(one_bucket(), named(7, rest))
    return Neighbour(named(7, rest), proof.count, proof.head, proof.index, proof.bucket_proof)


@pytest.mark.parametrize(
    "around", [(), (20,), (40,), (20, 40), (10, 20), (40, 20), (30, 30), (10, 50), (20, 30, 40), (10,), (50,)]
)
def test_present_stream_cannot_be_shown_absent(around: tuple[int, ...]) -> None:
    tree, name = one_bucket(), named(7, 30)
    top_proof = prove_presence(tree, name).top_proof
    forged = Absence(5, tuple(neighbour(rest) for rest in around), top_proof)
    with pytest.raises(ProofMismatchError):
        verify_absence(tree.root, name, forged)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 6])
def test_bucket_shown_smaller_or_larger_hides_no_stream(size: int) -> None:
    tree, name = one_bucket(), named(7, 50)
    top_proof = prove_presence(tree, name).top_proof
    last = neighbour(40)
    forgeries = [
        (),
        (last,),
        (replace(last, index=max(size - 1, 0)),),
        (replace(last, bucket_proof=last.bucket_proof[:size]),),
    ]
    for neighbours in forgeries:
        with pytest.raises((ProofMismatchError, MalformedError)):
            verify_absence(tree.root, name, Absence(size, neighbours, top_proof))


def test_absence_proved_for_one_bucket_is_refused_for_another() -> None:
    tree = one_bucket()
    with pytest.raises(ProofMismatchError):
        verify_absence(tree.root, named(7, 15), prove_absence(tree, named(8, 15)))


def test_neighbours_of_different_buckets_are_refused() -> None:
    tree = one_bucket().updated({named(9, rest): head(rest) for rest in range(10, 60, 10)})
    other = prove_presence(tree, named(9, 20))
    right = Neighbour(named(9, 20), other.count, other.head, other.index, other.bucket_proof)
    left = neighbour(10)
    forged = Absence(5, (left, right), other.top_proof)
    with pytest.raises(ProofMismatchError, match="different buckets"):
        verify_absence(tree.root, named(9, 15), forged)


def test_absence_with_a_changed_head_or_count_is_refused() -> None:
    tree, name = one_bucket(), named(7, 15)
    proof = prove_absence(tree, name)
    left, right = proof.neighbours
    for changed in (replace(left, head=bytes(32)), replace(left, count=left.count + 1)):
        with pytest.raises(ProofMismatchError):
            verify_absence(tree.root, name, replace(proof, neighbours=(changed, right)))
    with pytest.raises(ProofMismatchError):
        verify_absence(tree.root, name, replace(proof, top_proof=proof.top_proof[:-1]))


def test_stream_is_named_by_the_hash_of_its_uri() -> None:
    assert stream_hash("https://node.example/x") == hashlib.sha256(b"https://node.example/x").digest()
    data = b"food-traceability/stream/v1\n" + bytes(32) + b"\0\0\0\0\0\0\0\x05" + b"\xff" * 32
    assert stream_leaf(bytes(32), 5, b"\xff" * 32) == merkle.leaf_hash(data)
