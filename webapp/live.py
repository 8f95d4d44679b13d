"""Pages that change while somebody looks: word of something new, by server-sent events or by asking again.

A page names its topic and the mark of what it shows; ``static/live.js`` listens at ``/live/<topic>`` and,
when the mark is another, fetches the page again and puts its parts in the place of the old ones. So what is
new is drawn by the view that draws everything, and no word of it travels here. Each listener holds a thread
of the server: only so many may, for so long, and who is not let in asks again every few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from flask import Blueprint, Response, abort, jsonify, request
from flask.sansio.blueprints import BlueprintSetupState
from markupsafe import Markup
from sqlalchemy import Connection

from traceability.operations.accounts.roles import Right
from traceability.operations.accounts.sessions import find_session
from traceability.operations.live import subject_mark
from traceability.operations.node import Node
from traceability.store.engine import Store
from webapp import http
from webapp.api.access import node, store
from webapp.cookie import held
from webapp.signedin import Visitor, requires, visitor

Mark: TypeAlias = Callable[[Connection, Node, Visitor, str], str]
"""The mark of a topic, as a visitor may see it, of the thing that the key names; empty if there is none."""

live: Final = Blueprint("live", __name__, url_prefix="/live")
LISTENERS: Final = 4
"""Of the threads of a web process; the others answer requests."""
LOOK_S: Final = 1.0
WHOLE_S: Final = 300.0
"""So long a listener stays before it comes again: a thread is never held for good."""
ASK_AGAIN_S: Final = 5
_places: Final = threading.BoundedSemaphore(LISTENERS)


@dataclass(frozen=True, slots=True)
class Topic:
    """What can be watched, and who may."""

    mark: Mark
    rights: frozenset[Right]


def _subject(connection: Connection, node: Node, _: Visitor, key: str) -> str:
    try:
        stream = bytes.fromhex(key)
    except ValueError:
        return ""
    return subject_mark(connection, node, stream) if len(stream) == 32 else ""


TOPICS: Final[dict[str, Topic]] = {
    "subject": Topic(_subject, frozenset({Right.READ, Right.TRACE})),
}
"""By the name in the address; a part of the site adds its own here."""


def watching(name: str, key: str) -> Markup:
    """The attributes of an element of a page whose parts change: what to listen to, and what it shows now."""
    http.allow_fetching()
    with store().reading() as connection:
        mark = TOPICS[name].mark(connection, node(), visitor(), key)
    return Markup('data-live="/live/{}/{}" data-mark="{}"').format(name, key, mark)


@live.record_once
def _offer(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals["watching"] = watching


@live.get("/<name>/<key>")
@requires()
def listen(name: str, key: str) -> Response:
    """The newest mark as JSON; for who accepts an event stream, every one from now on."""
    watched = _Watched(_topic(name), key, visitor(), held() or "", store(), node())
    mark = watched.look()
    if not mark:
        return abort(404)
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return jsonify(mark=mark)
    if not _places.acquire(blocking=False):
        return Response(status=503, headers={"Retry-After": str(ASK_AGAIN_S)})
    response = Response(_events(watched, request.args.get("mark", "")), mimetype="text/event-stream")
    response.call_on_close(_places.release)
    return response


def _topic(name: str) -> Topic:
    topic = TOPICS.get(name)
    if topic is None or not topic.rights & visitor().rights:
        return abort(404)
    return topic


@dataclass(frozen=True, slots=True)
class _Watched:
    """What one listener watches, kept past its request."""

    topic: Topic
    key: str
    who: Visitor
    session: str
    store: Store
    node: Node

    def look(self) -> str | None:
        """The mark now; None once the session has ended or lost the right."""
        with self.store.reading() as connection:
            session = find_session(connection, self.node, self.session, self.store.clock())
            if session is None or not self.topic.rights & session.rights:
                return None
            return self.topic.mark(connection, self.node, self.who, self.key)


def _events(watched: _Watched, shown: str) -> Iterator[str]:
    """Server-sent events (HTML 9.2): a mark when it is another, else a comment, to show who is gone."""
    until = time.monotonic() + WHOLE_S
    yield f"retry: {ASK_AGAIN_S * 1000}\n\n"
    while time.monotonic() < until:
        mark = watched.look()
        if mark is None:
            yield "event: ended\ndata: signed out\n\n"
            return
        yield f"data: {mark}\n\n" if mark != shown else ":\n\n"
        shown = mark
        time.sleep(LOOK_S)
