"""``fsma``: the records of the US traceability rule as a sortable spreadsheet, and descriptions for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from traceability.commands.files import format_of, write_file
from traceability.commands.verb import Answer, Verbs, add_group, add_verb, opened, progress
from traceability.commands.words import parse_moment, read_party
from traceability.errors import StatementError
from traceability.identifiers import parse_gtin, place_uri
from traceability.operations.events import Reader
from traceability.operations.fsma import Asked, find_records
from traceability.operations.fsmaevents import MASTER_DATA
from traceability.operations.record import record_event
from traceability.operations.tracerequest import read_thing
from traceability.supply.epcis.events import CONTEXT, format_event_time
from traceability.supply.fsma.tables import (
    Records,
    glossary,
    render_csv,
    render_json,
    summary,
    to_json,
)
from traceability.supply.fsma.workbook import render_xlsx
from traceability.supply.tracing.trace import Direction

_LOT: Final = "09520000000011/A"
_FORMATS: Final[Mapping[str, Callable[[Records, str], bytes | str]]] = {
    "xlsx": render_xlsx,
    "csv": render_csv,
    "json": lambda found, _: render_json(found) + "\n",
}
_ENDINGS: Final = {name: name for name in _FORMATS}


def add(verbs: Verbs) -> None:
    """Add these verbs to the command line."""
    fsma = add_group(
        verbs,
        "fsma",
        does="Records of the US food traceability rule (21 CFR 1 subpart S)",
        example=f"traceability fsma records {_LOT} --out records.xlsx",
    ).add_subparsers(metavar="WHAT", required=True)
    _add_records(fsma)
    describe = add_verb(
        fsma,
        "describe",
        _describe,
        does="Describe a place, party or product, as a signed event: name, phone, address, packaging",
        example="traceability fsma describe 9520001000010 name='Green Farm' telephone=+86-872-5550100 "
        "streetAddressOne='1 Lake Road' city=Dali countryCode=CN",
    )
    describe.add_argument("subject", metavar="GLN|GTIN|URI", help="what is described")
    describe.add_argument(
        "attributes", nargs="+", metavar="NAME=TEXT", help="attributes of the CBV or the GS1 Web Vocabulary"
    )
    describe.add_argument("--party", help="who says so: GLN, pseudonym or URI (default: the only party)")
    describe.add_argument("--at", type=parse_moment, default="now", metavar="TIME", help="since when")
    add_verb(
        fsma,
        "glossary",
        _glossary,
        does="Print the columns of the spreadsheet with their meaning and paragraphs",
        example="traceability fsma glossary",
    )


def _add_records(fsma: Verbs) -> None:
    verb = add_verb(
        fsma,
        "records",
        _records,
        does="Write the sortable spreadsheet of lots and foods, and say what is missing by event",
        example=f"traceability fsma records {_LOT} --backward --out records.xlsx",
    )
    verb.add_argument("lots", nargs="*", metavar="LOT", help="GTIN/LOT, Digital Link path, URI or URN")
    verb.add_argument(
        "--food", action="append", default=[], metavar="GTIN", help="every lot of it (again for each)"
    )
    for direction, does in (
        (Direction.FORWARD, "of the lots became"),
        (Direction.BACKWARD, "the lots came from"),
    ):
        verb.add_argument(
            f"--{direction}",
            dest="directions",
            action="append_const",
            const=direction,
            default=[],
            help=f"also all that {does}",
        )
    verb.add_argument("--from", dest="start", type=parse_moment, metavar="TIME", help="events since then")
    verb.add_argument("--to", dest="end", type=parse_moment, metavar="TIME", help="events until then")
    verb.add_argument("--as", dest="reader", metavar="PARTY", help="as this party sees it (default: all)")
    verb.add_argument("--language", choices=("en", "zh"), default="en", help="of heads and names")
    verb.add_argument("--format", choices=[*_FORMATS], help="default: what --out ends with")
    verb.add_argument("--out", type=Path, metavar="FILE", help="write it there")


def _records(args: argparse.Namespace) -> Answer:
    kind = format_of(args.format, args.out, _ENDINGS)
    asked = Asked(
        args.lots,
        args.food,
        args.directions,
        args.start and args.start.ms,
        args.end and args.end.ms,
        args.language,
    )
    with opened() as here, here.store.reading() as connection:
        reader = Reader(regulator=True)
        if args.reader is not None:
            reader = Reader(read_party(connection, here.node, args.reader))
        progress("collecting records")
        found = find_records(connection, here.node, asked, reader)
    lines = tuple(summary(found))
    if args.out is not None:
        write_file(args.out, _FORMATS[kind or "json"](found, args.language))
        lines = (f"wrote {args.out}", *lines)
    elif kind in {"csv", "json"}:
        lines = (str(_FORMATS[kind](found, args.language)).removesuffix("\n"),)
    elif kind is not None:
        raise StatementError("a workbook is no text: say where it goes with --out FILE.xlsx")
    return Answer(to_json(found), lines)


def _describe(args: argparse.Namespace) -> Answer:
    given = dict(text.partition("=")[::2] for text in args.attributes)
    if not all(name and text for name, text in given.items()):
        raise StatementError("an attribute is written NAME=TEXT, such as city=Dali")
    with opened() as here:
        with here.store.reading() as connection:
            party = read_party(connection, here.node, args.party)
        number = args.subject if args.subject.isascii() and args.subject.isdecimal() else ""
        if len(number) == 13:
            uri = place_uri(number, here.node.name)
        else:
            uri = read_thing(here.node, f"/01/{parse_gtin(number)}" if number else args.subject)
        event = {
            "@context": CONTEXT,
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "eventTime": format_event_time(args.at.ms, args.at.offset),
            "eventTimeZoneOffset": args.at.offset,
            **({"quantityList": [{"epcClass": uri}]} if "/01/" in uri else {"epcList": [uri]}),
            MASTER_DATA: given,
        }
        recorded = record_event(here.store, here.node, party, event)
    return Answer({"uri": uri, "sha256": recorded.sha256.hex()}, (f"described {uri}",))


def _glossary(_: argparse.Namespace) -> Answer:
    words = glossary(())
    rows = [dict(zip(("word", "zh", "meaning", "paragraphs"), row, strict=True)) for row in words.rows]
    return Answer({"glossary": rows}, tuple("  ".join(filter(None, row)) for row in words.rows))
