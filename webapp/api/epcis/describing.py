"""The OpenAPI document: what a view says of itself, and the components that all of them share.

flask-smorest puts it together from the routes that there are. Each operation names its answers;
the refusals that any request can meet are added to all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

from flask_smorest import Blueprint

from webapp.api import problems
from webapp.api.epcis.exchange import JSON_TYPES, LIMITS, OFFERED, SPOKEN
from webapp.api.epcis.schemas import ASKED, HEADERS, SCHEMAS, ref

View = TypeVar("View", bound=Callable[..., Any])

REFUSED: Final = (400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 500, 503)
"""Statuses of problem documents."""
_COMMON: Final = (400, 401, 403, 406, 414, 500, 503)
_EXTRA: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    405: ("Allow",),
    413: tuple(LIMITS),
    503: ("Retry-After",),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of an operation: a schema's name, if it has a body, its own headers, its media types."""

    says: str
    schema: str | None = None
    headers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = JSON_TYPES


def describe(
    answers: Mapping[int, Answer],
    *,
    refuses: Iterable[int] = (),
    asks: Iterable[Mapping[str, Any]] = (),
    headers: Iterable[str] = (),
    body: str | None = None,
    public: bool = False,
) -> Callable[[View], View]:
    """Say of a view what it takes and answers.

    Args:
        refuses: statuses of problem documents beside those that any request can meet.
        asks: parameters of the address.
        headers: of the request, beside the versions and formats that all may ask for.
        body: the schema of what is sent.
        public: whether it needs no token.
    """
    operation: dict[str, Any] = {
        "responses": {str(status): _response(said) for status, said in answers.items()}
        | {str(status): _name(status) for status in sorted({*_COMMON, *refuses})},
        "parameters": [*(dict(each) for each in asks), *ASKED, *headers],
        "security": [{}, {"bearer": []}] if public else [{"bearer": []}],
    }
    if body is not None:
        content = {kind: {"schema": ref(body)} for kind in JSON_TYPES}
        operation["requestBody"] = {"required": True, "content": content}
    mark: Callable[[View], View] = Blueprint.doc(**operation)
    return mark


def describe_options() -> Callable[[View], View]:
    """Say what every resource answers to OPTIONS; nothing is asked there."""
    headers = {name: name for name in ("Allow", *OFFERED, *SPOKEN)}
    operation = {
        "responses": {
            "204": {"description": "Methods, versions, formats and limits.", "headers": headers},
            **{str(status): _name(status) for status in (400, 500)},
        },
        "parameters": [],
        "security": [{}],
    }
    mark: Callable[[View], View] = Blueprint.doc(**operation)
    return mark


def fill(spec: Any) -> None:
    """Put the shared components into a specification."""
    components = spec.components
    for name, schema in SCHEMAS.items():
        components.schema(name, schema)
    for name, schema in HEADERS.items():
        components.header(name, {"schema": schema})
    for name in (*ASKED, "GS1-Extensions", "GS1-Capture-Error-Behaviour"):
        components.parameter(name, "header", {"name": name, "schema": HEADERS[name]})
    prefer = {"name": "Prefer", "schema": {"type": "string", "example": "respond-async"}}
    components.parameter("Prefer", "header", prefer)
    components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    for status in REFUSED:
        names = (*SPOKEN, *_EXTRA.get(status, ()))
        problem = {
            "description": HTTPStatus(status).phrase,
            "headers": {name: name for name in names},
            "content": {problems.MEDIA_TYPE: {"schema": ref("Problem")}},
        }
        components.response(_name(status), problem)


def _response(said: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {
        "description": said.says,
        "headers": {name: name for name in (*SPOKEN, *said.headers)},
    }
    if said.schema is not None:
        made["content"] = {
            kind: {"schema": ref(said.schema) if kind in JSON_TYPES else {"type": "string"}}
            for kind in said.kinds
        }
    return made


def _name(status: int) -> str:
    return f"Refused{status}"
