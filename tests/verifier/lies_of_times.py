"""What beacons name, proven more or less, and by a node whose log contradicts its own times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import select

from tests.support import forge
from tests.support.reallog import sizes, tiles_of
from tests.verifier.lies_of_nodes import Lie
from tests.verifier.stories import Told
from traceability import media
from traceability.ledger.state import parse_state_leaf
from traceability.ledger.tiles import ReadTile
from traceability.operations.log import read_tiles
from traceability.store import models
from traceability.verification.bundle import Bundle, encode_bundle, parse_bundle
from traceability.verification.timeline import Anchor, Timeline

MOVES_MS = (1, 599_000, 600_000, 601_000, 1_200_000, 1_201_000, 1_201_001, 1_202_000, 1_202_001)
"""Some of them around the times of the records and checkpoints before."""


def lies_of_times(told: Told) -> Iterator[Lie]:
    """By a name, what makes a bundle that proves less, proves it otherwise, or lies of a time."""
    tiles, ends = tiles_of(told.world), sizes(told.world)
    for word in ("closed", "opened", "packed", "packing"):
        bundle = parse_bundle(told.world.bundle(told.batches[word]))
        if bundle.times is None:
            raise AssertionError(f"nothing in {word} names a checkpoint")
        for where, times in (*_less(bundle.times), *_more(told, bundle, bundle.times)):
            yield f"{word} times: {where}", partial(_proven, told, bundle, times)
        for size in ends:
            log = tiles, size
            yield f"{word} on {size} leaves", partial(forge.sign, bundle, told.world.node, log=log)
    yield from _back_dated(told, tiles, ends[-2:])


def _less(times: Timeline) -> Iterator[tuple[str, Timeline]]:
    """Without some leaves or anchors, with others, in another order."""
    leaves, anchors = times.leaves, times.anchors
    for n in range(len(leaves)):
        fewer = leaves[:n] + leaves[n + 1 :]
        yield f"without leaf {n}", replace(times, leaves=fewer)
        yield f"without leaf {n} and its anchors", replace(times, leaves=fewer, anchors=())
    yield "leaves turned round", replace(times, leaves=leaves[::-1])
    yield "a leaf twice", replace(times, leaves=(*leaves, leaves[-1]))
    for n, anchor in enumerate(anchors):
        rest = anchors[:n] + anchors[n + 1 :]
        yield f"without anchor {n}", replace(times, anchors=rest)
        for change in ({"stream": anchor.stream + 1}, {"seq": anchor.seq + 1}, {"index": anchor.index + 1}):
            moved = (*anchors[:n], replace(anchor, **change), *anchors[n + 1 :])
            yield f"anchor {n} with {change}", replace(times, anchors=moved)
    yield "anchors turned round", replace(times, anchors=anchors[::-1])
    yield "an anchor of nothing", replace(times, anchors=(Anchor(99, 0, 0), *anchors))
    yield "no anchors", replace(times, anchors=())


def _more(told: Told, bundle: Bundle, times: Timeline) -> Iterator[tuple[str, Timeline]]:
    """With another anchor, of the first record or the last."""
    table, records = models.Record, bundle.streams[0].records()
    for record in (records[0], records[-1]):
        query = select(table.log_index).where(table.hash == record.hash)
        with told.world.store.reading() as connection:
            anchor = Anchor(0, record.seq, connection.execute(query).scalar_one() or 0)
        anchors = sorted({*times.anchors, anchor}, key=lambda a: a.index)
        yield f"record {record.seq} anchored too", replace(times, anchors=tuple(anchors))


def _proven(told: Told, bundle: Bundle, times: Timeline) -> bytes:
    """With the proof that this needs, as far as there can be one."""
    indexes = {parse_state_leaf(leaf).index for leaf in times.leaves} | {a.index for a in times.anchors}
    size = parse_state_leaf(bundle.state_leaf).index + 1
    with told.world.store.reading() as connection:
        proof = read_tiles(connection).history_proof(indexes, size) if indexes else []
    return encode_bundle(replace(bundle, times=replace(times, proof=tuple(proof))))


def _back_dated(told: Told, tiles: ReadTile, ends: Sequence[int]) -> Iterator[Lie]:
    """A frame whose record is older than it was, in a log that begins with the checkpoint it names."""
    bundle = parse_bundle(told.world.bundle(told.batches["packing"]))
    batch, *rest = bundle.streams
    node = told.world.node
    for n, link in enumerate(batch.links):
        if link.media_type != media.FRAME:
            continue
        for move_ms in MOVES_MS:
            earlier = replace(link, time_ms=link.time_ms - move_ms)
            links = (*batch.links[:n], earlier, *batch.links[n + 1 :])
            lie = forge.with_streams(bundle, replace(batch, links=links), *rest)
            for size in ends:
                yield (
                    f"record {n} {move_ms} ms earlier on {size}",
                    partial(forge.sign, lie, node, log=(tiles, size), time_ms=told.world.now_ms + 1),
                )
