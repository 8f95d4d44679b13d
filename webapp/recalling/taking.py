"""Who takes part, for the pages of recalls, and how these read a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import request

from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.recalling.people import Participant
from webapp.signedin import Visitor, visitor

LONGEST: Final = 20_000
_TEXTS: Final = ("hazard", "advice")


def me() -> Participant:
    """The visitor as somebody who takes part in recalls; the right to see the page was checked before."""
    return as_participant(visitor())


def as_participant(who: Visitor) -> Participant:
    """The same of any visitor."""
    office = who.kind is PartyKind.AUTHORITY
    recalls = Right.RECALL in who.rights
    return Participant(
        who.user.login if who.user else "",
        who.party or "",
        who.actor,
        regulator=office,
        recalls=recalls,
        approves=Right.APPROVE in who.rights if office else recalls,
    )


def typed(name: str) -> str:
    """A field of the form, without spaces around it."""
    return request.form.get(name, "").strip()[:LONGEST]


def said() -> Mapping[str, Any]:
    """The texts of a recall as the form has them, as ``read_notice`` reads them."""
    number, contact = typed("recallClass"), typed("contact")
    texts = {name: {tongue: typed(f"{name}-{tongue}") for tongue in ("en", "zh")} for name in _TEXTS}
    return {
        "recallClass": int(number) if number in {"1", "2", "3"} else number,
        **texts,
        **({"contact": contact} if contact else {}),
    }
