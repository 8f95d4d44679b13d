"""The API's messages as JSON schemas, and its parameters and headers: what the OpenAPI document says.

Events are described as far as every event goes; the whole rules are GS1's, and those of
``traceability.supply.epcis.model``.
"""

from __future__ import annotations

from typing import Any, Final

from traceability.operations.captures import Behaviour
from traceability.supply.epcis.shapes import EVENTS
from traceability.supply.queries.fields import EVENT_TYPES, FIELDS
from traceability.supply.recall import Outcome, State
from webapp.api.problems import TITLES

TEXT: Final = {"type": "string"}
TIME: Final = {"type": "string", "format": "date-time"}
COUNT: Final = {"type": "integer", "minimum": 0}
GS1_SCHEMA: Final = "https://ref.gs1.org/standards/epcis/epcis-json-schema.json"


def ref(name: str) -> dict[str, str]:
    """A reference to one of the schemas below."""
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required: str, **properties: Any) -> dict[str, Any]:
    """An object; ``required`` names members, with spaces between."""
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return made | ({"required": required.split()} if required else {})


def listed(items: Any) -> dict[str, Any]:
    """A list of these."""
    return {"type": "array", "items": items}


_CONTEXT: Final = {"description": "JSON-LD context", "type": ["array", "string", "object"]}
_FAULT: Final = obj("pointer expected got", pointer=TEXT, expected=TEXT, got=TEXT)
_PROBLEM: Final = obj(
    "type title status detail code remedy",
    type={"type": "string", "enum": [f"epcisException:{name}" for name in TITLES]},
    title=TEXT,
    status={"type": "integer", "minimum": 400, "maximum": 599},
    detail=TEXT,
    code={"description": "never changes its meaning", **TEXT},
    remedy={"description": "what can be done next", **TEXT},
    pointer={"description": "where the event stands in its document", **TEXT},
    errors=listed(_FAULT),
)
_EVENT: Final = {
    **obj(
        "type eventTime eventTimeZoneOffset",
        type={"type": "string", "enum": sorted(EVENTS)},
        eventTime=TIME,
        eventTimeZoneOffset={"type": "string", "pattern": "^[+-][0-9]{2}:[0-9]{2}$"},
        eventID={"type": "string", "maxLength": 512},
    ),
    "externalDocs": {"url": GS1_SCHEMA},
}
_DOCUMENT: Final = {
    **obj("@context type schemaVersion creationDate epcisBody"),
    "properties": {
        "@context": _CONTEXT,
        "type": {"const": "EPCISDocument"},
        "schemaVersion": TEXT,
        "creationDate": TIME,
        "epcisBody": obj("eventList", eventList=listed(ref("Event"))),
    },
    "externalDocs": {"url": GS1_SCHEMA},
}
_RESULTS: Final = obj(
    "queryName resultsBody",
    queryName=TEXT,
    resultsBody=obj("eventList", eventList=listed({"type": "object", "required": ["type"]})),
)
_QUERY_DOCUMENT: Final = {
    **obj("@context type schemaVersion creationDate epcisBody"),
    "properties": {
        "@context": _CONTEXT,
        "type": {"const": "EPCISQueryDocument"},
        "schemaVersion": {"const": "2.0"},
        "creationDate": TIME,
        "epcisBody": obj("queryResults", queryResults=_RESULTS),
    },
}
_JOB: Final = obj(
    "captureID createdAt finishedAt running success captureErrorBehaviour recorded errors",
    captureID=TEXT,
    createdAt=TIME,
    finishedAt=TIME,
    running={"const": False},
    success={"type": "boolean"},
    captureErrorBehaviour={"type": "string", "enum": list(Behaviour)},
    recorded={"description": "events that are recorded", **COUNT},
    errors=listed(ref("Problem")),
    detail={"description": "what is still to come", **TEXT},
    eventID=TEXT,
)
_RECORD: Final = obj(
    "stream seq hash index",
    stream={"description": "URI of what the event names", **TEXT},
    seq={"description": "number in the stream, from 0", **COUNT},
    hash={"description": "record hash and leaf of the log, base64", **TEXT},
    index={"description": "index in the log", **COUNT},
)

