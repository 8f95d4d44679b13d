"""A malicious node: it has the log key, changes what it likes, and signs a consistent whole again.

What it cannot forge are other people's signatures; what it must not get away with is in
``tests/attacks``. A forged log has one leaf, the state leaf: a verifier of one bundle sees no more.
Or it goes on from the beginning of a real one, so that the checkpoints which beacons name stay provable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from traceability import media
from traceability.ledger import note
from traceability.ledger.record import GENESIS
from traceability.ledger.state import Presence, StateLeaf, StateTree, parse_state_leaf, stream_hash
from traceability.ledger.stay import StayClose, StayOpen, parse_stay_amend, parse_stay_close, parse_stay_open
from traceability.ledger.tiles import ReadTile, Tiles
from traceability.operations.node import Node
from traceability.signing.keys import PrivateKey
from traceability.verification.bundle import Bundle, Link, Place, Stretch, encode_bundle
from traceability.verification.timeline import Timeline

PARSERS: dict[str, Callable[[bytes], StayOpen | StayClose]] = {
    media.STAY_OPEN: parse_stay_open,
    media.STAY_CLOSE: parse_stay_close,
    media.STAY_AMEND: parse_stay_amend,
}


def link(media_type: str, body: bytes, time_ms: int) -> Link:
    """A record's link for any statement."""
    return Link(time_ms, media_type, bytes(16), hashlib.sha256(body).digest(), body)


def withhold(shown: Link) -> Link:
    """The same record without its statement."""
    return replace(shown, statement=None)


def with_streams(bundle: Bundle, *streams: Stretch) -> Bundle:
    """The bundle with these streams; disclosures of statements that are gone go with them."""
    held = {item.sha256 for s in streams for item in s.links if item.statement is not None}
    kept = {sha256: texts for sha256, texts in bundle.disclosures.items() if sha256 in held}
    return replace(bundle, streams=streams, disclosures=kept)


def with_batch(bundle: Bundle, links: Sequence[Link]) -> Bundle:
    """The bundle with another history of its batch."""
    batch, *rest = bundle.streams
    return with_streams(bundle, replace(batch, links=tuple(links)), *rest)


def edit_stays(
    bundle: Bundle, change: Callable[[StayOpen | StayClose], StayOpen | StayClose | None]
) -> Bundle:
    """The bundle with every text of a stay changed (None withholds it)."""
    links = []
    for item in bundle.streams[0].links:
        if item.media_type not in PARSERS or item.statement is None:
            links.append(item)
            continue
        changed = change(PARSERS[item.media_type](item.statement))
        if changed is None:
            links.append(withhold(item))
        else:
            links.append(link(changed.MEDIA_TYPE, changed.encode(), item.time_ms))
    return with_batch(bundle, links)


def cut_asset(bundle: Bundle, number: int, first: int, end: int | None = None) -> Bundle:
    """The stretch of one asset begins at record ``first`` and ends before ``end``."""
    asset = bundle.streams[number]
    records = asset.records()
    prev = asset.prev if first == asset.first else records[first - asset.first - 1].hash
    last = None if end is None else end - asset.first
    cut = replace(asset, first=first, prev=prev, links=asset.links[first - asset.first : last])
    streams = list(bundle.streams)
    streams[number] = cut
    return with_streams(bundle, *streams)


def sign(
    bundle: Bundle,
    node: Node,
    *,
    key: PrivateKey | None = None,
    time_ms: int | None = None,
    follow: bool = True,
    log: tuple[ReadTile, int] = (lambda level, number: b"", 0),
) -> bytes:
    """Everything that the node itself signs or computes, made anew around the streams of a bundle.

    Heads in stay texts follow the asset's stretches as they are now, unless ``follow`` is
    false. Streams that had a place in the state get one again. Of times the checkpoints are proven
    that are in the beginning of ``log``, so many leaves of which stand before the new state leaf.
    """
    bundle = _heads(bundle) if follow else bundle
    heads = {}
    for stretch in bundle.streams:
        records = stretch.records()
        head = records[-1].hash if records else stretch.prev
        count = stretch.first + len(records)
        if stretch.place is not None and count:
            heads[stream_hash(stretch.uri)] = (count, head)
    tree = StateTree(heads)
    streams = tuple(
        replace(s, place=_place(tree, stream_hash(s.uri)) if s.place is not None else None)
        for s in bundle.streams
    )
    newest = max((item.time_ms for s in bundle.streams for item in s.links), default=0)
    read, size = log
    leaf = StateLeaf(size, tree.streams, tree.root, newest + 1 if time_ms is None else time_ms)
    changed, root = Tiles(read).append(size, [leaf.hash])
    grown = Tiles(lambda level, number: changed.get((level, number)) or read(level, number))
    text = note.Checkpoint(node.origin, size + 1, root).text()
    signed = note.Note(text, (note.sign_note(text, node.origin, key or node.log_key),)).encode()
    return encode_bundle(
        replace(
            bundle,
            streams=streams,
            checkpoint=signed,
            state_leaf=leaf.text(),
            state_proof=tuple(grown.inclusion_proof(size, size + 1)),
            times=_times(bundle.times, grown, size),
        )
    )


def _times(times: Timeline | None, log: Tiles, size: int) -> Timeline | None:
    ends = {parse_state_leaf(text).index: text for text in times.leaves} if times else {}
    ends = {index: text for index, text in ends.items() if index < size}
    if not ends:
        return None
    return Timeline(tuple(ends.values()), (), tuple(log.history_proof(ends, size + 1)))


def _place(tree: StateTree, name: bytes) -> Place:
    found = tree.prove(name)
    if not isinstance(found, Presence):
        return Place(0, 1, (), found.top_proof)
    return Place(found.index, found.bucket_size, found.bucket_proof, found.top_proof)


def _heads(bundle: Bundle) -> Bundle:
    """Write into each stay's texts the heads that its asset's stretch now gives."""
    assets = iter([s for s in bundle.streams[1:] if "/8004/" in s.uri])
    by_open: dict[int, Stretch] = {}
    links: list[Link] = []
    for seq, item in enumerate(bundle.streams[0].links):
        if item.media_type in PARSERS and item.statement is not None:
            stay = PARSERS[item.media_type](item.statement)
            if isinstance(stay, StayOpen):
                found = next(assets, None)
                if found is not None:
                    by_open[seq] = found
            else:
                found = by_open.get(stay.open_seq)
            if found is not None:
                stay = replace(stay, asset_head=_head_at(found, stay.asset_count, stay.asset_head))
                item = link(item.media_type, stay.encode(), item.time_ms)
        links.append(item)
    return with_batch(bundle, links)


def _head_at(stretch: Stretch, count: int, otherwise: bytes) -> bytes:
    known = {stretch.first: stretch.prev}
    known |= {record.seq + 1: record.hash for record in stretch.records()}
    return known.get(count, otherwise if count else GENESIS)
