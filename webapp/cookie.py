"""The one cookie of the site: it holds a session, and only who signs in gets it.

Under https its name begins with ``__Host-``: browsers then take it from this very host over https alone, for
all of its paths (RFC 6265bis 4.1.3.2). Over plain http it is given to browsers on this very machine only.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Response, current_app, request

from traceability.settings import only_here

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
    """What the browser holds, if it holds anything of ours."""
    text = request.cookies.get(_name())
    return text[:_LONGEST] if text and may_hold() else None


def give(response: Response, text: str) -> None:
    """Have the browser hold a session until it is closed."""
    response.set_cookie(_name(), text, path="/", secure=is_secure(), httponly=True, samesite="Lax")


def take_back(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(_name(), path="/", secure=is_secure(), httponly=True, samesite="Lax")


def _name() -> str:
    return SECURE_NAME if is_secure() else PLAIN_NAME
