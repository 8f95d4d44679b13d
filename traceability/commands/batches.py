"""``batch`` and ``record``: what a party says about a batch, and what stands on its label."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from traceability.commands.verb import Answer, Opened, Verbs, add_group, add_verb, opened
from traceability.commands.words import (
    parse_date,
    parse_decimal,
    parse_milli,
    parse_moment,
    read_asset,
    read_batch,
    read_party,
)
from traceability.errors import ConflictError, StatementError
from traceability.identifiers import Batch, Kind, check_digit, parse_gtin, parse_lot, parse_stream
from traceability.ledger.state import stream_hash
from traceability.operations.record import make_event, record_event
from traceability.operations.tracecode import read_trace_code
from traceability.running.address import with_address
from traceability.sensing.profiles import PROFILES
from traceability.settings import WebSettings, load
from traceability.store import models
from traceability.supply.epcis import units
from traceability.supply.epcis.events import STEPS

BATCH_STEPS: Final = tuple(
    name
    for name, step in STEPS.items()
    if (step.type, step.action) == ("ObjectEvent", "OBSERVE") or step.type == "AggregationEvent"
)
"""The steps of a batch that exists; ``batch new``, ``install`` and ``remove`` record the others."""

_PARENT: Final = re.compile(r"(.+)=([0-9]{1,12}(?:\.[0-9]{1,6})?)([A-Za-z0-9]*)")

_UOM_REMEDY: Final = "Codes have capitals: KGM kilogram, GRM gram, TNE tonne, LTR litre; none means pieces."

OWN_GTINS: Final = range(20, 30)
"""GS1 prefixes of restricted circulation that a node numbers products from, without asking GS1."""


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
    verb.add_argument("--region-en", metavar="TEXT", help="where, as coarse as the public may know")
    verb.add_argument("--region-zh", metavar="TEXT", help="the same in Chinese")


def _new(args: argparse.Namespace) -> Answer:
    ilmd = {
        "ft:product": {"en": args.product_en, "zh": args.product_zh},
        "ft:temperature": _limits(args),
        "cbvmda:harvestStartDate": args.harvested,
        "cbvmda:bestBeforeDate": args.best_before,
    }
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
            batch = _name_batch(connection, here.node.name, args)
        uri = batch.uri(here.node.name)
        made = [_amount(uri, args.quantity, args.uom)]
        parents = [_parent(text, here.node.name) for text in args.parents]
        lists = {"quantityList": made}
        if parents:
            lists = {"inputQuantityList": parents, "outputQuantityList": made}
        event = make_event(
            "make" if parents else "harvest",
            args.at.ms,
            offset=args.at.offset,
            ilmd=_present(ilmd),
            **lists,
            **_region(args),
        )
        recorded = record_event(here.store, here.node, party, event)
    page = load(WebSettings, with_address(os.environ)).base_url + batch.path
    return Answer(
        {"gtin": batch.gtin, "lot": batch.lot, "uri": uri, "page": page, "sha256": recorded.sha256.hex()},
        (f"batch {batch.gtin}/{batch.lot} of {args.product_en}", f"its page: {page}"),
    )


def _code(args: argparse.Namespace) -> Answer:
    with opened() as here, here.store.reading() as connection:
        uri = read_batch(args.batch).uri(here.node.name)
        code = read_trace_code(connection, here.node, uri, here.store.clock(), args.at)
    return Answer({"code": code.text, "batch": uri, "count": code.count}, (code.text,))


def _record(args: argparse.Namespace) -> Answer:
    kind = STEPS[args.step]
    moves = kind.type == "AggregationEvent"
    if args.asset is not None and not moves:
        raise StatementError(f"{args.step} does not name an asset: load and store do, unload and retrieve")
    with opened() as here:
        uri = read_batch(args.batch).uri(here.node.name)
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        named: dict[str, Any] = {"quantityList": [{"epcClass": uri}]}
        if moves:
            asset = _asset(here, args, uri)
            named = {"parentID": asset, "childQuantityList": [{"epcClass": uri}]}
        event = make_event(args.step, args.at.ms, offset=args.at.offset, **named, **_region(args))
        recorded = record_event(here.store, here.node, party, event)
    where = f" ({named['parentID']})" if moves else ""
    return Answer(
        {
            "step": args.step,
            "batch": uri,
            "asset": named.get("parentID"),
            "at": event["eventTime"],
            "sha256": recorded.sha256.hex(),
        },
        (f"recorded: {args.step} of {uri}{where} at {event['eventTime']}",),
    )


def next_own_gtin(taken: Iterable[str]) -> str:
    """The next free restricted-circulation GTIN-14 behind those in use.

    Source: GS1 General Specifications 1.4.5: prefixes 20 to 29 are for numbers that are
    unique inside one organisation only.
    """
    own = [int(gtin[1:13]) for gtin in taken if gtin[0] == "0" and int(gtin[1:3]) in OWN_GTINS]
    number = max(own, default=OWN_GTINS.start * 10**10) + 1
    if number >= OWN_GTINS.stop * 10**10:
        raise ConflictError("all numbers of this node's own are used up: give one with --gtin")
    return f"0{number}{check_digit(f'0{number}')}"


def next_lot(day: date, taken: Iterable[str]) -> str:
    """The date and the next running number of that day: ``20260501-1``."""
    prefix = f"{day:%Y%m%d}-"
    tails = (lot.removeprefix(prefix) for lot in taken if lot.startswith(prefix))
    return f"{prefix}{max((int(t) for t in tails if t.isdecimal() and t.isascii()), default=0) + 1}"


def _name_batch(connection: Connection, node: str, args: argparse.Namespace) -> Batch:
    query = select(models.Stream.uri).join(models.Batch, models.Batch.stream == models.Stream.hash)
    known = [parse_stream(uri).batch for uri in connection.execute(query).scalars()]
    gtin = parse_gtin(args.gtin) if args.gtin else next_own_gtin(b.gtin for b in known)
    lot = (
        parse_lot(args.lot) if args.lot else next_lot(args.at.date, (b.lot for b in known if b.gtin == gtin))
    )
    return Batch(gtin, lot)


def _asset(here: Opened, args: argparse.Namespace, batch: str) -> str:
    """The asset that was named, or for a step out of one the asset that the batch is in."""
    if args.asset is not None:
        asset = read_asset(here.node, args.asset)
        if parse_stream(asset).kind is not Kind.ASSET:
            raise StatementError(f"{asset} is not an asset")
        return asset
    if STEPS[args.step].action == "ADD":
        raise StatementError(f"{args.step} needs --asset: what the batch goes into")
    query = (
        select(models.Stream.uri)
        .join(models.Stay, models.Stay.asset == models.Stream.hash)
        .where(models.Stay.batch == stream_hash(batch), models.Stay.left_ms.is_(None))
    )
    with here.store.reading() as connection:
        inside = connection.execute(query).scalar_one_or_none()
    if inside is None:
        raise ConflictError(f"{batch} is in no asset")
    return inside


def _limits(args: argparse.Namespace) -> dict[str, Any] | None:
    if (args.low is None) != (args.high is None):
        raise StatementError("--low and --high go together")
    profile = PROFILES.get(args.profile)
    if args.low is None and profile is None:
        return None
    low, high = args.low, args.high
    if low is None and profile is not None:
        low, high = profile.low_milli_c, profile.high_milli_c
    limits = {"lowMilliCelsius": low, "highMilliCelsius": high, "maxGapSeconds": args.max_gap * 60}
    return limits if profile is None else limits | {"profile": args.profile}


def _region(args: argparse.Namespace) -> dict[str, Any]:
    if (args.region_en is None) != (args.region_zh is None):
        raise StatementError("--region-en and --region-zh go together")
    return {} if args.region_en is None else {"ft:region": {"en": args.region_en, "zh": args.region_zh}}


def _parent(text: str, node: str) -> dict[str, Any]:
    """A batch and how much of it went in, as one word: ``09520001000102/L-1=12.5KGM``."""
    if "=" not in text:
        return _amount(read_batch(text).uri(node), None, None)
    found = _PARENT.fullmatch(text)
    if found is None:
        raise StatementError(
            f"--from {text[:128]!r}: behind = stands how much of it, such as 12.5KGM",
            remedy="If = belongs to the lot, give its path: /01/GTIN/10/LOT, with %3D for =.",
        )
    return _amount(read_batch(found[1]).uri(node), Decimal(found[2]), found[3] or None)


def _amount(uri: str, quantity: Decimal | None, uom: str | None) -> dict[str, Any]:
    if uom is not None and not units.known(uom):
        raise StatementError(f"{uom[:16]!r} is not {units.wanted(uom)}", remedy=_UOM_REMEDY)
    return _present({"epcClass": uri, "quantity": _plain(quantity), "uom": uom})


def _plain(number: Any) -> Any:
    """A whole number as int: 120 and 120.0 are written alike."""
    return int(number) if number is not None and number == int(number) else number


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
