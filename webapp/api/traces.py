"""``/trace``: what became of something, or what it came from, for regulators."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Response, request
from flask_smorest import Blueprint

from traceability.errors import QueryError, StatementError
from traceability.operations.describe import describe as describe_trace
from traceability.operations.fsma import Asked as AskedRecords
from traceability.operations.fsma import find_records
from traceability.operations.trace import trace
from traceability.operations.tracerequest import Asked
from traceability.supply.epcis.events import event_time_ms
from traceability.supply.fsma.tables import Records, render_json
from traceability.supply.fsma.tables import render_csv as render_records
from traceability.supply.fsma.workbook import render_xlsx
from traceability.supply.tracing.picture import render_svg
from traceability.supply.tracing.tables import render_csv, render_graphml, to_json
from traceability.supply.tracing.trace import MAX_DEPTH, Direction, Trace
from webapp.api.access import node, regulator
from webapp.api.epcis.describing import Answer, describe
from webapp.api.epcis.exchange import media_type, taking
from webapp.api.epcis.resource import Resource, bounds
from webapp.database import snapshot
from webapp.signedin import bearer

PREFIX: Final = "/trace"
MAX_THINGS: Final = 100_000
"""Of one answer."""
FORMATS: Final[Mapping[str, Callable[[Trace], str]]] = {
    "application/json": lambda found: json.dumps(to_json(found), ensure_ascii=False),
    "text/csv": render_csv,
    "application/graphml+xml": render_graphml,
    "image/svg+xml": render_svg,
}
"""By media type; the first where the client does not care."""
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
_LIST: Final = {"type": "array", "items": _TEXT}
_PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "thing": _LIST,
    "direction": {"type": "string", "enum": list(Direction), "default": "forward"},
    "contact": {"type": "boolean", "default": False},
    "depth": {"type": "integer", "minimum": 0, "maximum": MAX_DEPTH},
    "from": _TIME,
    "to": _TIME,
    "place": _TEXT,
    "party": _TEXT,
    "stopAt": _LIST,
}
_ASKED: Final[Mapping[str, Mapping[str, Any]]] = {
    "thing": _LIST,
    "food": _LIST,
    "from": _TIME,
    "to": _TIME,
    "language": {"type": "string", "enum": ["en", "zh"], "default": "en"},
}
RECORDS: Final[Mapping[str, Callable[[Records, str], str | bytes]]] = {
    "application/json": lambda found, _: render_json(found),
    "text/csv": render_records,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": render_xlsx,
}
"""The same for the records of the traceability rule."""
traces: Final = Blueprint("traces", __name__, url_prefix=PREFIX, description="Forward and backward trace")


@traces.route("", tags=["Trace"])
@bearer
class Traces(Resource):
    """Traces."""

    kinds = tuple(FORMATS)

    @describe(
        {200: Answer("Things, processes, and what went where.", "Trace", kinds=tuple(FORMATS))},
        refuses=(404, 413),
        asks=[{"name": name, "in": "query", "schema": schema} for name, schema in _PARAMETERS.items()],
    )
    def get(self) -> Response:
        """Trace things, or all that was at a `place` or with a `party` between `from` and `to`.

        A `thing` is GTIN/LOT, a URI or a URN; with several, the parameter is repeated. A trace ends
        at `stopAt`: business steps, places or parties. Answers are JSON, CSV, GraphML or SVG.
        """
        regulator(snapshot())
        asked = _asked().request(node())
        with taking(bounds().documents, "documents and traces"):
            found = describe_trace(snapshot(), trace(snapshot(), node(), asked))
            kind = media_type(self.kinds) or self.kinds[0]
            return Response(FORMATS[kind](found), content_type=content_type(kind))


def content_type(kind: str) -> str:
    """A media type with its character set where it needs one."""
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def _asked() -> Asked:
    """What the address asks for.

    Raises:
        QueryError: a parameter that there is not, twice, or with a value of another form.
    """
    single, given = _parameters(_PARAMETERS)
    return Asked(
        things=given.get("thing", []),
        direction=Direction(_one_of(single, "direction", *Direction)),
        contact=_one_of(single, "contact", "false", "true") == "true",
        depth=_number(single.get("depth")),
        start_ms=_time(single, "from"),
        end_ms=_time(single, "to"),
        place=single.get("place"),
        party=single.get("party"),
        stops=given.get("stopAt", []),
        max_things=MAX_THINGS,
    )


def _parameters(known: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Those of the address: what is given once, and all with their values."""
    given = request.args.to_dict(flat=False)
    if unknown := sorted(given.keys() - known.keys()):
        raise QueryError(f"{unknown[0][:128]!r}: parameters are {', '.join(known)}")
    single = {name: values[0] for name, values in given.items() if known[name] is not _LIST}
    if twice := [name for name in single if len(given[name]) > 1]:
        raise QueryError(f"{twice[0]} is given twice")
    return single, given


def _one_of(given: Mapping[str, str], name: str, *words: str) -> str:
    text = given.get(name, words[0])
    if text not in words:
        raise QueryError(f"{name} is {' or '.join(words)}, not {text[:20]!r}")
    return text


def _number(text: str | None) -> int:
    if text is None:
        return MAX_DEPTH
    if not (text.isascii() and text.isdecimal() and len(text) <= 6):
        raise QueryError(f"depth is a whole number up to {MAX_DEPTH}, not {text[:20]!r}")
    return int(text)


def _time(given: Mapping[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        return event_time_ms({"eventTime": given[name]})
    except StatementError as error:
        raise QueryError(f"{name} is a time such as 2026-05-01T08:30:00+08:00: {error}") from error


@traces.route("/records", tags=["Trace"])
@bearer
class RecordsOfTheRule(Resource):
    """Records of the US traceability rule."""

    kinds = tuple(RECORDS)

    @describe(
        {200: Answer("Key data elements, by lot and event.", "TraceabilityRecords", kinds=tuple(RECORDS))},
        refuses=(404, 413),
        asks=[{"name": name, "in": "query", "schema": schema} for name, schema in _ASKED.items()],
    )
    def get(self) -> Response:
        """The records that 21 CFR 1.1455(c)(3) asks for: of lots (`thing`), foods (`food`, GTINs) and dates.

        Answers are JSON, CSV or XLSX; each says at which checkpoint it was computed.
        """
        access = regulator(snapshot())
        single, given = _parameters(_ASKED)
        asked = AskedRecords(
            given.get("thing", []),
            given.get("food", []),
            (),
            _time(single, "from"),
            _time(single, "to"),
            _one_of(single, "language", "en", "zh"),
        )
        with taking(bounds().documents, "documents and traces"):
            found = find_records(snapshot(), node(), asked, access.reader)
            kind = media_type(self.kinds) or self.kinds[0]
            return Response(RECORDS[kind](found, asked.language), content_type=content_type(kind))
