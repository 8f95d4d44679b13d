"""Tiles against merkle.py, for every size that two levels of tiles can show."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceability.errors import LogConflictError, MalformedError, OversizeError
from traceability.ledger import merkle
from traceability.ledger.tiles import (
    TilePath,
    Tiles,
    encode_bundle,
    entries_path,
    parse_bundle,
    parse_tile_path,
    tile_path,
)

LIMIT = 700
LEAVES = [merkle.leaf_hash(str(i).encode()) for i in range(LIMIT)]
Store = dict[tuple[int, int], bytes]


def over(store: Store) -> Tiles:
    return Tiles(lambda level, index: store.get((level, index), b""))


STORED, _ = over({}).append(0, LEAVES)


@cache
def rooted(size: int) -> bytes:
    return merkle.root(LEAVES[:size])


def test_tree_grown_leaf_by_leaf_has_every_root() -> None:
    store: Store = {}
    for size in range(LIMIT):
        changed, root = over(store).append(size, LEAVES[size : size + 1])
        store |= changed
        assert root == rooted(size + 1), f"root of {size + 1} leaves"
    assert store == STORED


def test_every_earlier_root_comes_from_the_newest_tiles() -> None:
    tiles = over(STORED)
    assert [tiles.root(size) for size in range(LIMIT + 1)] == [rooted(size) for size in range(LIMIT + 1)]


def test_tiles_hold_what_the_specification_says() -> None:
    store = STORED
    assert {key: len(data) // 32 for key, data in store.items()} == {
        (0, 0): 256,
        (0, 1): 256,
        (0, 2): 188,
        (1, 0): 2,
    }
    assert store[0, 1] == b"".join(LEAVES[256:512])
    assert store[1, 0] == merkle.root(LEAVES[:256]) + merkle.root(LEAVES[256:512])


@given(st.lists(st.integers(0, 300), max_size=5))
def test_tree_grown_in_any_steps_has_the_same_tiles(steps: list[int]) -> None:
    store: Store = {}
    size = 0
    for step in steps:
        step = min(step, LIMIT - size)
        changed, root = over(store).append(size, LEAVES[size : size + step])
        store |= changed
        size += step
        assert root == rooted(size)
    assert store == {key: data[: len(store[key])] for key, data in STORED.items() if key in store}
    assert over(store).root(size) == rooted(size)


@settings(max_examples=200)
@given(st.integers(1, LIMIT), st.data())
def test_proofs_for_any_earlier_size_equal_those_of_the_whole_list(size: int, data: st.DataObject) -> None:
    tiles = over(STORED)
    index, first = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    assert tiles.inclusion_proof(index, size) == merkle.inclusion_proof(index, LEAVES[:size])
    assert tiles.consistency_proof(first, size) == merkle.consistency_proof(first, LEAVES[:size])


def test_append_reads_only_the_last_tile_of_each_level() -> None:
    read: list[tuple[int, int]] = []

    def reading(level: int, index: int) -> bytes:
        read.append((level, index))
        return STORED.get((level, index), b"")

    changed, _ = Tiles(reading).append(600, LEAVES[600:601])
    assert list(changed) == [(0, 2)]
    assert set(read) == {(0, 2), (1, 0)}
    read.clear()
    Tiles(reading).consistency_proof(77, 700)
    assert len(read) == len(set(read)) <= 5


def test_three_levels_of_tiles_give_the_root() -> None:
    """A tree of 65,536 equal leaves and a few more, whose inner nodes are easily computed."""
    leaf = merkle.leaf_hash(b"same")
    changed, root = over({}).append(0, [leaf] * 65_540)
    node = leaf
    for _ in range(16):
        node = merkle.node_hash(node, node)
    pair = merkle.node_hash(leaf, leaf)
    assert root == merkle.node_hash(node, merkle.node_hash(pair, pair))
    assert changed[2, 0] == node
    assert len(changed) == 256 + 1 + 1 + 1


def test_short_tile_is_refused() -> None:
    damaged = STORED | {(0, 2): STORED[0, 2][:-32]}
    tiles = over(damaged)
    assert tiles.root(LIMIT - 1) == rooted(LIMIT - 1)
    with pytest.raises(LogConflictError, match="tile 2 of level 0"):
        tiles.root(LIMIT)
    with pytest.raises(LogConflictError):
        tiles.append(LIMIT, LEAVES[:1])
    with pytest.raises(LogConflictError):
        tiles.inclusion_proof(LIMIT - 2, LIMIT)
    with pytest.raises(LogConflictError):
        tiles.consistency_proof(600, LIMIT)


def test_flipped_bit_in_a_tile_changes_the_root() -> None:
    for key, data in STORED.items():
        flipped = over(STORED | {key: bytes([data[0] ^ 1]) + data[1:]})
        if key != (0, 0) and key != (0, 1):
            assert flipped.root(LIMIT) != rooted(LIMIT)
        else:
            assert (
                flipped.inclusion_proof(1 if key == (0, 0) else 257, LIMIT)[0]
                == bytes([data[0] ^ 1]) + data[1:32]
            )


def test_impossible_places_are_refused() -> None:
    tiles = over(STORED)
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(MalformedError):
            tiles.inclusion_proof(index, size)
    for first, second in ((0, 5), (6, 5)):
        with pytest.raises(MalformedError):
            tiles.consistency_proof(first, second)
    with pytest.raises(MalformedError):
        tiles.root(-1)
    with pytest.raises(MalformedError):
        tiles.append(-1, LEAVES[:1])


@pytest.mark.parametrize(
    ("path", "parsed"),
    [
        ("tile/0/000", TilePath(0, 0, 256)),
        ("tile/0/x001/067.p/5", TilePath(0, 1067, 5)),
        ("tile/63/x001/x234/067", TilePath(63, 1234067, 256)),
        ("tile/entries/999.p/255", TilePath(None, 999, 255)),
        ("tile/entries/x001/000", TilePath(None, 1000, 256)),
    ],
)
def test_path_names_its_tile(path: str, parsed: TilePath) -> None:
    assert parse_tile_path(path) == parsed
    level, index, width = parsed.level, parsed.index, parsed.width
    assert path == (entries_path(index, width) if level is None else tile_path(level, index, width))


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 2**63 - 1), st.integers(1, 256))
def test_path_round_trip(level: int | None, index: int, width: int) -> None:
    path = entries_path(index, width) if level is None else tile_path(level, index, width)
    assert parse_tile_path(path) == TilePath(level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/0/000.p/256",
        "tile/0/000.p/",
        "tile/0/000/p/5",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/../000",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/\u0660/000",
        "",
    ],
)
def test_path_in_another_form_is_refused(path: str) -> None:
    with pytest.raises(MalformedError):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_path_of_an_impossible_tile_is_not_made(level: int, index: int, width: int) -> None:
    with pytest.raises(MalformedError):
        tile_path(level, index, width)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_bundle_round_trip(entries: list[bytes]) -> None:
    assert parse_bundle(encode_bundle(entries)) == entries


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=5), st.data())
def test_bundle_cut_short_loses_an_entry_or_is_refused(entries: list[bytes], data: st.DataObject) -> None:
    bundle = encode_bundle(entries)
    cut = bundle[: data.draw(st.integers(0, len(bundle) - 1))]
    try:
        parsed = parse_bundle(cut)
    except MalformedError:
        return
    assert parsed == entries[: len(parsed)]
    assert encode_bundle(parsed) == cut


def test_bundle_of_no_or_too_many_entries_is_refused() -> None:
    assert len(parse_bundle(encode_bundle([b""] * 256))) == 256
    for data in (b"", b"\0\0" * 257):
        with pytest.raises(MalformedError, match="entries in a bundle"):
            parse_bundle(data)
    for count in (0, 257):
        with pytest.raises(MalformedError):
            encode_bundle([b""] * count)


@pytest.mark.parametrize("data", [b"\0", b"\0\2a", b"\0\0\1", b"\0\1aa"])
def test_bundle_that_ends_inside_an_entry_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="ends inside"):
        parse_bundle(data)


def test_entry_of_65536_bytes_is_refused() -> None:
    assert parse_bundle(encode_bundle([bytes(65_535)])) == [bytes(65_535)]
    with pytest.raises(OversizeError):
        encode_bundle([bytes(65_536)])
