"""Merkle tree hashes and proofs over a list of leaf hashes.

A node is named by (height, index): it covers the leaves from ``index << height`` on,
2**height of them or, at the right edge, as many as there are. ``siblings`` lists the
nodes beside the way up to the root; making a proof, and checking one, both follow it.

Source: RFC 6962 2.1 (tree, proofs), RFC 9162 2.1.3 and 2.1.4 (verification).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from traceability.errors import MalformedError, OversizeError, ProofMismatchError

HASH_SIZE: Final = 32
MAX_PROOF: Final = 63
"""Hashes in a proof, at most: C2SP tlog-witness; enough for any tree below 2**62 leaves."""
MAX_SIZE: Final = 2**63 - 1
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

Node = tuple[int, int]
"""(height, index)"""


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over n >= 0 leaf hashes; an odd last node moves up unchanged."""
    level = list(leaf_hashes)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        inner = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        level = inner + level[len(level) & ~1 :]
    return level[0] if level else EMPTY_ROOT


def siblings(index: int, size: int, height: int = 0) -> list[Node]:
    """Nodes (height, index) beside the way from a node to the root, lowest first.

    A sibling with an even index stands to the left. Where a right-edge node has none,
    nothing is listed.
    """
    last = (size - 1) >> height
    found = []
    while last:
        if index & 1 or index < last:
            found.append((height, index ^ 1))
        index, last, height = index >> 1, last >> 1, height + 1
    return found


def consistency_nodes(first: int, second: int) -> list[Node]:
    """Nodes whose hashes prove that a tree of ``first`` leaves grew into one of ``second``.

    The smallest subtree that ends the first tree, unless it is that whole tree (a power
    of two: a verifier has its root already); then the nodes beside the way up from it.

    Raises:
        MalformedError: not 0 < first <= second.
    """
    if not 0 < first <= second <= MAX_SIZE:
        raise MalformedError(f"no tree of {first} leaves grows into one of {second}")
    if first == second:
        return []
    height = (first & -first).bit_length() - 1
    index = (first - 1) >> height
    return ([(height, index)] if index else []) + siblings(index, second, height)


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Proof that leaf ``index`` is in the tree over ``leaf_hashes``, lowest hash first.

    Raises:
        MalformedError: there is no such leaf.
    """
    require_leaf(index, len(leaf_hashes))
    return _hashes(siblings(index, len(leaf_hashes)), leaf_hashes)


def consistency_proof(first: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Proof that the tree over the first ``first`` leaves is a prefix of the whole one.

    Raises:
        MalformedError: not 0 < first <= len(leaf_hashes).
    """
    return _hashes(consistency_nodes(first, len(leaf_hashes)), leaf_hashes)


def climb(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """Root that an inclusion proof leads to.

    Args:
        index: of the leaf, 0 <= index < size.
        size: leaves in the tree.
        leaf: its leaf hash, 32 bytes.
        proof: sibling hashes of 32 bytes, lowest first.

    Raises:
        MalformedError: index, size or a hash is out of range.
        ProofMismatchError: the proof has the wrong number of hashes.

    Source: RFC 9162 2.1.3.2.
    """
    require_leaf(index, size)
    path = siblings(index, size)
    _require_hashes(proof, len(path))
    if len(leaf) != HASH_SIZE:
        raise MalformedError(f"a leaf hash has {HASH_SIZE} bytes, not {len(leaf)}")
    for (_, beside), sibling in zip(path, proof, strict=True):
        leaf = node_hash(sibling, leaf) if beside % 2 == 0 else node_hash(leaf, sibling)
    return leaf


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root_hash: bytes) -> None:
    """Check that ``leaf`` (a leaf hash) is leaf ``index`` of the tree with this size and root.

    Raises:
        MalformedError: index, size or a hash is out of range.
        ProofMismatchError: it is not.
    """
    reached = climb(index, size, leaf, proof)
    if reached != root_hash:
        raise ProofMismatchError("the inclusion proof leads to another root", expected=root_hash, got=reached)


def verify_consistency(size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree (size2, root2) begins with the tree (size1, root1).

    Raises:
        MalformedError: not 0 < size1 <= size2, or a hash is not of 32 bytes.
        ProofMismatchError: it does not.

    Source: RFC 9162 2.1.4.2.
    """
    nodes = consistency_nodes(size1, size2)
    _require_hashes(proof, len(nodes))
    steps = list(zip(nodes, proof, strict=True))
    old = new = root1
    if steps and size1 & (size1 - 1):
        old = new = steps.pop(0)[1]
    for (_, beside), sibling in steps:
        if beside % 2 == 0:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    if old != root1:
        raise ProofMismatchError("the proof does not rebuild the earlier root", expected=root1, got=old)
    if new != root2:
        raise ProofMismatchError("the proof does not rebuild the later root", expected=root2, got=new)


def require_leaf(index: int, size: int) -> None:
    """Refuse (MalformedError) an index that no leaf of a tree of this size has."""
    if not 0 <= index < size <= MAX_SIZE:
        raise MalformedError(f"no leaf {index} in a tree of {size} leaves")


def _hashes(nodes: Sequence[Node], leaf_hashes: Sequence[bytes]) -> list[bytes]:
    return [root(leaf_hashes[index << height : (index + 1) << height]) for height, index in nodes]


def _require_hashes(proof: Sequence[bytes], count: int) -> None:
    if len(proof) > MAX_PROOF:
        raise OversizeError(f"a proof has at most {MAX_PROOF} hashes, not {len(proof)}")
    if any(len(item) != HASH_SIZE for item in proof):
        raise MalformedError(f"every hash of a proof has {HASH_SIZE} bytes")
    if len(proof) != count:
        raise ProofMismatchError("the proof has the wrong length", expected=count, got=len(proof))
