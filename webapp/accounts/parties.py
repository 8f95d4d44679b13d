"""``/parties``: who takes part; administrators make parties and say what they are."""

from __future__ import annotations

from typing import Final

from flask import Response, render_template, url_for

from traceability.errors import ConflictError, IdentifierError
from traceability.operations.accounts.kinds import list_kinds, set_kind
from traceability.operations.accounts.managing import make_party
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.names import all_parties
from webapp.accounts.blueprint import accounts
from webapp.accounts.refusals import reason
from webapp.accounts.signing import go, typed
from webapp.api.access import node, store
from webapp.called import KINDS
from webapp.i18n import language, noted, translate
from webapp.signedin import requires, say, visitor

CHOOSE: Final = noted("Choose what the party is.")


@accounts.get("/parties")
@requires(Right.ADMINISTER)
def parties() -> str:
    """The list, and the form that makes one."""
    return _page()


@accounts.post("/parties")
@requires(Right.ADMINISTER)
def enrol() -> Response:
    """Make a party; then its first manager is invited."""
    kind = typed("kind")
    names = {"en": typed("name_en").strip(), "zh": typed("name_zh").strip()}
    if kind not in set(PartyKind) or not all(names.values()):
        return Response(_page(translate(CHOOSE)), 400)
    try:
        made = make_party(
            store(), node(), visitor().actor, names, PartyKind(kind), typed("gln").strip() or None
        )
    except (ConflictError, IdentifierError) as error:
        return Response(_page(reason(error)), 400)
    say(translate("The party is enrolled. Invite its first manager now."))
    return go(url_for("accounts.people", party=made, lang=language(), _anchor="invite"))


@accounts.post("/parties/kind")
@requires(Right.ADMINISTER)
def change_kind() -> Response:
    """Say what a party is."""
    kind = typed("kind")
    if kind not in set(PartyKind):
        return Response(_page(translate(CHOOSE)), 400)
    with store().transaction() as tx:
        set_kind(tx, node(), visitor().actor, typed("party"), PartyKind(kind))
    say(translate("It is written down what the party is; its people have the rights of that from now on."))
    return go(url_for("accounts.parties", lang=language()))


def _page(refused: str = "") -> str:
    with store().reading() as connection:
        found = all_parties(connection, node())
        kinds = list_kinds(connection, node())
    return render_template("parties.html", parties=found, kinds=kinds, words=KINDS, refused=refused)
