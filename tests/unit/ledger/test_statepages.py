"""The state tree over pages that are kept: as when built anew, and no page is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import LogConflictError, TraceabilityError
from traceability.ledger import merkle
from traceability.ledger.state import (
    Absence,
    Presence,
    StateTree,
    stream_hash,
    verify_absence,
    verify_presence,
)
from traceability.ledger.statepages import EMPTY_PAGES, EMPTY_STATE, TOP, Page, bucket_number, hashes_of

Heads = dict[bytes, tuple[int, bytes]]
# Few names in few buckets, side by side and far apart, so that streams meet and move on again and again.
names = st.builds(
    lambda bucket, rest: bucket + bytes(29) + rest,
    st.sampled_from([b"\0\0", b"\0\1", b"\0\x10", b"\x80\0", b"\xff\xff"]),
    st.binary(min_size=1, max_size=1),
)
growth = st.dictionaries(
    names, st.tuples(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32)), max_size=6
)


class Kept:
    """Pages as a store keeps them, and which of them were read."""

    def __init__(self) -> None:
        self.pages: dict[Page, bytes] = {}
        self.read_pages: list[Page] = []
        self.streams, self.root = 0, EMPTY_STATE

    def read(self, level: int, numbers: Collection[int]) -> Mapping[int, bytes]:
        self.read_pages += [(level, number) for number in numbers]
        return {number: self.pages[level, number] for number in numbers if (level, number) in self.pages}

    def tree(self) -> StateTree:
        return StateTree.kept(self.read, self.streams, self.root)

    def grow(self, heads: Heads) -> None:
        later = self.tree().updated(heads)
        self.pages |= later.changed
        self.streams, self.root = later.streams, later.root


def sparse_root(buckets: Mapping[int, bytes], height: int = 16, index: int = 0) -> bytes:
    """Root over 65,536 leaves of which only these are not the one of an empty bucket."""
    if height == 0:
        return merkle.leaf_hash(buckets.get(index, merkle.EMPTY_ROOT))
    if not any(number >> height == index for number in buckets):
        below = sparse_root({}, height - 1, 0)
        return merkle.node_hash(below, below)
    left, right = (sparse_root(buckets, height - 1, 2 * index + side) for side in (0, 1))
    return merkle.node_hash(left, right)


def rebuilt_root(heads: Heads) -> bytes:
    """The root from nothing but the documented form."""
    buckets: dict[int, list[bytes]] = {}
    for name, (count, head) in sorted(heads.items()):
        data = b"food-traceability/stream/v1\n" + name + count.to_bytes(8, "big") + head
        buckets.setdefault(int.from_bytes(name[:2], "big"), []).append(merkle.leaf_hash(data))
    return sparse_root({number: merkle.root(leaves) for number, leaves in buckets.items()})


def many(count: int) -> Heads:
    return {stream_hash(str(i)): (i + 1, hashlib.sha256(str(i).encode()).digest()) for i in range(count)}


@given(st.lists(growth, max_size=6))
def test_a_tree_that_grew_step_by_step_is_the_one_rebuilt_whole(steps: list[Heads]) -> None:
    kept = Kept()
    heads: Heads = {}
    for step in steps:
        kept.grow(step)
        heads |= step
    anew = StateTree(heads)
    assert kept.root == anew.root == rebuilt_root(heads)
    assert kept.streams == anew.streams == len(heads)
    assert kept.pages == anew.pages
    assert kept.tree().heads(heads) == heads


@given(st.lists(growth, max_size=4), names)
def test_a_kept_tree_proves_what_one_in_memory_proves(steps: list[Heads], other: bytes) -> None:
    kept = Kept()
    heads: Heads = {}
    for step in steps:
        kept.grow(step)
        heads |= step
    for name in {*heads, other}:
        proof = kept.tree().prove(name)
        assert proof == StateTree(heads).prove(name)
        if isinstance(proof, Presence):
            verify_presence(kept.root, name, proof)
        else:
            assert isinstance(proof, Absence)
            verify_absence(kept.root, name, proof)


@pytest.mark.parametrize("level", range(1, TOP + 1))
def test_a_page_of_fewer_hashes_with_the_same_root_is_refused(level: int) -> None:
    """The right half as four hashes of pairs: RFC 6962 gives twelve such hashes the root of the sixteen."""
    kept = Kept()
    name = bytes(32)
    kept.grow(many(20) | {name: (1, bytes(32))})
    hashes = hashes_of(kept.pages[level, 0])
    pairs = [merkle.node_hash(left, right) for left, right in zip(hashes[8::2], hashes[9::2], strict=True)]
    assert merkle.root(hashes[:8] + pairs) == merkle.root(hashes)
    kept.pages[level, 0] = b"".join(hashes[:8] + pairs)
    with pytest.raises(LogConflictError):
        kept.tree().prove(name)


def test_only_the_pages_above_what_moves_on_are_read_and_changed() -> None:
    kept = Kept()
    kept.grow(many(2_000))
    kept.read_pages.clear()
    later = kept.tree().updated({stream_hash("7"): (99, bytes(32))})
    way = {(level, bucket_number(stream_hash("7")) >> 4 * level) for level in range(TOP + 1)}
    assert set(kept.read_pages) == set(later.changed) == way
    assert len(kept.read_pages) == TOP + 1


@pytest.mark.parametrize("level", range(TOP + 1))
@pytest.mark.parametrize("change", ["byte", "gone", "short", "older"])
def test_a_changed_page_is_refused_whatever_is_asked(level: int, change: str) -> None:
    kept = Kept()
    kept.grow(many(20))
    older = dict(kept.pages)
    name = stream_hash("7")
    kept.grow({name: (99, bytes(32))})
    page = (level, bucket_number(name) >> 4 * level)
    body = kept.pages[page]
    bad = {"byte": body[:-1] + bytes([body[-1] ^ 1]), "gone": b"", "short": body[:-1], "older": older[page]}
    kept.pages[page] = bad[change]
    tree = kept.tree()
    for ask in (
        lambda: tree.prove(name),
        lambda: tree.heads([name]),
        lambda: tree.updated({name: (100, bytes(32))}),
    ):
        with pytest.raises(LogConflictError):
            ask()


@given(st.data())
def test_no_changed_pages_give_another_answer(data: st.DataObject) -> None:
    kept = Kept()
    kept.grow(many(12))
    page = data.draw(st.sampled_from(sorted(kept.pages)))
    kept.pages[page] = data.draw(st.binary(max_size=600) | st.sampled_from(list(kept.pages.values())))
    for name in (stream_hash("3"), stream_hash("absent")):
        try:
            proof = kept.tree().prove(name)
        except TraceabilityError:
            continue
        assert proof == StateTree(many(12)).prove(name)


def test_the_empty_state_is_documented() -> None:
    assert StateTree({}).root == EMPTY_STATE == rebuilt_root({})
    assert StateTree({}).pages == {}
    assert [len(body) for body in EMPTY_PAGES] == [0, 512, 512, 512, 512]
