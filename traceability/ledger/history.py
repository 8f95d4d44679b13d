"""One proof of several leaves of a log, and of the earlier trees that end with them.

The proof is a walk through the tree, left before right: a part in which no leaf is asked about is
one hash, a leaf that is asked about is itself. It gives the root. All that stands left of a leaf is
met on the way to it, so the root of the earlier tree that ended with this leaf follows too, and
needs no consistency proof of its own.

Source: RFC 6962 2.1; docs/adr/0027.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence

from traceability.errors import MalformedError, ProofMismatchError
from traceability.ledger import merkle
from traceability.ledger.note import Checkpoint


def beacon_of(checkpoint: Checkpoint) -> bytes:
    """What a device's statement names a checkpoint by: SHA-256 of its text without signatures."""
    return hashlib.sha256(checkpoint.text()).digest()


def history_nodes(indexes: Collection[int], size: int) -> list[merkle.Node]:
    """Nodes whose hashes prove these leaves of a tree of ``size``, in the order of the walk.

    Raises:
        MalformedError: there is no such leaf, or none at all.
    """
    return list(_beside(0, size, _wanted(indexes, size)))


def past_roots(
    leaves: Mapping[int, bytes], size: int, proof: Sequence[bytes], root_hash: bytes
) -> dict[int, bytes]:
    """Check that these leaf hashes are in the tree with this size and root, by their indexes.

    Returns:
        By the index of each, the root of the tree that ended with it.

    Raises:
        MalformedError: there is no such leaf, none at all, or a hash is not of 32 bytes.
        ProofMismatchError: it is not so.
    """
    wanted = _wanted(leaves, size)
    if any(len(item) != merkle.HASH_SIZE for item in (*proof, *leaves.values())):
        raise MalformedError(f"every hash of a proof has {merkle.HASH_SIZE} bytes")
    nodes = sum(1 for _ in _beside(0, size, wanted))
    if nodes != len(proof):
        raise ProofMismatchError("the proof has the wrong length", expected=nodes, got=len(proof))
    reached, past = _walk(0, size, wanted, leaves, iter(proof))
    if reached != root_hash:
        raise ProofMismatchError("the proof leads to another root", expected=root_hash, got=reached)
    return past


def _wanted(indexes: Collection[int], size: int) -> list[int]:
    if not indexes:
        raise MalformedError("a proof of no leaf proves nothing")
    for index in indexes:
        merkle.require_leaf(index, size)
    return sorted(indexes)


def _split(first: int, end: int) -> int:
    """Where the right half of a tree begins: the largest power of two below its size (RFC 6962 2.1)."""
    return first + (1 << (end - first - 1).bit_length() - 1)


def _beside(first: int, end: int, wanted: Sequence[int]) -> Iterator[merkle.Node]:
    if not wanted:
        height = (end - first - 1).bit_length()
        yield height, first >> height
    elif end - first > 1:
        middle = _split(first, end)
        cut = bisect_left(wanted, middle)
        yield from _beside(first, middle, wanted[:cut])
        yield from _beside(middle, end, wanted[cut:])


def _walk(
    first: int, end: int, wanted: Sequence[int], leaves: Mapping[int, bytes], proof: Iterator[bytes]
) -> tuple[bytes, dict[int, bytes]]:
    """Hash of a part, and by each leaf in it that of the same part cut off behind the leaf."""
    if not wanted:
        return next(proof), {}
    if end - first == 1:
        return leaves[first], {first: leaves[first]}
    middle = _split(first, end)
    cut = bisect_left(wanted, middle)
    left, past = _walk(first, middle, wanted[:cut], leaves, proof)
    right, later = _walk(middle, end, wanted[cut:], leaves, proof)
    past |= {index: merkle.node_hash(left, cut_off) for index, cut_off in later.items()}
    return merkle.node_hash(left, right), past
