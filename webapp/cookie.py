"""The one cookie of the site: it holds a session, and only who signs in gets it.

Under https its name begins with ``__Host-``: browsers then take it from this very host over https alone, for
all of its paths (RFC 6265bis 4.1.3.2). Over plain http it is given to browsers on this very machine only.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

from traceability.hosts import only_here

SECURE_NAME: Final = "__Host-ft"
PLAIN_NAME: Final = "ft-this-machine"
_LONGEST: Final = 64


def is_secure() -> bool:
    """Whether the site is reached by https."""
    return str(current_app.config["BASE_URL"]).startswith("https:")


def may_hold() -> bool:
    """Whether a session may be given over this connection: it is encrypted, or never leaves the machine."""
    return is_secure() or only_here(urlsplit(f"//{request.host}").hostname or "")


def held() -> str | None:
    """What the browser holds, or will with this answer; None if that is nothing of ours."""
    text = g.get("given", request.cookies.get(_name()))
    return str(text)[:_LONGEST] if text and may_hold() else None


def give(text: str) -> None:
    """Have the browser hold a session, from this answer on until it is closed; none if empty."""
    g.given = text
    g.pop("visitor", None)


def install(app: Flask) -> None:
    """Set the cookie where a view gave one."""

    @app.after_request
    def set_cookie(response: Response) -> Response:
        if (text := g.get("given")) is not None:
            response.set_cookie(
                _name(),
                text,
                path="/",
                max_age=None if text else 0,
                secure=is_secure(),
                httponly=True,
                samesite="Lax",
            )
        return response


def _name() -> str:
    return SECURE_NAME if is_secure() else PLAIN_NAME
