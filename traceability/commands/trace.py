"""``trace``: what became of something, or what it came from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from traceability.commands.files import format_of, write_file
from traceability.commands.verb import Answer, Verbs, add_verb, opened, progress
from traceability.commands.words import parse_moment
from traceability.operations.describe import describe
from traceability.operations.log import streams_with_lost_events
from traceability.operations.names import Called, called_in
from traceability.operations.trace import trace
from traceability.operations.tracerequest import Asked
from traceability.supply.tracing.balance import Verdict
from traceability.supply.tracing.picture import render_svg
from traceability.supply.tracing.tables import lines, render_csv, render_graphml, to_json
from traceability.supply.tracing.trace import MAX_DEPTH, Direction, Trace


def add(verbs: Verbs) -> None:
    """Add this verb to the command line."""
    verb = add_verb(
        verbs,
        "trace",
        _trace,
        does="Trace what became of something, or what it came from",
        example="traceability trace 09520000000011/A --forward --out trace.svg",
    )
    verb.add_argument("things", nargs="*", metavar="BATCH", help="GTIN/LOT, Digital Link path, URI or URN")
    way = verb.add_mutually_exclusive_group(required=True)
    for direction, does in (
        ("forward", "to all that it became part of"),
        ("backward", "to all it came from"),
    ):
        way.add_argument(
            f"--{direction}", dest="direction", action="store_const", const=Direction(direction), help=does
        )
    verb.add_argument("--contact", action="store_true", help="also to what was packed with it at one time")
    verb.add_argument(
        "--depth", type=int, default=MAX_DEPTH, metavar="N", help="so many processes and packings at most"
    )
    verb.add_argument("--from", dest="start", type=parse_moment, metavar="TIME", help="nothing before that")
    verb.add_argument("--to", dest="end", type=parse_moment, metavar="TIME", help="nothing after that")
    where = verb.add_mutually_exclusive_group()
    where.add_argument("--place", metavar="GLN", help="all that was there from --from to --to; or its URI")
    where.add_argument("--party", metavar="GLN", help="all that was in its hands then; or its URI")
    verb.add_argument(
        "--stop-at",
        action="append",
        default=[],
        metavar="STEP|PLACE|PARTY",
        help="not further than there: a CBV business step, a GLN or a URI (again for each)",
    )
    verb.add_argument("--format", choices=[*_FORMATS], help="default: what --out ends with, or table")
    verb.add_argument("--out", type=Path, metavar="FILE", help="write it there")


def _trace(args: argparse.Namespace) -> Answer:
    kind = format_of(args.format, args.out, _ENDINGS) or "table"
    with opened() as here:
        request = _asked(args).request(here.node)
        progress("tracing")
        with here.store.reading() as connection:
            found = describe(connection, trace(connection, here.node, request))
            called, unread = called_in(connection, found), streams_with_lost_events(connection)
    data = to_json(found) | ({"lost": list(unread)} if unread else {})
    text = _FORMATS[kind](found, called).removesuffix("\n")
    if unread and kind == "table":
        text += f"\n! events were lost with a database, of {', '.join(unread)}: what they link is not known"
    if args.out is None:
        return Answer(data, (text,))
    write_file(args.out, text + "\n")
    return Answer(data, (f"wrote {args.out}: {_count(found)}",))


def _asked(args: argparse.Namespace) -> Asked:
    return Asked(
        args.things,
        args.direction,
        args.contact,
        args.depth,
        args.start and args.start.ms,
        args.end and args.end.ms,
        args.place,
        args.party,
        args.stop_at,
    )


def table(found: Trace, called: Called) -> Iterator[str]:
    """A trace for people: a line a thing, indented by depth; then what does not add up."""
    yield _count(found)
    for line in lines(found):
        amount = f"{line.quantity} {line.unit}".strip()
        told = [
            line.uri,
            line.kind,
            amount,
            line.last_place or called.party(line.last_party),
            line.flags and f"! {line.flags}",
        ]
        yield "  " * (int(line.depth) + 1) + "  ".join(part for part in told if part)
    for process in found.walked.processes:
        for each in found.balances.get(process.id, ()):
            if each.verdict is Verdict.MORE_OUT:
                sides = f"{each.amount_out:f} {each.unit} out, {each.amount_in:f} in"
                yield f"! {each.verdict}: {found.name(process.id)}: {sides}"
    for group in found.cycles:
        yield f"! became part of one another: {', '.join(group)}"


def _count(found: Trace) -> str:
    cut = f"; cut at the limit of {found.walked.cut}" if found.walked.cut else ""
    return (
        f"{found.direction}: {len(found.walked.things)} things, {len(found.walked.processes)} processes{cut}"
    )


_FORMATS: Final[Mapping[str, Callable[[Trace, Called], str]]] = {
    "table": lambda found, called: "\n".join(table(found, called)),
    "json": lambda found, _: json.dumps(to_json(found), ensure_ascii=False, indent=2),
    "csv": lambda found, _: render_csv(found),
    "graphml": lambda found, _: render_graphml(found),
    "svg": lambda found, called: render_svg(found, names=called.products),
}
_ENDINGS: Final = {"txt": "table"} | {name: name for name in _FORMATS if name != "table"}
"""Of file names, with the formats that they promise."""
