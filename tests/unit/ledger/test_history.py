"""One proof of several leaves, and of the trees that ended with them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import MalformedError, ProofMismatchError
from traceability.ledger import merkle
from traceability.ledger.history import beacon_of, history_nodes, past_roots
from traceability.ledger.note import Checkpoint
from traceability.ledger.tiles import Tiles

SIZE = 600
HASHES = [merkle.leaf_hash(bytes([i % 256, i // 256])) for i in range(SIZE)]
CHANGED, ROOT = Tiles(lambda level, index: b"").append(0, HASHES)
TILES = Tiles(lambda level, index: CHANGED[level, index])


@given(st.integers(1, SIZE), st.data())
def test_it_gives_the_root_of_every_tree_that_ended_with_one_of_the_leaves(size, data):
    wanted = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=6))
    proof = TILES.history_proof(wanted, size)
    past = past_roots({i: HASHES[i] for i in wanted}, size, proof, TILES.root(size))
    assert past == {i: TILES.root(i + 1) for i in wanted}


def test_neighbours_share_the_nodes_above_them():
    single = [len(history_nodes([i], SIZE)) for i in range(256, 264)]
    assert len(history_nodes(range(256, 264), SIZE)) < min(single)


@pytest.mark.parametrize("place", range(3))
def test_a_changed_hash_leads_to_another_root(place):
    proof, wanted = TILES.history_proof({5, 300}, SIZE), {5: HASHES[5], 300: HASHES[300]}
    assert past_roots(wanted, SIZE, proof, ROOT)
    changed = [*proof[:place], bytes(32), *proof[place + 1 :]]
    for leaves, hashes in ((wanted, changed), (wanted | {5: HASHES[6]}, proof), ({6: HASHES[5]}, proof)):
        with pytest.raises(ProofMismatchError):
            past_roots(leaves, SIZE, hashes, ROOT)


def test_a_proof_has_as_many_hashes_as_the_walk_meets():
    proof = TILES.history_proof({5}, SIZE)
    for hashes in (proof[:-1], [*proof, proof[-1]], []):
        with pytest.raises(ProofMismatchError, match="length"):
            past_roots({5: HASHES[5]}, SIZE, hashes, ROOT)


@pytest.mark.parametrize(
    ("leaves", "size", "proof"),
    [({}, 1, []), ({1: bytes(32)}, 1, []), ({0: bytes(31)}, 1, []), ({0: bytes(32)}, 2, [bytes(31)])],
)
def test_what_is_no_leaf_or_no_hash_is_malformed(leaves, size, proof):
    with pytest.raises(MalformedError):
        past_roots(leaves, size, proof, bytes(32))


def test_a_beacon_is_the_hash_of_the_three_lines_without_signatures():
    text = "example.org/log\n1235\n" + "A" * 43 + "=\n"
    assert beacon_of(Checkpoint("example.org/log", 1235, bytes(32))) == hashlib.sha256(text.encode()).digest()
