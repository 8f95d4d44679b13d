"""Errors of the API as problem documents (RFC 9457) with the exception types of EPCIS 2.0 12.

One table says which HTTP status and type an error has. Beside the members of the standards stand
``code``, which never changes its meaning, ``remedy`` and, for what is wrong in a document,
``errors`` with JSON pointers. What goes wrong inside the node is logged and not told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from traceability.errors import (
    ConflictError,
    EnrolCodeError,
    EventError,
    ForbiddenError,
    ForeignPrefixError,
    KeyNotInForceError,
    LostStatementError,
    MalformedError,
    NotPublishedError,
    OversizeError,
    Problem,
    QueryError,
    QueryTooLargeError,
    QuotaError,
    RefusedError,
    StoreUnavailableError,
    TokenError,
    TooOftenError,
    TraceabilityError,
    UnknownSignerError,
    UnknownSubjectError,
)
from traceability.operations.captures import Fault
from traceability.signing.strictjson import json_encode

MEDIA_TYPE: Final = "application/problem+json"
ROOMS: Final = ("/epcis", "/recalls", "/trace")
"""What /epcis/openapi.json describes."""
TOLD: Final = (*ROOMS, "/log/proof", "/enrol")
"""Where errors are told in this form; elsewhere they are pages."""
MAX_ERRORS: Final = 100
RETRY_S: Final = {429: 60, 503: 5}

ERRORS: Final[tuple[tuple[type[TraceabilityError], int, str], ...]] = (
    (QueryError, 400, "QueryParameterException"),
    (OversizeError, 413, "CaptureLimitExceededException"),
    (MalformedError, 400, "ValidationException"),
    (TokenError, 401, "SecurityException"),
    (ForbiddenError, 403, "SecurityException"),
    (ForeignPrefixError, 403, "SecurityException"),
    (EnrolCodeError, 403, "SecurityException"),
    (UnknownSignerError, 403, "SecurityException"),
    (KeyNotInForceError, 403, "SecurityException"),
    (UnknownSubjectError, 404, "NoSuchResourceException"),
    (ConflictError, 409, "ResourceAlreadyExistsException"),
    (QueryTooLargeError, 413, "QueryTooLargeException"),
    (QuotaError, 413, "CaptureLimitExceededException"),
    (NotPublishedError, 503, "ImplementationException"),
    (LostStatementError, 503, "ImplementationException"),
    (StoreUnavailableError, 503, "ImplementationException"),
    (TooOftenError, 429, "ImplementationException"),
    (RefusedError, 400, "ValidationException"),
    (TraceabilityError, 500, "ImplementationException"),
)
"""Status and type of an error: the first row that fits."""

FAULTS: Final = {
    root.code: (status, kind)
    for root, status, kind in ERRORS
    if root in {ConflictError, ForeignPrefixError, QuotaError}
}
"""The same of what the store refuses of one event, by its code; all else is not valid."""

STATUSES: Final[dict[int, tuple[str, str, str]]] = {
    400: ("ValidationException", "bad-request", "Send the request as /epcis/openapi.json describes it."),
    404: (
        "NoSuchResourceException",
        "no-such-resource",
        "Check the address, and the id in it; GET /epcis/ lists the resources.",
    ),
    405: ("ImplementationException", "no-such-method", "OPTIONS on the resource tells its methods."),
    406: ("NotAcceptableException", "not-acceptable", "Ask for JSON, EPCIS 2.0 and no translation."),
    413: ("CaptureLimitExceededException", "oversize", "Split the document: OPTIONS tells the limits."),
    414: ("URITooLongException", "uri-too-long", "Keep it as a named query: POST /epcis/queries."),
    415: (
        "UnsupportedMediaTypeException",
        "unsupported-media-type",
        "Send JSON, not compressed.",
    ),
    503: ("ImplementationException", "busy", "Send it again in a few seconds."),
}
"""Type, code and advice for what the web framework refuses, by status."""

TITLES: Final = {
    "ValidationException": "The request or a part of it is not valid",
    "QueryParameterException": "A parameter of the query is not valid",
    "SecurityException": "Not permitted",
    "NoSuchResourceException": "There is no such resource",
    "NotAcceptableException": "The answer cannot be given in that form",
    "ResourceAlreadyExistsException": "Something else exists under that name",
    "CaptureLimitExceededException": "Too large to be captured",
    "QueryTooLargeException": "The query's answer is too large",
    "URITooLongException": "The address is too long",
    "UnsupportedMediaTypeException": "The media type is not supported",
    "ImplementationException": "The node cannot do this",
}
"""Of every type that is used."""


def asked() -> bool:
    """Whether this request is for a part of the site whose errors are problem documents."""
    return any(request.path == room or request.path.startswith(f"{room}/") for room in TOLD)


def respond(error: TraceabilityError | HTTPException, **more: object) -> Response:
    """The answer to a request that failed, with more members if there is more to tell."""
    if isinstance(error, HTTPException):
        return _respond_http(error)
    status, kind = next((status, kind) for root, status, kind in ERRORS if isinstance(error, root))
    if status >= 500:
        current_app.logger.error("%s: %s", error.code, error)
    problem = _problem(status, kind, error.code, _detail(error, status), error.remedy())
    if isinstance(error, EventError):
        problem["errors"] = _errors(error.problems)
    return _response(problem | more)


def respond_fault(fault: Fault) -> Response:
    """The answer to a request whose one event was refused."""
    return _response(fault_problem(fault))


def fault_problem(fault: Fault) -> dict[str, Any]:
    """What a capture job says of one event; ``pointer`` leads to it in its document."""
    status, kind = FAULTS.get(fault.code, (400, "ValidationException"))
    problem = _problem(status, kind, fault.code, fault.detail, fault.remedy)
    return problem | {"pointer": fault.pointer, "errors": _errors(fault.problems)}


def _respond_http(error: HTTPException) -> Response:
    status = error.code or 500
    inside = ("ImplementationException", TraceabilityError.code, TraceabilityError.advice)
    kind, code, remedy = STATUSES.get(status, inside if status >= 500 else STATUSES[400])
    detail = "The node failed at this." if status == 500 else str(error.description)
    response = _response(_problem(status, kind, code, detail, remedy))
    for name, value in error.get_headers(request.environ):
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _problem(status: int, kind: str, code: str, detail: str, remedy: str) -> dict[str, Any]:
    return {
        "type": f"epcisException:{kind}",
        "title": TITLES[kind],
        "status": status,
        "detail": detail,
        "code": code,
        "remedy": remedy,
    }


def _detail(error: TraceabilityError, status: int) -> str:
    if status >= 500 and not isinstance(error, NotPublishedError):
        return "The node cannot do this now. Send it again: what was recorded is not recorded twice."
    if isinstance(error, EventError) and len(error.problems) > 1:
        return f"{error.problems[0]}, and {len(error.problems) - 1} more"
    return str(error)


def _errors(problems: Iterable[Problem]) -> list[dict[str, str]]:
    found = list(problems)[:MAX_ERRORS]
    return [{"pointer": p.pointer, "expected": p.expected, "got": p.got} for p in found]


def _response(problem: dict[str, Any]) -> Response:
    status = problem["status"]
    response = Response(json_encode(problem), status, content_type=MEDIA_TYPE)
    if status == 401:
        # RFC 6750 3: who brought no token is only told that one is needed.
        invalid = ', error="invalid_token"' if "Authorization" in request.headers else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="epcis"{invalid}'
    elif problem["code"] == ForbiddenError.code:
        response.headers["WWW-Authenticate"] = 'Bearer realm="epcis", error="insufficient_scope"'
    elif status in RETRY_S:
        response.headers["Retry-After"] = str(RETRY_S[status])
    return response
