"""``/regulator/status``: how the log, its witnesses and the programs of the node are, in words."""

from __future__ import annotations

from typing import Final

from flask import render_template

from traceability.operations.accounts.roles import Right
from traceability.operations.nodehealth import Seen, look_at_node
from webapp.api.access import node, store
from webapp.database import snapshot
from webapp.i18n import noted
from webapp.regulator.blueprint import regulator
from webapp.signedin import requires

SEEN: Final = {
    Seen.CURRENT: noted("has signed the newest checkpoint"),
    Seen.BEHIND: noted("has signed an older checkpoint, and is asked again within a minute"),
    Seen.AWAY: noted("has signed nothing for ten minutes"),
    Seen.NEVER: noted("has never signed a checkpoint here"),
}


@regulator.get("/status")
@requires(Right.TRACE)
def status() -> str:
    """The page."""
    found = look_at_node(snapshot(), node(), store().clock())
    return render_template("regulator/status.html", found=found, seen=SEEN)
