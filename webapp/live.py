"""Pages that change while somebody looks: word of something new, by server-sent events or by asking again.

A page names its topic and the mark of what it shows; ``static/live.js`` listens at ``/live/<topic>`` and,
when the mark is another, fetches the page again and brings its parts up to date. So what is new is drawn by
the view that draws everything, and no word of it travels here. Each listener holds a thread of the server:
only so many may, a few of them one person's, for so long, and who is not let in asks again every few seconds.

Pages for everybody have no topic: a code on a package is opened by thousands, and each would hold a thread.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from flask import Blueprint, Response, abort, jsonify, request
from flask.sansio.blueprints import BlueprintSetupState
from markupsafe import Markup
from sqlalchemy import Connection

from traceability.operations.accounts.roles import Right
from traceability.operations.accounts.sessions import find_session
from traceability.operations.live import subject_mark
from traceability.operations.lots import speaks_of
from traceability.operations.node import Node
from traceability.store.engine import Store
from webapp import http
from webapp.api.access import node, store
from webapp.cookie import held
from webapp.database import snapshot
from webapp.signedin import Visitor, requires, visitor


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody watches: the thing that ``key`` names, in one snapshot, at a time."""

    connection: Connection
    node: Node
    who: Visitor
    key: str
    now_ms: int


Mark: TypeAlias = Callable[[Asked], str]
"""The mark of a topic, as a visitor may see it; empty if there is no such thing, or it is another's."""

live: Final = Blueprint("live", __name__, url_prefix="/live")
LISTENERS: Final = 4
"""Of the threads of a web process; the others answer requests."""
EACH: Final = 2
"""Of these, of one person at once, who may have more pages open; the others ask."""
LOOK_S: Final = 1.0
WHOLE_S: Final = 300.0
"""So long a listener stays before it comes again: a thread is never held for good."""
ASK_AGAIN_S: Final = 5


@dataclass(slots=True)
class Places:
    """Who listens to this process."""

    _taken: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def taken(self) -> int:
        """How many do."""
        with self._lock:
            return self._taken.total()

    def take(self, person: str) -> bool:
        """Whether there is room for one more of this person."""
        with self._lock:
            if self._taken.total() >= LISTENERS or self._taken[person] >= EACH:
                return False
            self._taken[person] += 1
            return True

    def leave(self, person: str) -> None:
        """One of them has gone."""
        with self._lock:
            self._taken[person] -= 1


places: Final = Places()


@dataclass(frozen=True, slots=True)
class Topic:
    """What can be watched, and who may."""

    mark: Mark
    rights: frozenset[Right]


def _subject(asked: Asked) -> str:
    """A batch or asset; of a firm those batches that have a page in its console."""
    try:
        stream = bytes.fromhex(asked.key)
    except ValueError:
        return ""
    own = Right.TRACE in asked.who.rights or speaks_of(asked.connection, asked.who.party or "", stream)
    return subject_mark(asked.connection, asked.node, stream, asked.now_ms) if own else ""


TOPICS: Final[dict[str, Topic]] = {
    "subject": Topic(_subject, frozenset({Right.READ, Right.TRACE})),
}
"""By the name in the address; a part of the site adds its own here."""


def watching(name: str, key: str) -> Markup:
    """The attributes of an element of a page whose parts change: what to listen to, and what it shows now.

    The mark is of the snapshot that the page is drawn from, so nothing that comes meanwhile is missed.
    """
    http.allow_fetching()
    mark = TOPICS[name].mark(Asked(snapshot(), node(), visitor(), key, store().clock()))
    return Markup('data-live="/live/{}/{}" data-mark="{}"').format(name, key, mark)


@live.record_once
def _offer(state: BlueprintSetupState) -> None:
    state.app.jinja_env.globals["watching"] = watching


@live.get("/<name>/<key>")
@requires()
def listen(name: str, key: str) -> Response:
    """The newest mark as JSON; for who accepts an event stream, every one from now on."""
    person = visitor().user
    topic = _topic(name)
    watched = _Watched(topic, key, held() or "", store(), node())
    mark = watched.look()
    if not mark or person is None:
        return abort(404)
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return jsonify(mark=mark)
    if not places.take(person.id):
        return Response(status=503, headers={"Retry-After": str(ASK_AGAIN_S)})
    response = Response(_events(watched, request.args.get("mark", "")), mimetype="text/event-stream")
    response.call_on_close(lambda: places.leave(person.id))
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
    session: str
    store: Store
    node: Node

    def look(self) -> str:
        """The mark now; empty once the session has ended or lost the right, or the thing is not theirs."""
        now_ms = self.store.clock()
        with self.store.reading() as connection:
            session = find_session(connection, self.node, self.session, now_ms)
            if session is None or not self.topic.rights & session.rights:
                return ""
            return self.topic.mark(Asked(connection, self.node, Visitor(session), self.key, now_ms))


def _events(watched: _Watched, shown: str) -> Iterator[str]:
    """Server-sent events (HTML 9.2): a mark when it is another, else a comment, to show who is gone."""
    until = time.monotonic() + WHOLE_S
    yield f"retry: {ASK_AGAIN_S * 1000}\n\n"
    while time.monotonic() < until:
        mark = watched.look()
        if not mark:
            yield "event: ended\ndata: signed out\n\n"
            return
        yield f"data: {mark}\n\n" if mark != shown else ":\n\n"
        shown = mark
        time.sleep(LOOK_S)
