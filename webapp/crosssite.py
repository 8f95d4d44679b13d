"""No other site may act through the browser of somebody who is signed in.

Two checks of every request that changes something: the browser's own word on where it comes from
(``Sec-Fetch-Site``, or ``Origin``), and, once there is a session, a text in the form that only a page shown
in this session has. Forms have it by ``{{ csrf() }}``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, request
from markupsafe import Markup
from werkzeug.exceptions import Forbidden

from traceability.signing.strictjson import b64url
from webapp.cookie import held

FIELD: Final = "csrf"
HEADER: Final = "X-CSRF-Token"
"""Where scripts put it."""


def form_text(session: str) -> str:
    """What forms in a session carry; it does not tell the session."""
    return b64url(hmac.digest(session.encode(), b"food-traceability/form/v1", hashlib.sha256))


def render_field() -> Markup:
    """The hidden field; nothing if nobody is signed in."""
    session = held()
    if session is None:
        return Markup()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, form_text(session))


def session_text() -> str:
    """The same for scripts; empty if nobody is signed in."""
    session = held()
    return "" if session is None else form_text(session)


def require_same_site(session: str | None) -> None:
    """Refuse what another site sends.

    Raises:
        Forbidden: it does, or the form was not shown in this session.
    """
    if _is_foreign():
        raise Forbidden("Another site sent this.")
    if session is None:
        return
    given = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), form_text(session).encode()):
        raise Forbidden("This form is from before you signed in, or from elsewhere. Open the page again.")


def _is_foreign() -> bool:
    """By the browser's own word; one that gives none is asked for its Origin, which ours may be ``null``."""
    fetched, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    if fetched is not None:
        return fetched not in {"same-origin", "none"}
    return origin != "null" and urlsplit(origin).netloc != request.host


def install(app: Flask) -> None:
    """Give templates the field."""
    app.jinja_env.globals.update(csrf=render_field, csrf_text=session_text)
