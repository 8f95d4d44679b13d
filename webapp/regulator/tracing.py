"""The trace page: what became of a thing or what it came from, as picture, table and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from flask import Response, render_template, request
from markupsafe import Markup

from traceability.errors import (
    IdentifierError,
    MalformedError,
    QueryTooLargeError,
    RefusedError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.operations.accounts.roles import Right
from traceability.operations.describe import describe
from traceability.operations.names import party_names, product_names
from traceability.operations.trace import trace as trace_things
from traceability.operations.tracerequest import Asked
from traceability.supply.tracing.balance import Verdict
from traceability.supply.tracing.labels import ThingKind, kind_of, label_of, product_of
from traceability.supply.tracing.picture import Words, render_svg
from traceability.supply.tracing.trace import Detail, Direction, Flag, Mode, Reached, Trace
from webapp.api.access import node
from webapp.api.epcis.exchange import taking
from webapp.api.epcis.resource import bounds
from webapp.api.traces import FORMATS, MAX_THINGS, content_type
from webapp.database import snapshot
from webapp.i18n import language, named, noted, translate
from webapp.regulator.blueprint import regulator
from webapp.signedin import requires

ROWS: Final = 500
"""Rows of the page's table; the files have all."""
LONGEST: Final = 40
"""Characters of a number in the table."""
_FILES: Final = {kind.rpartition("/")[2].removesuffix("+xml"): kind for kind in FORMATS}
"""Media types by the ends of file names: json, csv, graphml, svg."""
_LABELS: Final = {"json": "JSON", "csv": "CSV", "graphml": "GraphML", "svg": "SVG"}
_REFUSALS: Final[tuple[tuple[type[TraceabilityError], int, str], ...]] = (
    (UnknownSubjectError, 404, noted("No event on this node names this.")),
    (QueryTooLargeError, 413, noted("That is too much for one trace.")),
    (IdentifierError, 400, noted("That is not a valid identifier.")),
    (MalformedError, 400, noted("That cannot be traced.")),
    (RefusedError, 400, noted("That cannot be traced.")),
)
UTC: Final = Markup('<span class="zone">UTC</span>')
"""Where a script shows the reader's own zone, it says so here."""
Pages: TypeAlias = Callable[[str], str | None]
KINDS: Final = {
    ThingKind.BATCH: noted("batch"),
    ThingKind.ITEM: noted("item"),
    ThingKind.UNIT: noted("logistic unit"),
    ThingKind.ASSET: noted("asset"),
    ThingKind.PRODUCT: noted("product without a lot"),
    ThingKind.OTHER: noted("other"),
}
FLAGS: Final = {
    Flag.NO_ORIGIN: noted("no event says where it came from"),
    Flag.NO_LOT: noted("no lot was recorded"),
    Flag.NOT_RECEIVED: noted("shipped, and never received"),
    Flag.STOPPED: noted("not followed further"),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """What the address asks for."""

    thing: str = ""
    direction: Direction = Direction.FORWARD
    contact: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One thing in the table; what is not known is empty or None."""

    uri: str
    page: str | None
    name: str
    which: str
    kind: str
    depth: int
    carrying: bool
    quantity: str
    place: str
    party: str
    seen_ms: int | None
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of a trace.

    ``picture`` is SVG, in which everything that others wrote is escaped; ``wrong`` are time, out and in
    of processes that do not add up.
    """

    trace: Trace
    picture: str
    rows: tuple[Row, ...]
    wrong: tuple[tuple[int | None, str, str], ...]

    @property
    def more(self) -> int:
        """Things that only the files have."""
        return len(self.trace.walked.things) - len(self.rows)


@regulator.get("/trace")
@requires(Right.TRACE)
def trace() -> Response:
    """The form; and once something is asked for, the trace as a page or as a file."""
    typed = read_typed(request.args)
    if not typed.thing:
        return Response(_page(typed))
    try:
        found = find_trace(typed)
    except (MalformedError, RefusedError) as error:
        status, text = next((status, text) for root, status, text in _REFUSALS if isinstance(error, root))
        return Response(_page(typed, refused=text, detail=str(error)), status)
    file = request.args.get("file", "")
    return _file(found, file) if file in _FILES else Response(_page(typed, show_trace(found, page_of)))


def find_trace(typed: Typed) -> Trace:
    """The trace that is asked for, described.

    Raises:
        IdentifierError, UnknownSubjectError, QueryTooLargeError, QueryError: as ``operations.trace``.
    """
    asked = Asked([typed.thing], typed.direction, typed.contact, max_things=MAX_THINGS)
    with taking(bounds().documents, "documents and traces"):
        return describe(snapshot(), trace_things(snapshot(), node(), asked.request(node())))


def read_typed(given: Mapping[str, str]) -> Typed:
    """What an address or a link's options ask for; a direction that there is not is forward."""
    way = Direction.BACKWARD if given.get("direction") == Direction.BACKWARD else Direction.FORWARD
    return Typed(given.get("thing", "").strip()[:512], way, given.get("contact") == "1")


def _page(typed: Typed, shown: Shown | None = None, *, refused: str | None = None, detail: str = "") -> str:
    return render_template(
        "regulator/trace.html",
        typed=typed,
        shown=shown,
        refused=refused,
        detail=detail,
        directions=Direction,
        files=_LABELS,
        zone=UTC,
    )


def show_trace(found: Trace, page_of: Pages) -> Shown:
    """A trace as a page shows it; ``page_of`` says where a box and a row lead to."""
    things = found.walked.things[:ROWS]
    uris = [found.name(thing.id) for thing in things]
    holders = {detail.last_party for thing in things if (detail := found.details.get(thing.id))}
    products = {gtin: named(names) for gtin, names in product_names(snapshot(), uris).items()}
    parties = party_names(snapshot(), [party for party in holders if party is not None])
    called = {party: named(names) for party, names in parties.items()}
    unnamed = {uri: translate(KINDS[kind_of(uri)]) for uri in uris if product_of(uri) is None}
    words = Words(
        translate("Trace"), translate("+{} more"), translate("until"), translate("more came out than went in")
    )
    picture = render_svg(found, names=products | unnamed, page_of=page_of, words=words)
    rows = tuple(_row(found, thing, products, called, page_of(found.name(thing.id))) for thing in things)
    return Shown(found, picture, rows, tuple(_wrong(found)))


def _row(
    found: Trace, thing: Reached, products: Mapping[str, str], parties: Mapping[str, str], page: str | None
) -> Row:
    uri, detail = found.name(thing.id), found.details.get(thing.id, Detail())
    product, (_, which) = product_of(uri), label_of(uri, LONGEST)
    return Row(
        uri,
        page,
        products.get(product or "") or (f"GTIN {product}" if product else ""),
        "" if kind_of(uri) is ThingKind.PRODUCT else which,
        KINDS[kind_of(uri)],
        thing.depth,
        thing.mode is Mode.CARRYING,
        f"{detail.quantity} {detail.uom or ''}".strip() if detail.quantity else "",
        detail.last_place or "",
        parties.get(detail.last_party or "") or detail.last_party or "",
        detail.last_ms,
        tuple(FLAGS[flag] for flag in detail.flags),
    )


def _wrong(found: Trace) -> list[tuple[int | None, str, str]]:
    """Processes from which more came than went in: time, out, in."""
    return [
        (process.at_ms, f"{each.amount_out:f} {each.unit}", f"{each.amount_in:f} {each.unit}")
        for process in found.walked.processes
        for each in found.balances.get(process.id, ())
        if each.verdict is Verdict.MORE_OUT
    ]


def page_of(uri: str) -> str | None:
    """The page of a batch for authorities."""
    if kind_of(uri) is not ThingKind.BATCH:
        return None
    return f"{regulator.url_prefix}/batches{urlsplit(uri).path}?lang={language()}"


def public_page_of(uri: str) -> str | None:
    """The page of a batch for everybody."""
    return f"{urlsplit(uri).path}?lang={language()}" if kind_of(uri) is ThingKind.BATCH else None


def _file(found: Trace, ending: str) -> Response:
    kind = _FILES[ending]
    response = Response(FORMATS[kind](found), content_type=content_type(kind))
    response.headers.set("Content-Disposition", "attachment", filename=f"trace.{ending}")
    return response