_NAMES: Final = obj("en zh", en={"maxLength": 200, **TEXT}, zh={"maxLength": 200, **TEXT})
_NOTICE: Final[dict[str, Any]] = {
    "recallClass": {"type": "integer", "enum": [1, 2, 3]},
    "hazard": _NAMES,
    "advice": _NAMES,
    "contact": {"maxLength": 200, **TEXT},
}
_ORIGIN: Final = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 100}
_DIGEST: Final = {
    "description": "SHA-256 over the state, what is reached and what is said, as a preview gave it",
    **TEXT,
}
_RECALL: Final = obj(
    "id state recallClass origin hazard advice since party by",
    id=TEXT,
    state={"type": "string", "enum": list(State)},
    origin=listed(TEXT),
    since=TIME,
    party={"description": "who opened it", **TEXT},
    by={"description": "who said the newest of it", **TEXT},
    outcome={"type": "string", "enum": list(Outcome)},
    things={"description": "how much it names; for regulators and whoever opened it", **COUNT},
    named=listed(TEXT),
    **_NOTICE,
)
RECALLS: Final[dict[str, dict[str, Any]]] = {
    "Recall": _RECALL,
    "Recalls": obj("recalls", recalls=listed(ref("Recall"))),
    "RecallOrder": obj(
        "state origin scope recallClass hazard advice",
        id=TEXT,
        state={"type": "string", "enum": ["hold", "issued"]},
        origin=_ORIGIN,
        scope=_DIGEST,
        **_NOTICE,
    ),
    "RecallQuestion": obj("origin", origin=_ORIGIN, **_NOTICE),
    "RecallIssue": obj("scope", scope=_DIGEST, **_NOTICE),
    "RecallClose": obj("outcome", outcome={"type": "string", "enum": list(Outcome)}),
    "RecallScope": obj(
        "id open origin things named steps holders quantities lost",
        id={"description": "under which it can be held or issued", **TEXT},
        open={"description": "recalls that name one of the lots and are not closed", **listed(TEXT)},
        scope=obj("hold issued", hold=_DIGEST, issued=_DIGEST),
        origin=listed(TEXT),
        things=COUNT,
        named=listed(TEXT),
        steps=listed({"type": "object"}),
        holders=listed({"type": "object"}),
        quantities=listed({"type": "object"}),
        lost=listed({"type": "object"}),
    ),
    "TraceabilityRecords": obj(
        "checkpoint asked audience rows lotCodes otherEvents",
        checkpoint={"type": "object"},
        asked=TEXT,
        audience=TEXT,
        rows=listed({"type": "object"}),
        lotCodes=listed({"type": "object"}),
        otherEvents=listed({"type": "object"}),
    ),
    "Trace": obj(
        "direction starts cut things processes links packed cycles",
        direction=TEXT,
        starts=listed(TEXT),
        things=listed({"type": "object"}),
        processes=listed({"type": "object"}),
        links=listed({"type": "object"}),
        packed=listed({"type": "object"}),
        cycles=listed(listed(TEXT)),
    ),
}
"""Of recalls and traces."""

SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "Problem": _PROBLEM,
    "Event": _EVENT,
    "SingleEvent": {
        "allOf": [ref("Event"), {"required": ["@context"], "properties": {"@context": _CONTEXT}}]
    },
    "EPCISDocument": _DOCUMENT,
    "EPCISQueryDocument": _QUERY_DOCUMENT,
    "CaptureJob": _JOB,
    "CapturedEvent": obj(
        "eventID records proof",
        eventID=TEXT,
        records=listed(_RECORD),
        proof={"description": "C2SP tlog-proof of the first record", **TEXT},
    ),
    "QueryDefinition": {
        **obj("name query"),
        "properties": {
            "name": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$"},
            "query": {"description": "parameters of SimpleEventQuery", "type": "object"},
            "@context": _CONTEXT,
        },
        "additionalProperties": False,
    },
    **RECALLS,
    "CaptureJobs": listed(ref("CaptureJob")),
    "QueryDefinitions": listed(ref("QueryDefinition")),
    "Resources": listed(TEXT),
    "OpenAPI": obj("openapi info paths"),
}

_VERSION: Final = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?$", "example": "2.0"}
_FORMAT: Final = {"type": "string", "enum": ["No_Preference", "Never_Translates"]}
_BEHAVIOUR: Final = {"type": "string", "enum": list(Behaviour), "default": "rollback"}

HEADERS: Final[dict[str, dict[str, Any]]] = {
    "GS1-EPCIS-Version": _VERSION,
    "GS1-EPCIS-Min": _VERSION,
    "GS1-EPCIS-Max": _VERSION,
    "GS1-CBV-Version": _VERSION,
    "GS1-CBV-Min": _VERSION,
    "GS1-CBV-Max": _VERSION,
    "GS1-EPC-Format": _FORMAT,
    "GS1-CBV-XML-Format": _FORMAT,
    "GS1-Extensions": {"description": "prefix=namespace, with commas between several", **TEXT},
    "GS1-Vendor-Version": TEXT,
    "GS1-Capture-Error-Behaviour": _BEHAVIOUR,
    "GS1-EPCIS-Capture-Limit": {"description": "events of a document", **TEXT},
    "GS1-EPCIS-Capture-File-Size-Limit": {"description": "bytes of a document", **TEXT},
    "GS1-Next-Page-Token-Expires": TIME,
    "Link": {"description": "the next page: rel=next; none on the last", **TEXT},
    "Location": {"description": "path of what was made", **TEXT},
    "Allow": TEXT,
    "Retry-After": {"description": "seconds", **TEXT},
    "WWW-Authenticate": TEXT,
    "Preference-Applied": TEXT,
}
"""Of requests and answers."""

ASKED: Final = (
    *(f"GS1-{name}-{bound}" for name in ("EPCIS", "CBV") for bound in ("Version", "Min", "Max")),
    *("GS1-EPC-Format", "GS1-CBV-XML-Format"),
)
"""Headers that every request but OPTIONS may carry."""

_PAGES: Final = (
    {"name": "perPage", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}},
    {"name": "nextPageToken", "in": "query", "schema": TEXT},
)
_CONTROLS: Final = (
    ("orderBy", TEXT),
    ("orderDirection", {"type": "string", "enum": ["ASC", "DESC"]}),
    ("eventCountLimit", {"type": "integer", "minimum": 1}),
    ("maxEventCount", {"type": "integer", "minimum": 1}),
    ("eventType", listed({"type": "string", "enum": sorted(EVENT_TYPES)})),
)


def paging_parameters() -> list[dict[str, Any]]:
    """What asks for a page of a list."""
    return [dict(parameter) for parameter in _PAGES]


def query_parameters() -> list[dict[str, Any]]:
    """The parameters of SimpleEventQuery whose names are fixed, and paging."""
    names = [
        (f"{operator}_{about}", listed(TEXT) if operator in {"EQ", "MATCH", "WD"} else TEXT)
        for about, field in FIELDS.items()
        for operator in sorted(field.operators)
        if about != "eventType"
    ]
    made = [_query_parameter(name, schema) for name, schema in (*_CONTROLS, *names)]
    return [*paging_parameters(), *made]


def _query_parameter(name: str, schema: Any) -> dict[str, Any]:
    parameter = {"name": name, "in": "query", "schema": schema}
    return parameter | ({"style": "form", "explode": False} if schema["type"] == "array" else {})
