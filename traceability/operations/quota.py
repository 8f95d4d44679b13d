"""How much a party may add to what others read: a quota of bytes for each party and stream.

A page and a proof carry everything that was recorded about a batch, and about the assets that it was in
meanwhile. So whoever names another's lot in enough large events would make its bundle larger than a
bundle may be, and nobody could check the lot any more.

    every party          ``QUOTA`` about a batch; about an asset ``ASSET_QUOTA`` in each ``PERIOD_MS``
    who began a batch    ``OWN_QUOTA`` about that batch
    a recall, a regulator    no limit: a warning is never kept out

Counted is what an event takes in a bundle, and only where it can matter: events of more than ``LARGE``,
and all events once a batch has ``SHORT`` records, an asset ``FEW``. What goes uncounted is at most that
many times ``LARGE`` of all parties together, and the database is asked about nothing else.

Who moves a batch into an asset brings the asset's events into its proof, also later ones: data that a
device held back make the part longer that the proof needs. So the move is counted as ``STAY`` bytes
beside its event, whatever stands there: with ``ASSET_QUOTA`` that bounds what one party makes of it.
It is counted where the batch has ``FEW`` records already, so that usual journeys ask for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from sqlalchemy import bindparam, select, update

from traceability.errors import QuotaError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.chain import Head
from traceability.operations.draft import Draft
from traceability.operations.export import others_named
from traceability.operations.node import Node
from traceability.operations.tokens import is_regulator
from traceability.store import models
from traceability.store.access import Spent
from traceability.store.engine import Transaction
from traceability.store.projections import Event
from traceability.store.rows import insert_new
from traceability.supply.epcis.events import begins
from traceability.supply.recall import MEMBER

QUOTA: Final = 8 * 1024 * 1024
OWN_QUOTA: Final = 24 * 1024 * 1024
ASSET_QUOTA: Final = 768 * 1024
STAY: Final = 256 * 1024
FEW: Final = 16
LARGE: Final = 16 * 1024
SHORT: Final = 128
PERIOD_MS: Final = 30 * 86_400_000
CHUNK: Final = 500
"""Rows that are asked for at a time."""
_RECORD: Final = 400
"""Bytes around an event in a bundle: time, type, salt, and its name among the disclosures."""


class Quota:
    """What one party spends in one transaction.

    Args:
        heads: of the streams that it may grow, locked by this transaction.
    """

    def __init__(self, tx: Transaction, node: Node, party: str, heads: Mapping[bytes, Head]) -> None:
        self._tx, self._node, self._party = tx, node, party
        self._lengths = {head.uri: head.count for head in heads.values()}
        self._taken: list[Draft] = []
        self._spent: dict[str, int] = {}
        self._changed: set[str] = set()
        self._own: dict[str, bool] = {}
        self._regulator: bool | None = None

    def spend(self, draft: Draft) -> None:
        """Count an event that is about to be recorded; one that is refused is not counted.

        Raises:
            QuotaError: with it the party would have recorded more about a stream than it may.
        """
        if counted := self._counted(draft):
            self._load([uri for uri in counted if uri not in self._spent])
            for uri, size in counted.items():
                if self._spent[uri] + size > (QUOTA if _lasting(uri) else ASSET_QUOTA):
                    self._check(draft, uri, size)
            for uri, size in counted.items():
                self._spent[uri] += size
            self._changed.update(counted)
        for uri in draft.streams:
            self._lengths[uri] += 1
        for uri in _entering(draft):
            self._lengths[uri] += 1  # its stay-open
        self._taken.append(draft)

    def keep(self) -> None:
        """Write what was spent, for the transactions that follow."""
        if not self._changed:
            return
        rows = [(self._key(uri), self._spent[uri]) for uri in self._changed]
        insert_new(self._tx, Spent, ({**key, "size": 0} for key, _ in rows))
        where = (getattr(Spent, name) == bindparam(f"of_{name}") for name in ("stream", "party", "period"))
        changes = [{f"of_{name}": key[name] for name in key} | {"now": size} for key, size in rows]
        self._tx.connection.execute(update(Spent).where(*where).values(size=bindparam("now")), changes)

    def _counted(self, draft: Draft) -> dict[str, int]:
        """The streams on which an event counts, and the bytes that count there."""
        if MEMBER in draft.event:
            return {}
        large = _size(draft, ()) > LARGE
        some = [uri for uri in draft.streams if parse_stream(uri).kind in {Kind.BATCH, Kind.ASSET}]
        some = [uri for uri in some if large or self._lengths[uri] >= (SHORT if _lasting(uri) else FEW)]
        counted = dict.fromkeys(some, size_of(draft, self._node.name)) if some else {}
        for uri in _entering(draft):
            if self._lengths[uri] >= FEW:
                counted[uri] = counted.get(uri, 0) + STAY
        return counted

    def _load(self, uris: Iterable[str]) -> None:
        """What the party spent before on these streams."""
        keys = {uri: self._key(uri) for uri in uris}
        wanted = [(key["stream"], key["period"]) for key in keys.values()]
        found: dict[tuple[object, object], int] = {}
        query = select(Spent.stream, Spent.period, Spent.size).where(Spent.party == self._party)
        for first in range(0, len(wanted), CHUNK):
            some = [stream for stream, _ in wanted[first : first + CHUNK]]
            rows = self._tx.connection.execute(query.where(Spent.stream.in_(some)))
            found |= {(row.stream, row.period): row.size for row in rows}
        self._spent |= {uri: found.get((key["stream"], key["period"]), 0) for uri, key in keys.items()}

    def _key(self, uri: str) -> dict[str, object]:
        period = 0 if _lasting(uri) else self._tx.now_ms // PERIOD_MS
        return {"stream": stream_hash(uri), "party": self._party, "period": period}

    def _check(self, draft: Draft, uri: str, size: int) -> None:
        """Refuse what is over the quota, unless this party may add more than others."""
        if self._regulator is None:
            self._regulator = is_regulator(self._tx.connection, self._node, self._party, self._tx.now_ms)
        limit = ASSET_QUOTA
        if _lasting(uri):
            limit = OWN_QUOTA if self._began(draft, uri) else QUOTA
        if self._regulator or self._spent[uri] + size <= limit:
            return
        stay = f", and a stay in an asset counts as {STAY:,}" if uri in _entering(draft) else ""
        raise QuotaError(
            f"{self._party} has recorded {self._spent[uri]:,} bytes about {uri}, and this event would take "
            f"{size:,} more in its proof: at most {limit:,} are taken from one party{stay}"
        )

    def _began(self, draft: Draft, uri: str) -> bool:
        """Whether the batch began with an event of this party, this one and those before it included."""
        if uri not in self._own:
            batch, event = models.Batch, Event
            began = select(event.party).join(batch, batch.statement == event.statement)
            began = began.where(batch.stream == stream_hash(uri), batch.begun.is_(True))
            party = self._tx.connection.execute(began).scalar_one_or_none()
            here = (each for each in (*self._taken, draft) if uri in each.streams)
            mine = party is None and any(begins(each.event, uri, self._node.name) for each in here)
            self._own[uri] = mine or party == self._party
        return self._own[uri]


def _lasting(uri: str) -> bool:
    """Whether what is spent on a stream is spent for good."""
    return parse_stream(uri).kind is Kind.BATCH


def _entering(draft: Draft) -> tuple[str, ...]:
    """The batches that an event moves into an asset."""
    return draft.move.batches if draft.move is not None and draft.move.adds else ()


def size_of(draft: Draft, node: str) -> int:
    """Bytes that an event takes in the bundle of one thing it names, if all of it is shown."""
    batch = next((uri for uri in draft.streams if begins(draft.event, uri, node)), draft.streams[0])
    return _size(draft, set(others_named(draft.event, batch, node)))


def _size(draft: Draft, others: Collection[object]) -> int:
    shown = (d for d in draft.issued.disclosures if d.path[1:3] not in others)
    texts = sum(len(d.text) + len('"",') for d in shown)
    return len(draft.issued.statement) * 4 // 3 + texts + _RECORD
