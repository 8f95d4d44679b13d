"""What holds for events that a person enters, beside what holds for all."""

from __future__ import annotations

from sqlalchemy import select

from traceability.errors import ConflictError, UnknownSubjectError
from traceability.identifiers import Kind, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.draft import Draft
from traceability.operations.node import Node
from traceability.store import models
from traceability.store.engine import Transaction
from traceability.supply.epcis.events import STEPS, begins


def check_typed(tx: Transaction, node: Node, draft: Draft, *, arrives: bool = False) -> None:
    """What a person enters is about batches that are here; one that is made here is new.

    Args:
        arrives: the person said that the lot is new here: receiving it begins what is known of it.

    Raises:
        UnknownSubjectError, ConflictError: it is not so.
    """
    if draft.move and draft.move.adds and draft.move.asset:
        length = select(models.Stream.length).where(models.Stream.hash == stream_hash(draft.move.asset))
        if not tx.connection.execute(length).scalar_one():
            raise UnknownSubjectError(
                f"no device was ever installed on {draft.move.asset}",
                remedy=f"Install one first: traceability install --device ID --on {draft.move.asset}",
            )
    for uri in draft.streams:
        if parse_stream(uri).kind is not Kind.BATCH:
            continue
        known = select(models.Batch.begun).where(models.Batch.stream == stream_hash(uri))
        begun = tx.connection.execute(known).scalar_one_or_none()
        if begins(draft.event, uri, node.name):
            if begun:
                raise ConflictError(f"{uri} was created before; choose another lot")
            if "ft:product" not in draft.event.get("ilmd", {}):
                raise ConflictError("the event that creates a batch names its product in ilmd")
        elif begun is None and not (arrives and draft.event.get("bizStep") == STEPS["receive"].biz_step):
            raise UnknownSubjectError(f"{uri} is not recorded here: create it with `traceability batch new`")
