"""What holds for events that a person enters, beside what holds for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import select

from traceability.errors import ConflictError, UnknownSubjectError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.draft import Draft
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.supply.epcis.events import STEPS, begins

CHUNK: Final = 500
"""Batches that are asked for at a time."""


class Typed:
    """The batches that drafts of one transaction are about, as they stand and as those taken leave them.

    They are read once for all drafts: asked one by one, they were most of what a long sheet took.
    """

    def __init__(self, tx: Transaction, node: Node, drafts: Sequence[Draft]) -> None:
        self._tx, self._node = tx, node
        keys = list(dict.fromkeys(stream_hash(uri) for draft in drafts for uri in _batches(draft)))
        self._begun = dict(self._read(keys))

    def check(self, draft: Draft, *, arrives: bool = False) -> None:
        """What a person enters is about batches that are here; one that is made here is new.

        Args:
            arrives: the person said that the lot is new here: receiving it begins what is known of it.

        Raises:
            UnknownSubjectError, ConflictError: it is not so.
        """
        if draft.move and draft.move.adds and draft.move.asset:
            self._require_measured(draft.move.asset)
        comes = arrives and draft.event.get("bizStep") == STEPS["receive"].biz_step
        for uri in _batches(draft):
            begun = self._begun.get(stream_hash(uri))
            if begins(draft.event, uri, self._node.name):
                if begun:
                    raise ConflictError(f"{uri} was created before; choose another lot")
                if "ft:product" not in draft.event.get("ilmd", {}):
                    raise ConflictError("the event that creates a batch names its product in ilmd")
            elif begun is None and not comes:
                raise UnknownSubjectError(
                    f"{uri} is not recorded here: create it with `traceability batch new`"
                )

    def take(self, draft: Draft) -> None:
        """Go by an event that will be recorded, for those behind it."""
        for uri in _batches(draft):
            key = stream_hash(uri)
            self._begun[key] = bool(self._begun.get(key)) or begins(draft.event, uri, self._node.name)

    def _require_measured(self, asset: str) -> None:
        length = select(models.Stream.length).where(models.Stream.hash == stream_hash(asset))
        if not self._tx.connection.execute(length).scalar_one():
            raise UnknownSubjectError(
                f"no device was ever installed on {asset}",
                remedy=f"Install one first: traceability install --device ID --on {asset}",
            )

    def _read(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
        table = models.Batch
        for first in range(0, len(keys), CHUNK):
            some = table.stream.in_(keys[first : first + CHUNK])
            for row in self._tx.connection.execute(select(table.stream, table.begun).where(some)):
                yield row.stream, row.begun


def _batches(draft: Draft) -> Iterable[str]:
    return (uri for uri in draft.streams if parse_stream(uri).kind is Kind.BATCH)
