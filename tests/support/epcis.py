"""A node whose API is spoken to as a program would: parties with tokens, and a publisher at work."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask

from tests.support.web import site_of
from tests.support.world import START_MS, World
from traceability.operations.tokens import Scope, new_token
from traceability.supply.epcis.context import EPCIS_CONTEXT
from traceability.supply.epcis.events import format_event_time
from webapp.api.epcis.resource import Bounds

ALL = (Scope.CAPTURE, Scope.QUERY)
EXT = "https://ext.example/ns/"
CONTEXT = [EPCIS_CONTEXT, {"ext": EXT}]
LOT = "https://id.gs1.org/01/09520000000011/10/A"


@dataclass(frozen=True)
class Api:
    """A world's application. Nobody waits for a publisher that does not run."""

    world: World
    app: Flask

    def token(
        self, party: str, scopes: Iterable[Scope] = ALL, *, name: str | None = None, **how: Any
    ) -> dict[str, str]:
        """The Authorization header of a new token."""
        wanted: dict[str, Any] = {
            "party": party,
            "scopes": scopes,
            "days": 30,
            "name": name or secrets.token_hex(8),
        }
        text, _ = new_token(self.world.store, self.world.node, **(wanted | how))
        return {"Authorization": f"Bearer {text}"}

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **how: Any) -> Any:
        """One request; its answer carries what every answer of the API carries."""
        answer = self.app.test_client().open(path, method=method, headers=headers or {}, **how)
        assert answer.headers["GS1-EPCIS-Version"] == "2.0"
        assert answer.headers["Cache-Control"] == "no-store"
        if answer.status_code >= 400 and method != "HEAD":
            assert answer.content_type == "application/problem+json", answer.text
            problem: Any = answer.json
            assert problem["status"] == answer.status_code
            assert problem["detail"]
            assert problem["remedy"]
        return answer

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """A publisher that works meanwhile, and those who wait for it."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(0.05):
                self.world.publish()

        self.app.extensions["epcis-bounds"] = Bounds()
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.app.extensions["epcis-bounds"] = Bounds(patience_s=0)

    def events(self, path: str = "/epcis/events", headers: dict[str, str] | None = None) -> list[Any]:
        """All events that a query finds, page by page."""
        found: list[Any] = []
        while True:
            answer = self.ask("GET", path, headers)
            assert answer.status_code == 200, answer.text
            found += listed(answer)
            if "Link" not in answer.headers:
                return found
            path = answer.headers["Link"].partition(">")[0].removeprefix("<")


@contextmanager
def api_of(world: World) -> Iterator[Api]:
    """The API of a world's node."""
    with site_of(world) as app:
        app.extensions["epcis-bounds"] = Bounds(patience_s=0)
        yield Api(world, app)


def event(number: int = 0, /, **members: Any) -> dict[str, Any]:
    """An event without a context of its own."""
    return {
        "type": "ObjectEvent",
        "eventTime": format_event_time(START_MS - 60_000 + number),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "quantityList": [{"epcClass": LOT, "quantity": 1, "uom": "KGM"}],
        **members,
    }


def document(*events: Any, context: Any = None) -> dict[str, Any]:
    """A document with these events."""
    return {
        "@context": CONTEXT if context is None else context,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": list(events)},
    }


def listed(answer: Any) -> list[Any]:
    """The events of an EPCISQueryDocument."""
    assert answer.json["type"] == "EPCISQueryDocument"
    events: list[Any] = answer.json["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


def written(found: Any, *, named: bool = False) -> Any:
    """An event without what the node adds: its record time, and its name if it had none."""
    added = {"recordTime"} if named else {"recordTime", "eventID"}
    return {name: value for name, value in found.items() if name not in added}
