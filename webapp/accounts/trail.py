"""``/trail``: who did what. A party's managers see what is theirs, administrators everything."""

from __future__ import annotations

import json
from typing import Final

from flask import Response, render_template, request

from traceability.ledger.record import format_time
from traceability.operations.accounts.roles import Right
from traceability.operations.accounts.trail import Entry, Wanted, list_actions, list_trail
from traceability.supply.csvtext import csv_text
from webapp.accounts.blueprint import accounts
from webapp.accounts.people import within
from webapp.accounts.trailwords import action_text, via_text
from webapp.api.access import store
from webapp.signedin import requires

ROWS: Final = 50
CSV_ROWS: Final = 10_000
_COLUMNS: Final = ("time", "who", "party", "via", "network", "action", "subject", "detail")


@accounts.get("/trail")
@requires(Right.PEOPLE)
def trail() -> str:
    """A page of the trail, the newest first."""
    with store().reading() as connection:
        found = list_trail(connection, _wanted(), ROWS + 1)
        actions = list_actions(connection)
    older = found[ROWS - 1].id if len(found) > ROWS else None
    asked = {name: request.args.get(name, "")[:256] for name in ("action", "subject", "who")}
    return render_template(
        "trail.html",
        entries=found[:ROWS],
        actions=sorted(((code, action_text(code)) for code in actions), key=lambda each: each[1]),
        asked=asked,
        older=older,
        action_text=action_text,
        via_text=via_text,
    )


@accounts.get("/trail.csv")
@requires(Right.PEOPLE)
def trail_csv() -> Response:
    """The same as a file."""
    with store().reading() as connection:
        found = list_trail(connection, _wanted(), CSV_ROWS)
    response = Response(csv_text(_COLUMNS, map(_cells, found)), content_type="text/csv; charset=utf-8")
    response.headers.set("Content-Disposition", "attachment", filename="trail.csv")
    return response


def _cells(entry: Entry) -> list[str]:
    detail = json.dumps(entry.detail, ensure_ascii=False) if entry.detail else ""
    who = (entry.login or "", entry.party or "", entry.via, entry.network or "")
    return [format_time(entry.at_ms), *who, entry.action, entry.named or entry.subject, detail]


def _wanted() -> Wanted:
    asked = request.args
    before = asked.get("before", "")
    return Wanted(
        party=within(),
        action=asked.get("action", "")[:40],
        subject=asked.get("subject", "").strip()[:512],
        login=asked.get("who", "").strip().casefold()[:254],
        before=int(before) if before.isascii() and before.isdecimal() and len(before) <= 18 else None,
    )
