"""The first page: what to do next, the newest batches, open alarms."""

from __future__ import annotations

from typing import Final

from flask import Response, render_template

from traceability.operations.accounts.roles import Right
from traceability.operations.lots import Wanted, list_lots
from traceability.operations.masterdata import Place, Product, list_items
from traceability.operations.ownalarms import count_open
from traceability.operations.recalling.notices import notices_to
from webapp import http
from webapp.database import snapshot
from webapp.producer.blueprint import console, own_party
from webapp.producer.words import happened
from webapp.signedin import requires, visitor

NEWEST: Final = 5


@console.get("/console")
@requires(Right.READ)
def home() -> str:
    """What waits, and what to do first where there is nothing yet."""
    http.allow_fetching()
    party, connection = own_party(), snapshot()
    there = {
        "product": bool(list_items(connection, party, Product, limit=1)),
        "place": bool(list_items(connection, party, Place, limit=1)),
    }
    lots = list_lots(connection, party, Wanted(), NEWEST)
    alarms = count_open(connection, party)
    waiting = sum(each.acknowledged_ms is None for each in notices_to(connection, party))
    return render_template(
        "producer/home.html",
        there=there,
        lots=lots,
        alarms=alarms,
        waiting=waiting,
        happened=happened,
        rights=visitor().rights,
    )


@console.get("/console/here")
@requires(Right.RECORD)
def here() -> Response:
    """That there is a connection, and somebody who may record."""
    return Response(status=204)
