"""Making a bundle of one batch, as of a published checkpoint, from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability import media
from traceability.errors import (
    LogConflictError,
    LostStatementError,
    NotPublishedError,
    UnknownSubjectError,
)
from traceability.identifiers import Kind, parse_stream, stream_of
from traceability.ledger.record import GENESIS
from traceability.ledger.state import Presence, stream_hash
from traceability.ledger.stay import StayOpen, parse_stay_amend, parse_stay_close, parse_stay_open
from traceability.operations.cosign import checkpoint_note
from traceability.operations.disclosures import all_disclosures
from traceability.operations.keptstate import kept_state
from traceability.operations.log import latest_checkpoint, lost_in, read_tiles, require_statement
from traceability.operations.node import Node
from traceability.operations.policies import released_all
from traceability.operations.timeline import prove_times
from traceability.sensing.frame import parse_statement
from traceability.signing import sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, Audience
from traceability.signing.keystatement import parse_key_statement
from traceability.store import models
from traceability.store.engine import AnyRow
from traceability.supply.epcis.events import begins
from traceability.verification.bundle import Bundle, Link, Place, Stretch

PUBLIC: Final = Audience.PUBLIC
_NAMING: Final = ("epcList", "quantityList", "childEPCs", "childQuantityList")
_INPUTS: Final = ("inputEPCList", "inputQuantityList")
_OUTPUTS: Final = ("outputEPCList", "outputQuantityList")


def export_bundle(
    connection: Connection, node: Node, batch: str, audience: Audience = PUBLIC, as_of: AnyRow | None = None
) -> Bundle:
    """The bundle of a batch.

    Args:
        connection: a snapshot (``Store.reading``).
        batch: URI of the batch's stream.
        as_of: the checkpoint that it shows; the newest if not given.

    Raises:
        UnknownSubjectError: no such batch on this node.
        LostStatementError: a statement that belongs in it was lost with a database.
        NotPublishedError: it is recorded, but no published checkpoint covers it yet.
        LogConflictError: the kept state is not the one that was signed, or holds a batch of which the
            store knows nothing: a batch that was taken out is not one that never was.
    """
    latest = as_of or latest_checkpoint(connection)
    key = stream_hash(batch)
    known = connection.execute(select(models.Batch.stream).where(models.Batch.stream == key)).first()
    if known is None and lost_in(connection, key):
        raise LostStatementError(f"what was recorded of {batch} was lost with a database")
    exporter = _Exporter(connection, node, batch, latest, audience) if latest is not None else None
    if exporter is None or not isinstance(exporter.tree.prove(key), Presence):
        if known is None:
            raise UnknownSubjectError(f"{batch} is not recorded on {node.name}")
        raise NotPublishedError(f"{batch} is recorded, but not yet in the log")
    if known is None:
        raise LogConflictError(f"{batch} is in the signed state, but the store does not know it")
    return exporter.bundle()


class _Exporter:
    """One export: what it has met so far decides which key streams it needs."""

    def __init__(
        self, connection: Connection, node: Node, batch: str, latest: AnyRow, audience: Audience
    ) -> None:
        self.connection, self.node, self.batch = connection, node, batch
        self.latest, self.audience = latest, audience
        self.tree = kept_state(connection, latest)
        self.disclosures: dict[bytes, tuple[str, ...]] = {}
        self.kids: set[bytes] = set()
        self.beacons: set[bytes] = set()
        self.places: list[list[tuple[int, int]]] = []

    def bundle(self) -> Bundle:
        subject = self._stretch(self.batch, 0, None)
        assets = self._assets(subject)
        times = prove_times(self.connection, self.beacons, self.places, self.latest.size)
        keys = self._key_streams()
        tiles = read_tiles(self.connection)
        return Bundle(
            subject=self.batch,
            audience=self.audience,
            checkpoint=checkpoint_note(self.connection, self.latest),
            state_leaf=self.latest.leaf.encode("ascii"),
            state_proof=tuple(tiles.inclusion_proof(self.latest.size - 1, self.latest.size)),
            streams=(subject, *assets, *keys),
            disclosures=self.disclosures,
            times=times,
        )

    def _assets(self, subject: Stretch) -> list[Stretch]:
        """The part of an asset's stream that each stay needs, by the published texts of the stays."""
        opened: dict[int, StayOpen] = {}
        ends: dict[int, int] = {}
        for seq, link in enumerate(subject.links):
            body = link.statement or b""
            if link.media_type == media.STAY_OPEN:
                opened[seq] = parse_stay_open(body)
            elif link.media_type in media.STAY_TEXTS:
                parse = parse_stay_close if link.media_type == media.STAY_CLOSE else parse_stay_amend
                closed = parse(body)
                ends[closed.open_seq] = closed.asset_count
        return [self._stretch(o.asset, o.asset_count, ends.get(seq)) for seq, o in opened.items()]

    def _stretch(self, uri: str, first: int, end: int | None) -> Stretch:
        """Records ``first`` to ``end``; up to the state, with its place there, where ``end`` is None."""
        name = stream_hash(uri)
        record = models.Record
        query = select(record, models.Statement.body).outerjoin(models.Statement)
        query = query.where(record.stream == name, record.seq >= first, record.log_index < self.latest.size)
        if end is not None:
            query = query.where(record.seq < end)
        rows = self.connection.execute(query.order_by(record.seq)).all()
        for row in rows:
            require_statement(row, uri)
        self._disclose([row for row in rows if row.media_type == media.EVENT])
        self._disclose_notices([row for row in rows if row.media_type == media.NOTICE])
        links = tuple(self._link(row) for row in rows)
        self.places.append([(row.seq, row.log_index) for row in rows])
        before = select(record.hash).where(record.stream == name, record.seq == first - 1)
        prev = self.connection.execute(before).scalar_one_or_none() or GENESIS
        return Stretch(uri, first, prev, links, self._place(name) if end is None else None)

    def _place(self, name: bytes) -> Place | None:
        found = self.tree.prove(name)
        if not isinstance(found, Presence):
            return None
        return Place(found.index, found.bucket_size, found.bucket_proof, found.top_proof)

    def _disclose(self, rows: Sequence[AnyRow]) -> None:
        """Add what the audience is shown of these events."""
        events = {
            row.statement: sdjwt.parse(row.body) for row in rows if row.statement not in self.disclosures
        }
        self.kids.update(statement.kid for statement in events.values())
        given = released_all(self.connection, events, self.audience)
        if self.audience is PUBLIC:
            given = {
                sha256: without_others(events[sha256], texts, self.batch, self.node.name)
                for sha256, texts in given.items()
            }
        self.disclosures.update(given)

    def _disclose_notices(self, rows: Sequence[AnyRow]) -> None:
        """Add what is left of these notices: what a party deposits, it shows to everybody."""
        self.kids.update(sdjwt.parse(row.body).kid for row in rows)
        given = all_disclosures(self.connection, [row.statement for row in rows])
        self.disclosures.update({statement: tuple(texts) for statement, texts in given.items()})

    def _link(self, row: AnyRow) -> Link:
        if row.media_type in media.DEVICE_STATEMENTS:
            said = parse_statement(row.body)
            self.kids.add(said.kid)
            self.beacons.update(() if said.beacon is None else (said.beacon,))
        return Link(row.time_ms, row.media_type, row.salt, row.statement, row.body)

    def _key_streams(self) -> list[Stretch]:
        """The key streams of all signers, and of the parties that vouch for the devices among them."""
        wanted: dict[str, Stretch] = {}
        pending = set(self.kids)
        while pending:
            query = select(models.Stream.uri).join(models.Key, models.Key.stream == models.Stream.hash)
            uris = self.connection.execute(query.where(models.Key.kid.in_(pending))).scalars().all()
            pending = set()
            for uri in uris:
                wanted[uri] = stretch = self._stretch(uri, 0, None)
                for link in stretch.links[:1]:  # the enrolment, which names a device's owner
                    owner = parse_key_statement(link.statement or b"").owner
                    found = select(models.Key.kid, models.Stream.uri).join(models.Stream)
                    row = self.connection.execute(found.where(models.Key.subject == owner)).first()
                    if row is not None and row.uri not in wanted:
                        pending.add(row.kid)
        return [wanted[uri] for uri in sorted(wanted)]


