"""``/regulator/places``, ``firms`` and ``devices``: what is known of one that a search found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import render_template, request

from traceability.operations.accounts.roles import Right
from traceability.operations.known import known_device, known_firm, known_place
from traceability.supply.tracing.labels import label_of
from webapp.api.access import node, store
from webapp.called import KINDS
from webapp.database import snapshot
from webapp.producer.words import happened
from webapp.regulator.batches import ALARMS, CALIBRATED
from webapp.regulator.blueprint import regulator
from webapp.regulator.tracing import page_of
from webapp.signedin import requires

LONGEST: Final = 512


@regulator.get("/places")
@requires(Right.TRACE)
def place() -> str:
    """One place, and which batches were there last."""
    found = known_place(snapshot(), request.args.get("thing", "")[:LONGEST])
    batches = [(each.uri, each.names, each.step, each.action, each.party, each.at_ms) for each in found.seen]
    return _page("place", found, batches)


@regulator.get("/firms")
@requires(Right.TRACE)
def firm() -> str:
    """One firm or authority, and what it recorded last."""
    found = known_firm(snapshot(), node(), request.args.get("party", "")[:LONGEST])
    batches = [(lot.uri, lot.names, lot.step, lot.action, "", lot.at_ms) for lot in found.lots]
    return _page("firm", found, batches)


@regulator.get("/devices/<device>")
@requires(Right.TRACE)
def device(device: str) -> str:
    """One device, and what it measured last."""
    return _page("device", known_device(snapshot(), node(), device, store().clock()), [])


def _page(kind: str, found: object, batches: Sequence[tuple[object, ...]]) -> str:
    return render_template(
        f"regulator/{kind}.html",
        found=found,
        batches=batches,
        happened=happened,
        page_of=page_of,
        label_of=label_of,
        kinds=KINDS,
        alarms=ALARMS,
        standings=CALIBRATED,
    )
