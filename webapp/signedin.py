"""Who asks for a page, and whether they may: every endpoint says for whom it is.

    @public                  anybody; no cookie is looked for by the view itself
    @bearer                  the API: by token, where one is needed; no cookie counts here
    @requires(Right.RECALL)  somebody signed in who has this right
    @requires()              somebody signed in

An endpoint that says nothing is refused. What is checked here is the right; that the *object* is the
party's own is the view's to see to: what is another's answers 404.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

from flask import Flask, Response, abort, current_app, g, redirect, render_template, request, url_for

from traceability.operations.accounts.demonstration import is_invented
from traceability.operations.accounts.people import Person
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.accounts.sessions import Session, find_session, keep_open, say_next
from traceability.operations.accounts.trail import Actor, network_of
from webapp import http
from webapp.api.access import node, store
from webapp.cookie import held
from webapp.crosssite import require_same_site
from webapp.i18n import language

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Classified:
    """For whom an endpoint is: ``public``, ``bearer`` or ``signed-in``, then with any one of these rights.

    ``max_bytes`` is how large a request may be, where that is more than usual.
    """

    by: str
    rights: frozenset[Right] = frozenset()
    max_bytes: int | None = None


PUBLIC: Final = Classified("public")
BEARER: Final = Classified("bearer")
SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
BY_ITSELF: Final = "X-Live"
"""The header of what a page's script asks for by itself: nobody is there because of that."""
STATIC: Final = "static"
"""The endpoint that Flask makes for files of the site."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks for this page; without a session nobody in particular."""

    session: Session | None = None
    network: str = "unknown"

    @property
    def user(self) -> Person | None:
        """The person who is signed in."""
        return self.session.person if self.session else None

    @property
    def party(self) -> str | None:
        """The URI of that person's party; None for administrators and strangers."""
        return self.user.party if self.user else None

    @property
    def kind(self) -> PartyKind | None:
        """What that party is."""
        return self.user.kind if self.user else None

    @property
    def rights(self) -> frozenset[Right]:
        """What the person may do now."""
        return self.session.rights if self.session else frozenset()

    @property
    def actor(self) -> Actor:
        """The same for the trail."""
        return Actor(self.user.id if self.user else None, self.party, "web", self.network)


def public(view: View) -> View:
    """Anybody may."""
    return _classify(view, PUBLIC)


def public_upload(max_bytes: int) -> Callable[[View], View]:
    """Anybody may, and send so many bytes."""
    return lambda view: _classify(view, Classified("public", max_bytes=max_bytes))


def bearer(view: View) -> View:
    """The API: the view itself looks at the token where one is needed."""
    return _classify(view, BEARER)


def requires(*rights: Right, max_bytes: int | None = None) -> Callable[[View], View]:
    """Who is signed in and has any one of these rights, if rights are named.

    Args:
        max_bytes: the largest request, where it is more than the site's usual; nobody else's is read.
    """
    return lambda view: _classify(view, Classified("signed-in", frozenset(rights), max_bytes))


def classification(endpoint: str) -> Classified | None:
    """What an endpoint of this application says of itself; None if nothing."""
    if endpoint == STATIC:
        return PUBLIC
    view = current_app.view_functions[endpoint]
    return getattr(getattr(view, "view_class", view), "classified", None)


def visitor() -> Visitor:
    """Who asks for this page."""
    if "visitor" not in g:
        g.visitor = _find_visitor()
    return cast("Visitor", g.visitor)


def signed_in() -> bool:
    """Whether the browser holds a session, for what every page says of itself: the store is not asked."""
    return held() is not None


def say(text: str) -> None:
    """Tell something on the next page that this person is shown, once."""
    if (session := visitor().session) is not None:
        say_next(store(), session, text)


def said() -> str | None:
    """What was left to be told; it is gone then, but not by what a page asks for by itself."""
    session = visitor().session
    if session is None or session.said is None or BY_ITSELF in request.headers:
        return None
    say_next(store(), session, None)
    return session.said


def install(app: Flask) -> None:
    """Check every request of an application before its view."""
    app.before_request(_check)
    app.jinja_env.globals.update(visitor=visitor, signed_in=signed_in, said=said, is_invented=is_invented)


def _check() -> Response | None:
    if held() is not None:
        http.keep_private()
    if request.endpoint is None:
        return None
    found = classification(request.endpoint)
    if found is None:
        current_app.logger.error("the endpoint %s does not say for whom it is", request.endpoint)
        return abort(403, "Nobody said who may see this.")
    if found == BEARER:
        g.visitor = Visitor(network=network_of(request.remote_addr))
        return None
    refused = None if found.by == PUBLIC.by else _require(found.rights)
    if refused is None and request.method not in SAFE:
        request.max_content_length = found.max_bytes or request.max_content_length
        request.max_form_memory_size = found.max_bytes or request.max_form_memory_size
        require_same_site(held())
    return refused


def _require(rights: frozenset[Right]) -> Response | None:
    who = visitor()
    if who.session is None:
        return _ask_to_sign_in()
    if who.session.lacks_second_factor and rights:
        return cast("Response", redirect(url_for("accounts.app", lang=language()), 303))
    if rights and not rights & who.rights:
        return Response(render_template("forbidden.html"), 403)
    return None


def _ask_to_sign_in() -> Response:
    if request.method not in {"GET", "HEAD"}:
        return Response(render_template("signedout.html"), 403)
    wanted = request.full_path.rstrip("?")
    return cast("Response", redirect(url_for("accounts.sign_in", next=wanted, lang=language()), 303))


def _find_visitor() -> Visitor:
    network, text = network_of(request.remote_addr), held()
    if text is None:
        return Visitor(network=network)
    with store().reading() as connection:
        session = find_session(connection, node(), text, store().clock())
    if session is not None and BY_ITSELF not in request.headers:
        keep_open(store(), session)
    return Visitor(session, network)


def _classify(view: View, found: Classified) -> View:
    cast("Any", view).classified = found
    return view