def without_others(statement: sdjwt.SdJwt, texts: tuple[str, ...], batch: str, node: str) -> tuple[str, ...]:
    """The disclosures without those of other things that the event names: there may be a thousand.

    What the batch was made from stays, and so do installed devices, as their readings are shown.
    The elements are all there, as what names a thing is never withheld nor erased. Assets stay as well:
    their own records are shown beside the batch's, and a record must name what it is about.

    Args:
        texts: of the statement, all those whose parents are among them.
        batch: URI of the batch's stream.
    """
    revealed = sdjwt.reveal(statement.payload, texts)
    event = revealed.claims.get(EVENT_CLAIM)
    if not isinstance(event, Mapping):
        return texts
    others = set(others_named(event, batch, node))
    left_out = {
        digest for digest, path in revealed.paths.items() if path[0] == EVENT_CLAIM and path[1:3] in others
    }
    return tuple(text for text in texts if sdjwt.digest_of(text) not in left_out)


def others_named(event: Mapping[str, Any], batch: str, node: str) -> Iterator[tuple[str, int]]:
    """Where an event names other things than the batch: the list, and the place in it."""
    lists = {*_NAMING, *_OUTPUTS} if begins(event, batch, node) else {*_NAMING, *_OUTPUTS, *_INPUTS}
    if event.get("type") == "AssociationEvent":
        lists.remove("childEPCs")
    for name in lists:
        named = event.get(name)
        for place, item in enumerate(named if isinstance(named, list) else ()):
            uri = item.get("epcClass") if isinstance(item, Mapping) else item
            stream = stream_of(uri, node) if isinstance(uri, str) else None
            if stream is None or (stream != batch and parse_stream(stream).kind is not Kind.ASSET):
                yield name, place
