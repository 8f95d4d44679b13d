"""The blueprint of ``/epcis``, and what all of its resources have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import ClassVar, Final, cast

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_smorest import Blueprint

from traceability.operations.publication import PATIENCE_S
from webapp.api.epcis.describing import describe_options
from webapp.api.epcis.exchange import JSON_TYPES, OFFERED, agree, nothing

PREFIX: Final = "/epcis"
epcis: Final = Blueprint("epcis", __name__, url_prefix=PREFIX, description="EPCIS 2.0, REST binding")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process does at once: documents, requests that wait for the publisher, single events.

    A site has eight threads; those who only read must find one of them.
    """

    documents: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(2))
    waiting: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(3))
    single: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(3))
    patience_s: float = PATIENCE_S


def bounds() -> Bounds:
    """Those of this application."""
    return cast("Bounds", current_app.extensions["epcis-bounds"])


class Resource(MethodView):
    """One resource: what is asked is agreed on first, and OPTIONS tells what there is.

    ``kinds`` are the media types of its answers.
    """

    kinds: ClassVar[Sequence[str]] = JSON_TYPES

    def dispatch_request(self, **arguments: str) -> ResponseReturnValue:
        if request.method != "OPTIONS":
            agree(self.kinds)
        return super().dispatch_request(**arguments)

    @describe_options()
    def options(self, **_: str) -> Response:
        """Methods, versions, formats and limits of this resource."""
        methods = {*(self.methods or ()), "HEAD"} if hasattr(self, "get") else self.methods or ()
        return nothing({"Allow": ", ".join(sorted(methods)), **OFFERED})
