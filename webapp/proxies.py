"""Who asks, where a reverse proxy stands in front: its word counts, and nobody else's.

What ``X-Forwarded-For`` and ``X-Forwarded-Proto`` say is believed only of requests that come from an address
in ``FT_PROXIES``, and only what that proxy itself wrote last. From anybody else such headers are taken off:
no view can believe them. ``X-Forwarded-Host`` is never believed: the site knows its name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BELIEVED: Final = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")
HEADERS: Final = (
    *BELIEVED,
    *("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED"),
    *("HTTP_X_REAL_IP", "HTTP_X_FORWARDED_SSL", "HTTP_X_SCRIPT_NAME"),
)


class Proxies:
    """Between the server and the application."""

    def __init__(self, application: WSGIApplication, trusted: Sequence[str]) -> None:
        self._application = application
        self._behind = ProxyFix(application, x_for=1, x_proto=1, x_host=0, x_port=0, x_prefix=0)
        self._trusted = [ipaddress.ip_network(each) for each in trusted]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        believed = BELIEVED if self._is_ours(environ.get("REMOTE_ADDR", "")) else ()
        for name in HEADERS:
            if name not in believed:
                environ.pop(name, None)
        return (self._behind if believed else self._application)(environ, start_response)

    def _is_ours(self, address: Any) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._trusted)


def install(app: Flask, trusted: Sequence[str]) -> None:
    """Let the proxies of ``FT_PROXIES`` say who asks."""
    app.wsgi_app = Proxies(app.wsgi_app, trusted)  # type: ignore[method-assign]
