"""``/enrol``: where a device applies with the code that its firm was handed, and fetches its answer."""

from __future__ import annotations

import threading
from typing import Final

from flask import Blueprint, Response, current_app, request

from traceability.errors import StoreUnavailableError, TooOftenError, TraceabilityError
from traceability.operations.codes import Applied, apply
from traceability.operations.handover import device_answer
from traceability.signing.application import MAX_BYTES, open_application
from traceability.signing.strictjson import json_encode
from webapp.api.access import node, store
from webapp.signedin import bearer

enrol = Blueprint("enrol", __name__)

MAX_REFUSED: Final = 20
"""So many refusals an address may draw in a minute from one process."""
MINUTE_MS: Final = 60_000
MAX_ADDRESSES: Final = 1_024


class Patience:
    """Counts refusals by address, in whole minutes; past so many addresses all are forgotten."""

    def __init__(self) -> None:
        self._minute, self._refused = 0, dict[str, int]()
        self._lock = threading.Lock()

    def check(self, address: str, now_ms: int) -> None:
        """Raises TooOftenError: this address has drawn too many refusals in this minute."""
        with self._lock:
            if now_ms // MINUTE_MS != self._minute or len(self._refused) > MAX_ADDRESSES:
                self._minute, self._refused = now_ms // MINUTE_MS, {}
            if self._refused.get(address, 0) >= MAX_REFUSED:
                raise TooOftenError("too many applications from this address were refused in this minute")

    def refuse(self, address: str) -> None:
        """Count one more."""
        with self._lock:
            self._refused[address] = self._refused.get(address, 0) + 1


@enrol.post("/enrol")
@bearer
def application() -> Response:
    """202 while a person has to approve; 200 with what the device is handed once one has."""
    patience: Patience = current_app.extensions["patience"]
    address, now_ms = request.remote_addr or "", store().clock()
    patience.check(address, now_ms)
    request.max_content_length = MAX_BYTES
    try:
        applied = apply(store(), node(), open_application(request.get_data()))
    except StoreUnavailableError:
        raise
    except TraceabilityError:
        patience.refuse(address)
        raise
    return _answer(applied)


def _answer(applied: Applied) -> Response:
    if applied.enrolled is None:
        waiting = {"device": applied.device, "state": "pending"}
        return Response(json_encode(waiting), 202, content_type="application/json")
    told = device_answer(node(), applied.enrolled, applied.site) | {"state": "enrolled"}
    return Response(json_encode(told), 200, content_type="application/json")
