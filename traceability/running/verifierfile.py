"""The ``verify.html`` that the site serves, if it was built, and its deposit when the node starts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from traceability.errors import TraceabilityError
from traceability.operations.node import Node
from traceability.operations.verifierfile import deposit_verifier
from traceability.store.engine import Store


def served_verifier() -> Path | None:
    """Where the site's ``verify.html`` is once it was built; None if the site is not installed."""
    site = find_spec("webapp")
    if site is None or site.origin is None:
        return None
    return Path(site.origin).with_name("static") / "built" / "verify.html"


def deposit_served(store: Store, node: Node) -> str | None:
    """Put the hash of the served file into the log, if it is not there; what a person is told of it.

    A node starts all the same where that fails: the line says why, and so does ``traceability doctor``.
    """
    path = served_verifier()
    if path is None or not path.is_file():
        return None
    try:
        made = deposit_verifier(store, node, path.read_bytes())
    except TraceabilityError as error:
        return f"verify.html was not put into the log: {error} [{error.code}]"
    if made.known:
        return None
    return f"verify.html goes into the log: SHA-256 {made.notice.sha256}"
