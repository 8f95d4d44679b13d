"""The page that checks a bundle in the visitor's own browser, and the file that needs no server."""

from __future__ import annotations

import hashlib
import posixpath
from typing import Final

from flask import Blueprint, abort, current_app, render_template, request
from markupsafe import Markup

from traceability.errors import MalformedError, RefusedError, TamperError
from traceability.identifiers import Batch
from traceability.operations.node import Node
from traceability.operations.verifierfile import Logged, Standing, look_up, operator_of
from webapp import built, http
from webapp.consumer.lotpage import parse_long_gtin
from webapp.database import snapshot
from webapp.signedin import public

checking = Blueprint("checking", __name__)
PROGRAM: Final = "built/verify.js"
WHOLE: Final = "built/verify.html"
"""Both are built from ``webapp/verifier`` by ``make verifier``, and need not be there."""


@checking.before_app_request
def close() -> None:
    """Hand out no file that checks while the one that is served is not the one that the log names."""
    name = posixpath.normpath((request.view_args or {}).get("filename", "")).casefold()
    if request.endpoint != "static" or name not in {PROGRAM, WHOLE} or not is_built():
        return
    if _logged(current_app.extensions["node"]).standing is Standing.OTHER:
        abort(404)


@checking.get("/check")
@public
def any_bundle() -> str:
    """Check any bundle, chosen as a file."""
    return _page(None)


@checking.get("/check/01/<gtin>/10/<lot:lot>")
@public
def bundle_of(gtin: str, lot: str) -> str:
    """Check a batch's bundle, as this node hands it out."""
    return _page(Batch(parse_long_gtin(gtin), lot))


def _page(batch: Batch | None) -> str:
    http.allow_fetching()
    node: Node = current_app.extensions["node"]
    logged = _logged(node) if is_built() else None
    return render_template(
        "verify.html",
        batch=batch,
        program=PROGRAM if logged is not None else None,
        whole=WHOLE,
        logged=logged,
        operator=operator_of(node),
        zone=Markup('<span class="zone">UTC+00:00</span>'),
        log=node.policy.log.vkey(),
    )


def _logged(node: Node) -> Logged:
    """What the log says of the file that is served; where that does not match, as if it named another."""
    data = built.file_of(WHOLE).read_bytes()
    try:
        found = look_up(snapshot(), node, data)
    except (TamperError, MalformedError, RefusedError) as failure:
        current_app.logger.error("what the log says of verify.html does not match: %s", failure)
        found = Logged(hashlib.sha256(data).hexdigest(), Standing.OTHER)
    if found.standing is Standing.OTHER:
        current_app.logger.error("verify.html with SHA-256 %s is not in the log", found.sha256)
    return found


def is_built() -> bool:
    """Whether the program for browsers is there."""
    return built.is_built(PROGRAM, WHOLE)
