"""Merkle trees against a second, recursive implementation that follows RFC 6962 word by word."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import MalformedError, OversizeError, ProofMismatchError
from traceability.ledger import merkle

SIZES = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(str(i).encode()) for i in range(count)]


def split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def mth(items: Sequence[bytes]) -> bytes:
    if len(items) < 2:
        return items[0] if items else hashlib.sha256().digest()
    k = split(len(items))
    return hashlib.sha256(b"\x01" + mth(items[:k]) + mth(items[k:])).digest()


def path(m: int, items: Sequence[bytes]) -> list[bytes]:
    if len(items) == 1:
        return []
    k = split(len(items))
    if m < k:
        return [*path(m, items[:k]), mth(items[k:])]
    return [*path(m - k, items[k:]), mth(items[:k])]


def subproof(m: int, items: Sequence[bytes], whole: bool) -> list[bytes]:
    if m == len(items):
        return [] if whole else [mth(items)]
    k = split(len(items))
    if m <= k:
        return [*subproof(m, items[:k], whole), mth(items[k:])]
    return [*subproof(m - k, items[k:], False), mth(items[:k])]


def flipped(proof: list[bytes], bit: int) -> Iterator[list[bytes]]:
    """The proof with one bit changed in its first hash, then in its second, and so on."""
    for place, good in enumerate(proof):
        bad = (int.from_bytes(good, "big") ^ bit).to_bytes(32, "big")
        yield [*proof[:place], bad, *proof[place + 1 :]]


def test_empty_tree_and_single_leaf_have_the_roots_of_the_rfc() -> None:
    assert merkle.root([]) == merkle.EMPTY_ROOT == hashlib.sha256(b"").digest()
    assert merkle.leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert merkle.root([merkle.leaf_hash(b"x")]) == merkle.leaf_hash(b"x")


def test_root_and_proofs_equal_the_recursive_definition_for_every_small_tree() -> None:
    for size in range(1, 34):
        items = leaves(size)
        assert merkle.root(items) == mth(items)
        for index in range(size):
            assert merkle.inclusion_proof(index, items) == path(index, items)
        for first in range(1, size + 1):
            assert merkle.consistency_proof(first, items) == subproof(first, items, True)


@given(SIZES, st.data())
def test_inclusion_proof_verifies_only_for_its_leaf_and_place(size: int, data: st.DataObject) -> None:
    items = leaves(size)
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion_proof(index, items), merkle.root(items)
    merkle.verify_inclusion(index, size, items[index], proof, root)
    if other != index:
        with pytest.raises(ProofMismatchError):
            merkle.verify_inclusion(other, size, items[index], proof, root)
        with pytest.raises(ProofMismatchError, match="another root"):
            merkle.verify_inclusion(index, size, items[other], proof, root)


@given(SIZES, SIZES)
def test_consistency_proof_verifies_between_any_two_sizes(one: int, two: int) -> None:
    first, second = sorted((one, two))
    items = leaves(second)
    proof = merkle.consistency_proof(first, items)
    root1, root2 = merkle.root(items[:first]), merkle.root(items)
    merkle.verify_consistency(first, second, root1, root2, proof)
    forked = merkle.root([*items[: first - 1], bytes(32)])
    with pytest.raises(ProofMismatchError):
        merkle.verify_consistency(first, second, forked, root2, proof)
    with pytest.raises(ProofMismatchError, match="later root"):
        merkle.verify_consistency(first, second, root1, bytes(32), proof)


@given(st.integers(2, 70), st.data())
def test_flipping_a_bit_of_any_proof_hash_is_refused(size: int, data: st.DataObject) -> None:
    items = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size - 1))
    root1, root2 = merkle.root(items[:first]), merkle.root(items)
    bit = 1 << data.draw(st.integers(0, 255))
    for proof in flipped(merkle.inclusion_proof(index, items), bit):
        with pytest.raises(ProofMismatchError):
            merkle.verify_inclusion(index, size, items[index], proof, root2)
    for proof in flipped(merkle.consistency_proof(first, items), bit):
        with pytest.raises(ProofMismatchError):
            merkle.verify_consistency(first, size, root1, root2, proof)


def test_earlier_root_that_the_proof_does_not_rebuild_is_refused() -> None:
    items = leaves(7)
    with pytest.raises(ProofMismatchError, match="earlier root"):
        merkle.verify_consistency(3, 7, bytes(32), merkle.root(items), merkle.consistency_proof(3, items))


@pytest.mark.parametrize("change", [lambda proof: proof[:-1], lambda proof: [*proof, bytes(32)]])
def test_proof_of_another_length_is_refused(change: Callable[[list[bytes]], list[bytes]]) -> None:
    items = leaves(6)
    root1, root2 = merkle.root(items[:3]), merkle.root(items)
    inclusion, consistency = merkle.inclusion_proof(1, items), merkle.consistency_proof(3, items)
    with pytest.raises(ProofMismatchError, match="wrong length"):
        merkle.verify_inclusion(1, 6, items[1], change(inclusion), root2)
    with pytest.raises(ProofMismatchError, match="wrong length"):
        merkle.verify_consistency(3, 6, root1, root2, change(consistency))


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (2**64 - 1, 4), (0, 2**63)])
def test_place_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(MalformedError, match="no leaf"):
        merkle.verify_inclusion(index, size, bytes(32), [], bytes(32))


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (-1, 4), (5, 4), (1, 2**63)])
def test_sizes_that_cannot_grow_into_one_another_are_refused(first: int, second: int) -> None:
    with pytest.raises(MalformedError, match="grows"):
        merkle.verify_consistency(first, second, bytes(32), bytes(32), [])


def test_proofs_of_a_missing_leaf_or_size_are_not_made() -> None:
    with pytest.raises(MalformedError):
        merkle.inclusion_proof(3, leaves(3))
    with pytest.raises(MalformedError):
        merkle.consistency_proof(4, leaves(3))


def test_hash_of_another_length_is_refused() -> None:
    items = leaves(2)
    with pytest.raises(MalformedError, match="leaf hash"):
        merkle.verify_inclusion(0, 1, b"", [], b"")
    with pytest.raises(MalformedError, match="every hash"):
        merkle.verify_inclusion(0, 2, items[0], [items[1] + b"\x00"], merkle.root(items))
    with pytest.raises(MalformedError, match="every hash"):
        merkle.verify_consistency(1, 2, items[0], merkle.root(items), [b""])


def test_proof_of_more_than_63_hashes_is_refused_before_hashing() -> None:
    with pytest.raises(OversizeError):
        merkle.verify_inclusion(0, 2**62, bytes(32), [bytes(32)] * 64, bytes(32))
    with pytest.raises(ProofMismatchError, match="another root"):
        merkle.verify_inclusion(0, 2**62, bytes(32), [bytes(32)] * 62, bytes(32))
