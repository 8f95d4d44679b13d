"""``batch`` and ``record``: what a party says about a batch, and what stands on its label."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection

from traceability.commands.verb import Answer, Opened, Verbs, add_group, add_verb, opened
from traceability.commands.where import add_where, where
from traceability.commands.words import (
    parse_date,
    parse_decimal,
    parse_milli,
    parse_moment,
    read_party,
)
from traceability.errors import ConflictError, StatementError
from traceability.identifiers import Batch, Kind, parse_gtin, parse_lot, parse_stream
from traceability.operations.lotdata import lot_data, temperature_data
from traceability.operations.numbers import known_batches, next_lot, next_own_gtin
from traceability.operations.record import record_event
from traceability.operations.steps import Asset, Entered, check_uom, event_of
from traceability.operations.stock import inside_of
from traceability.operations.tracecode import read_trace_code
from traceability.running.address import with_address
from traceability.sensing.profiles import PROFILES
from traceability.settings import WebSettings, load
from traceability.supply.epcis.events import STEPS
from traceability.supply.lineage import Amount
from traceability.supply.scanned import read_asset, read_batch
from traceability.supply.sheets.steps import read_part

BATCH_STEPS: Final = tuple(
    name
    for name, step in STEPS.items()
    if (step.type == "ObjectEvent" and step.action != "ADD") or step.type == "AggregationEvent"
)
"""The steps of a batch that exists; ``batch new``, ``install`` and ``remove`` record the others."""


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    batch = add_group(
        verbs,
        "batch",
        does="Make a batch, or print its label's trace code",
        example="traceability batch new --product-en Strawberries --product-zh 草莓 --low 0 --high 5",
    ).add_subparsers(metavar="WHAT", required=True)
    new = add_verb(
        batch,
        "new",
        _new,
        does="Record that a batch came to be, and print the address of its page",
        example="traceability batch new --product-en Strawberries --product-zh 草莓 --low 0 --high 5 "
        "--quantity 120 --uom KGM",
    )
    _add_what(new)
    new.add_argument(
        "--from",
        dest="parents",
        action="append",
        default=[],
        metavar="BATCH[=N[UNIT]]",
        help="made from this batch, and how much of it: GTIN/LOT=12.5KGM (again for each)",
    )
    _add_who_when_where(new)
    code = add_verb(
        batch,
        "code",
        _code,
        does="Print the trace code of a batch, for its label: who has it notices a rewritten chain",
        example="traceability batch code 02000000000015/20260501-1",
    )
    code.add_argument("batch", metavar="BATCH", help="GTIN/LOT, Digital Link path or URI")
    code.add_argument(
        "--at", type=int, metavar="N", help="as it was at N records (default: all that are published)"
    )
    record = add_verb(
        verbs,
        "record",
        _record,
        does="Record a step of a batch",
        example="traceability record load --batch 02000000000015/20260501-1 --asset TRUCK-7 --at now",
    )
    record.add_argument("step", metavar="STEP", choices=BATCH_STEPS, help=f"one of {', '.join(BATCH_STEPS)}")
    record.add_argument("--batch", required=True, metavar="BATCH", help="GTIN/LOT, Digital Link path or URI")
    record.add_argument(
        "--asset",
        help="where it goes in or comes out: own number, 8004/GIAI or URI (out: default where it is)",
    )
    _add_who_when_where(record)


def _add_what(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--product-en", required=True, metavar="TEXT", help="the product's name in English")
    verb.add_argument("--product-zh", required=True, metavar="TEXT", help="the product's name in Chinese")
    verb.add_argument("--gtin", help="the product's GTIN (default: the next free number of this node's own)")
    verb.add_argument("--lot", help="the lot code (default: the date and a running number)")
    verb.add_argument("--low", type=parse_milli, metavar="C", help="coldest allowed, degrees Celsius")
    verb.add_argument("--high", type=parse_milli, metavar="C", help="warmest allowed, degrees Celsius")
    verb.add_argument(
        "--max-gap", type=int, default=30, metavar="MIN", help="longest time between readings (default: 30)"
    )
    verb.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        metavar="KIND",
        help=f"what kind of product: gives its limits, and an estimate of its life ({', '.join(PROFILES)})",
    )
    verb.add_argument("--harvested", type=parse_date, metavar="DATE", help="if it began with a harvest: when")
    verb.add_argument("--best-before", type=parse_date, metavar="DATE", help="YYYY-MM-DD")
    verb.add_argument("--quantity", type=parse_decimal, metavar="N", help="how much it is")
    verb.add_argument("--uom", metavar="CODE", help="its unit, UN/ECE Rec. 20: KGM, LTR, ... (none: pieces)")


def _add_who_when_where(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--party", help="who says so: GLN, pseudonym or URI (default: the only party)")
    verb.add_argument(
        "--at", type=parse_moment, default="now", metavar="TIME", help="ISO 8601 with zone, or now"
    )
    add_where(verb)


def _new(args: argparse.Namespace) -> Answer:
    ilmd = lot_data(
        {"en": args.product_en, "zh": args.product_zh},
        temperature=_limits(args),
        harvested=args.harvested,
        best_before=args.best_before,
    )
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
            batch = _name_batch(connection, args)
        uri = batch.uri(here.node.name)
        parents = tuple(_parent(text, here.node.name) for text in args.parents)
        made = Amount(uri, args.quantity, check_uom(args.uom))
        step = "make" if parents else "harvest"
        entered = Entered(step, made, args.at.ms, inputs=parents, ilmd=ilmd)
        _, sha256 = _recorded(here, party, args, entered)
    page = load(WebSettings, with_address(os.environ)).base_url + batch.path
    return Answer(
        {"gtin": batch.gtin, "lot": batch.lot, "uri": uri, "page": page, "sha256": sha256.hex()},
        (f"batch {batch.gtin}/{batch.lot} of {args.product_en}", f"its page: {page}"),
    )


def _code(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        uri = read_batch(args.batch).uri(here.node.name)
        code = read_trace_code(connection, here.node, uri, here.store.clock(), args.at)
    return Answer({"code": code.text, "batch": uri, "count": code.count}, (code.text,))


def _record(args: argparse.Namespace) -> Answer:
    moves = STEPS[args.step].type == "AggregationEvent"
    with opened() as here:
        uri = read_batch(args.batch).uri(here.node.name)
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        asset = _asset(here, args, uri) if moves or args.asset is not None else None
        entered = Entered(args.step, Amount(uri), args.at.ms, asset=None if asset is None else Asset(asset))
        at, sha256 = _recorded(here, party, args, entered)
    where = f" ({asset})" if moves else ""
    return Answer(
        {"step": args.step, "batch": uri, "asset": asset, "at": at, "sha256": sha256.hex()},
        (f"recorded: {args.step} of {uri}{where} at {at}",),
    )


def _recorded(here: Opened, party: str, args: argparse.Namespace, entered: Entered) -> tuple[str, bytes]:
    """Record an entry at the place and in the zone of the arguments: its time, and SHA-256."""
    placed = replace(entered, offset=args.at.offset, where=where(args))
    event = event_of(placed, party)
    return event["eventTime"], record_event(here.store, here.node, party, event).sha256


def _name_batch(connection: Connection, args: argparse.Namespace) -> Batch:
    known = known_batches(connection)
    gtin = parse_gtin(args.gtin) if args.gtin else next_own_gtin(b.gtin for b in known)
    lot = (
        parse_lot(args.lot) if args.lot else next_lot(args.at.date, (b.lot for b in known if b.gtin == gtin))
    )
    return Batch(gtin, lot)


def _asset(here: Opened, args: argparse.Namespace, batch: str) -> str:
    """The asset that was named, or for a step out of one the asset that the batch is in."""
    if args.asset is not None:
        asset = read_asset(args.asset, here.node.name)
        if parse_stream(asset).kind is not Kind.ASSET:
            raise StatementError(f"{asset} is not an asset")
        return asset
    if STEPS[args.step].action == "ADD":
        raise StatementError(f"{args.step} needs --asset: what the batch goes into")
    with here.store.reading() as connection:
        inside = inside_of(connection, batch)
    if inside is None:
        raise ConflictError(f"{batch} is in no asset")
    return inside


def _limits(args: argparse.Namespace) -> dict[str, Any] | None:
    if (args.low is None) != (args.high is None):
        raise StatementError("--low and --high go together")
    return temperature_data(args.low, args.high, args.max_gap * 60, args.profile)


def _parent(text: str, node: str) -> Amount:
    """A batch and how much of it went in, as one word: ``09520001000102/L-1=12.5KGM``."""
    part = read_part(text)
    return Amount(part.batch.uri(node), part.quantity, part.uom)
