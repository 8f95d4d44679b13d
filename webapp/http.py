"""What every response carries: the rules for the browser, how long it may be kept, compression."""

from __future__ import annotations

import gzip
from functools import lru_cache
from typing import Final

from flask import Flask, Response, g, request

CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALONE: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For what others wrote: if a browser shows it after all, it runs nothing and belongs to no site."""
EVENTS: Final = "text/event-stream"
SMALLEST: Final = 500
"""Bytes; below this, compression saves nothing."""

SCANNING: Final = (
    CONTENT_POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
    + "; connect-src 'self'"
)
"""For the page that reads codes: it runs a decoder in WebAssembly, which it fetches from this site."""
CAMERA: Final = "camera=(self), geolocation=(), microphone=()"

_SECURITY: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS: Final = "max-age=31536000"
_PACKED: Final = ("text/", "application/javascript", "application/json", "image/svg+xml")


def install(app: Flask, *, secure: bool) -> None:
    """Finish every response of an application; ``secure`` says that it is reached by https."""

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(_SECURITY | ({"Strict-Transport-Security": _HSTS} if secure else {}))
        if g.get("fetching"):
            response.headers["Content-Security-Policy"] = f"{CONTENT_POLICY}; connect-src 'self'"
        if g.get("scanning"):
            response.headers["Content-Security-Policy"] = SCANNING
            response.headers["Permissions-Policy"] = CAMERA
        if g.get("alone"):
            response.headers["Content-Security-Policy"] = ALONE
        # Nobody may be shown yesterday's page of a lot: not by a proxy, not by "back", not while we are down.
        response.headers.setdefault("Cache-Control", "no-store")
        if response.mimetype == "text/html":
            response.headers["Content-Language"] = g.get("language", "en")
            response.vary.add("Accept-Language")
        return _pack(response)


def allow_fetching() -> None:
    """Let the script of the page that is being answered ask this site for files; no other page may."""
    g.fetching = True


def allow_scanning() -> None:
    """Let the page that is being answered use the camera and the decoder; no other page may."""
    g.scanning = True


def stand_alone() -> None:
    """What is being answered was written by others: no browser may take it for a page of this site."""
    g.alone = True


def keep_private() -> None:
    """What is being answered may hold a secret beside what the visitor sent: its length must not tell it."""
    g.private = True


def packed(text: str) -> Response:
    """A page, compressed once however often it is asked for: only for what everybody is shown alike."""
    if request.accept_encodings["gzip"] <= 0:
        return Response(text, mimetype="text/html")
    response = Response(_compress(text), mimetype="text/html")
    response.content_encoding = "gzip"
    response.vary.add("Accept-Encoding")
    return response


@lru_cache(maxsize=128)
def _compress(text: str) -> bytes:
    return gzip.compress(text.encode(), 6, mtime=0)


def _pack(response: Response) -> Response:
    """Compress text for those who take gzip, and what a view says is ``g.compressible``; nothing private."""
    kind = response.mimetype or ""
    if kind == EVENTS:
        response.headers["X-Accel-Buffering"] = "no"  # a proxy would hold events back until it has enough
        return response
    if g.get("private") or response.content_encoding:
        return response
    if not kind.startswith(_PACKED) and not kind.endswith("+json") and not g.get("compressible", False):
        return response
    response.vary.add("Accept-Encoding")
    if response.status_code in {204, 206, 304} or request.accept_encodings["gzip"] <= 0:
        return response
    response.direct_passthrough = False
    data = response.get_data()
    if len(data) >= SMALLEST:
        response.set_data(gzip.compress(data, 6, mtime=0))
        response.content_encoding = "gzip"
        etag, _ = response.get_etag()
        if etag is not None:
            response.set_etag(etag, weak=True)
    return response
