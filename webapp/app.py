"""Composition: settings in, Flask application out."""

from __future__ import annotations

import os
from functools import partial
from urllib.parse import urlsplit

from flask import Flask, Response, abort, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from traceability import settings as configuration
from traceability.broker import answers_at
from traceability.errors import (
    BrokerUnavailableError,
    ConflictError,
    ForbiddenError,
    IdentifierError,
    LabelError,
    LostStatementError,
    NotPublishedError,
    ProofTooLargeError,
    StoreUnavailableError,
    TooOftenError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.operations.accounts.attempts import Attempts
from traceability.operations.accounts.letters import letters_of
from traceability.operations.credentials import PROBE, own_credential
from traceability.operations.node import Node, load_node
from traceability.operations.visitors.networks import Networks
from traceability.operations.visitors.scans import Scans
from traceability.settings import WebSettings, tls_context
from traceability.store.engine import Store
from webapp import called, cookie, crosssite, database, http, i18n, navigation, proxies, signedin, units
from webapp.accounts import accounts
from webapp.api import epcis, problems
from webapp.api.enrol import Patience, enrol
from webapp.api.health import health
from webapp.api.log import log
from webapp.changes import Changes
from webapp.consumer.checking import checking
from webapp.consumer.documents import documents
from webapp.consumer.journeys import KEPT_TOO_LARGE_S, Journeys
from webapp.consumer.pictures import pictures
from webapp.consumer.reporting import reporting
from webapp.consumer.views import LotConverter, pages
from webapp.live import live
from webapp.notices import notices
from webapp.printing.views import printing
from webapp.producer import console, options
from webapp.recalling import cases
from webapp.recalling import notices as recall_notices
from webapp.regulator import regulator, sharing
from webapp.reports import reports
from webapp.temperature import temperature

ERRORS: dict[type[TraceabilityError], tuple[int, str]] = {
    IdentifierError: (400, "broken"),
    LabelError: (400, "refused"),
    UnknownSubjectError: (404, "unknown"),
    NotPublishedError: (503, "pending"),
    ProofTooLargeError: (503, "too-large"),
    LostStatementError: (503, "lost"),
    TooOftenError: (429, "refused"),
    ForbiddenError: (403, "refused"),
    ConflictError: (409, "refused"),
    StoreUnavailableError: (503, "down"),
}
"""HTTP status and page of an error; any other is 500."""

BLUEPRINTS = (
    pages,
    checking,
    documents,
    pictures,
    reporting,
    reports,
    notices,
    regulator,
    sharing,
    console,
    printing,
    accounts,
    live,
    temperature,
    log,
    health,
    enrol,
)

RETRY_S = {"pending": 5, "down": 60, "too-large": int(KEPT_TOO_LARGE_S)}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def create_app(settings: WebSettings | None = None) -> Flask:
    """The web application.

    Args:
        settings: read from the environment if not given.
    """
    chosen = settings or configuration.load(WebSettings, os.environ)
    app = Flask(__name__)
    app.config.update(
        BASE_URL=chosen.base_url,
        DEMO=chosen.demo,
        MAX_CONTENT_LENGTH=64 * 1024,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.jinja_options = {**app.jinja_options, "trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    app.url_map.merge_slashes = False
    app.url_map.converters["lot"] = LotConverter
    node = load_node(chosen.data)
    app.extensions["node"] = node
    app.extensions["journeys"] = Journeys(node)
    app.extensions["ping_broker"] = lambda: _ping(chosen, node)
    app.extensions["patience"] = Patience()
    app.extensions["networks"] = Networks()
    app.extensions["letters"] = letters_of(chosen.smtp_url, chosen.mail_from, node.name, chosen.base_url)
    _refuse_other_hosts(app, chosen.base_url)
    database.install(app, chosen.database_url)
    app.extensions["changes"] = Changes(chosen.database_url)
    for part in (i18n, cookie, crosssite, signedin, navigation, called, units, options):
        part.install(app)
    app.extensions["store"] = Store(database.existing(chosen.database_url))
    app.extensions["attempts"] = Attempts(app.extensions["store"], node)
    app.extensions["scans"] = Scans(app.extensions["store"], app.extensions["networks"])
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_blueprint(cases, name="office_recalls", url_prefix="/regulator/recalls")
    app.register_blueprint(cases, name="firm_recalls", url_prefix="/console/recalls")
    app.register_blueprint(recall_notices)
    epcis.install(app)
    _install_errors(app)
    proxies.install(app, chosen.proxies)
    http.install(app, secure=chosen.base_url.startswith("https:"))
    return app


def _ping(settings: WebSettings, node: Node) -> None:
    shown = own_credential(node, PROBE)
    user = shown.username, shown.password
    if not answers_at(settings.mqtt_url, 2.0, user, partial(tls_context, settings.mqtt_tls)):
        raise BrokerUnavailableError("the broker does not answer")


def _refuse_other_hosts(app: Flask, base_url: str) -> None:
    """Answer only to the node's own name and to loopback (Flask's own check knows no IPv6 addresses)."""
    known = LOOPBACK | {urlsplit(base_url).hostname or ""}

    @app.before_request
    def check() -> None:
        try:
            asked = urlsplit(f"//{request.host}").hostname
        except ValueError:
            asked = None
        if asked not in known:
            abort(400, "This site does not answer to that host name.")
        if b"%00" in request.query_string or ("\0" in request.path and problems.asked()):
            abort(400, "An address has no NUL characters.")


def _install_errors(app: Flask) -> None:
    def refuse(error: TraceabilityError) -> Response:
        if problems.asked():
            return problems.respond(error)
        status, page = next(
            (found for kind, found in ERRORS.items() if isinstance(error, kind)), (500, "defect")
        )
        if status >= 500 and page != "pending":
            app.logger.error("%s: %s", error.code, error)
        response = Response(render_template("problem.html", page=page, error=error), status)
        if isinstance(error, TooOftenError):
            response.headers["Retry-After"] = str(error.retry_s)
        if page in RETRY_S:
            response.headers["Retry-After"] = str(RETRY_S[page])
        return response

    def down(error: SQLAlchemyError) -> Response:
        return refuse(StoreUnavailableError(str(error)))

    def other(error: HTTPException) -> Response | HTTPException:
        if error.code is None or error.code < 400:
            return error
        if problems.asked():
            return problems.respond(error)
        page = {404: "unknown-page", 500: "defect"}.get(error.code, "other")
        body = render_template("problem.html", page=page, error=error)
        headers = {k: v for k, v in error.get_headers(request.environ) if k == "Allow"}
        return Response(body, error.code, headers)

    app.register_error_handler(TraceabilityError, refuse)
    app.register_error_handler(SQLAlchemyError, down)
    app.register_error_handler(HTTPException, other)
