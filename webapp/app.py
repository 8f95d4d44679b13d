"""Composition: settings in, Flask application out."""

from __future__ import annotations

import os
import secrets
from urllib.parse import urlsplit

from flask import Flask, Response, g, render_template, request
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException

from traceability import settings as configuration
from traceability.broker import answers_mqtt
from traceability.errors import (
    BrokerUnavailableError,
    IdentifierError,
    NotPublishedError,
    StoreUnavailableError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.operations.node import load_node
from traceability.settings import WebSettings
from webapp import database, i18n
from webapp.api.health import health
from webapp.api.log import log
from webapp.consumer.journeys import Journeys
from webapp.consumer.views import pages

ERRORS: dict[type[TraceabilityError], tuple[int, str]] = {
    IdentifierError: (400, "broken"),
    UnknownSubjectError: (404, "unknown"),
    NotPublishedError: (503, "pending"),
    StoreUnavailableError: (503, "down"),
}
"""HTTP status and page of an error; any other is 500."""

CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]


def create_app(settings: WebSettings | None = None) -> Flask:
    """The web application.

    Args:
        settings: read from the environment if not given.
    """
    chosen = settings or configuration.load(WebSettings, os.environ)
    app = Flask(__name__)
    host = urlsplit(chosen.base_url).hostname or ""
    app.config.update(
        BASE_URL=chosen.base_url,
        MAX_CONTENT_LENGTH=64 * 1024,
        TRUSTED_HOSTS=[host, *LOOPBACK],
        SECRET_KEY=secrets.token_bytes(32),
    )
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    node = load_node(chosen.data)
    app.extensions["node"] = node
    app.extensions["journeys"] = Journeys(node)
    app.extensions["ping_broker"] = lambda: _ping(chosen.mqtt_url)
    database.install(app, chosen.database_url)
    i18n.install(app)
    for blueprint in (pages, log, health):
        app.register_blueprint(blueprint)
    _install_errors(app)
    _install_headers(app)
    return app


def _ping(url: str) -> None:
    parts = urlsplit(url)
    if not answers_mqtt(parts.hostname or "", parts.port or 1883, 2.0):
        raise BrokerUnavailableError(f"no MQTT broker answers at {url}")


def _install_errors(app: Flask) -> None:
    def refuse(error: TraceabilityError) -> tuple[str, int]:
        status, page = next(
            (found for kind, found in ERRORS.items() if isinstance(error, kind)), (500, "defect")
        )
        if status >= 500:
            app.logger.error("%s: %s", error.code, error)
        return render_template("problem.html", page=page, error=error, path=request.path), status

    def down(error: DBAPIError) -> tuple[str, int]:
        return refuse(StoreUnavailableError(str(error.orig)))

    def other(error: HTTPException) -> tuple[str, int] | HTTPException:
        if error.code is None or error.code < 400:
            return error
        known = {400: "broken", 404: "unknown-page"}
        return render_template("problem.html", page=known.get(error.code, "other"), error=error), error.code

    app.register_error_handler(TraceabilityError, refuse)
    app.register_error_handler(DBAPIError, down)
    app.register_error_handler(HTTPException, other)


def _install_headers(app: Flask) -> None:
    @app.after_request
    def add(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if response.mimetype == "text/html":
            response.headers["Content-Language"] = g.get("language", i18n.DEFAULT)
            response.headers.setdefault("Cache-Control", "no-cache")
            response.vary.add("Accept-Language")
        return response
