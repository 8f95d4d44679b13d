"""Those whom a party can ship to and receive from: the others who are enrolled here."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, or_, select

from traceability.operations.names import MOST, party_names
from traceability.operations.node import Node
from traceability.operations.verifierfile import operator_of
from traceability.store import models


def partners_of(connection: Connection, node: Node, party: str) -> dict[str, Mapping[str, str]]:
    """Names by language, by URI, of all other parties; at most ``MOST``, in the order of their URIs."""
    key = models.Key.subject
    parties = or_(key.contains("/417/"), key.contains("/party/"))
    query = (
        select(key)
        .distinct()
        .where(parties, key.not_in([party, operator_of(node)]), models.Key.until_ms.is_(None))
    )
    return party_names(connection, connection.execute(query.order_by(key).limit(MOST)).scalars().all())
