"""The page that checks a bundle in the visitor's own browser, and the file that needs no server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from flask import Blueprint, current_app, render_template

from traceability.errors import IdentifierError
from traceability.identifiers import Batch
from webapp import http

checking = Blueprint("checking", __name__)
PROGRAM: Final = "built/verify.js"
WHOLE: Final = "built/verify.html"
"""Both are built from ``webapp/verifier`` by ``make verifier``, and need not be there."""


@checking.get("/check")
def any_bundle() -> str:
    """Check any bundle, chosen as a file."""
    return _page(None)


@checking.get("/check/01/<gtin>/10/<lot:lot>")
def bundle_of(gtin: str, lot: str) -> str:
    """Check a batch's bundle, as this node hands it out."""
    if len(gtin) != 14:
        raise IdentifierError(f"a GTIN in an address has 14 digits; {gtin[:32]!r} has {len(gtin)}")
    return _page(Batch(gtin, lot))


def _page(batch: Batch | None) -> str:
    http.allow_fetching()
    built = is_built()
    return render_template(
        "verify.html",
        batch=batch,
        program=PROGRAM if built else None,
        whole=WHOLE,
        sha256=hashlib.sha256(_built(WHOLE).read_bytes()).hexdigest() if built else "",
        log=current_app.extensions["node"].policy.log.vkey(),
    )


def is_built() -> bool:
    """Whether the program for browsers is there."""
    return _built(PROGRAM).is_file() and _built(WHOLE).is_file()


def _built(name: str) -> Path:
    return Path(str(current_app.static_folder)) / name
