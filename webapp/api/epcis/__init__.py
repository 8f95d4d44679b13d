"""The REST binding of EPCIS 2.0 under ``/epcis``: capture, events, named queries, OpenAPI 3.1.

The one OpenAPI document describes recalls and traces, too.
"""

from __future__ import annotations

import json

from flask import Flask
from flask_smorest import Api

from webapp.api.epcis import capture, discovery, events, queries
from webapp.api.epcis.describing import fill
from webapp.api.epcis.exchange import announce
from webapp.api.epcis.resource import PREFIX, Bounds, epcis
from webapp.api.recalls import PREFIX as RECALLS
from webapp.api.recalls import recalls
from webapp.api.traces import PREFIX as TRACE
from webapp.api.traces import traces

__all__ = ["capture", "discovery", "events", "install", "queries"]


def install(app: Flask) -> None:
    """Add the API to an application; errors are told by the handlers that are registered after this."""
    api = Api(
        app,
        spec_kwargs={
            "title": "Food traceability: EPCIS 2.0",
            "version": "2.0",
            "openapi_version": "3.1.0",
            "info": {"description": "The REST binding of EPCIS 2.0 (GS1), chapter 12, in JSON."},
        },
    )
    # Every answer of an operation is named; a catch-all would hide one that is missing.
    api.DEFAULT_ERROR_RESPONSE_NAME = None
    fill(api.spec)
    for blueprint in (epcis, recalls, traces):
        api.register_blueprint(blueprint)
    app.extensions["epcis-openapi"] = json.dumps(api.spec.to_dict())
    app.extensions["epcis-bounds"] = Bounds()
    for prefix in (PREFIX, RECALLS, TRACE):
        announce(app, prefix)
