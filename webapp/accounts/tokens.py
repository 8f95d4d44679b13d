"""``/tokens``: the tokens by which a party's programs use the API."""

from __future__ import annotations

from flask import Response, render_template, request, url_for

from traceability.errors import ConflictError, MalformedError
from traceability.operations.accounts.partytokens import make_own_token
from traceability.operations.accounts.roles import PartyKind, Right
from traceability.operations.tokens import Scope, list_tokens, revoke_token
from webapp.accounts.blueprint import accounts
from webapp.accounts.refusals import reason
from webapp.accounts.signing import go, typed
from webapp.api.access import node, store
from webapp.i18n import language, noted, translate
from webapp.signedin import requires, say, visitor

SCOPES = {
    Scope.CAPTURE: noted("record events"),
    Scope.QUERY: noted("read events"),
    Scope.RECALL: noted("hold and recall lots"),
}


@accounts.get("/tokens")
@requires(Right.TOKENS)
def tokens() -> str:
    """The list, and the form that makes one."""
    return _page()


@accounts.post("/tokens")
@requires(Right.TOKENS)
def make() -> Response:
    """Make a token; it is shown once."""
    days = typed("days")
    try:
        text, made = make_own_token(
            store(),
            node(),
            visitor().actor,
            scopes=[Scope(word) for word in request.form.getlist("scope") if word in set(Scope)],
            days=int(days) if days.isascii() and days.isdecimal() and len(days) <= 4 else 0,
            name=typed("name").strip(),
            regulator=typed("regulator") == "1",
        )
    except (MalformedError, ConflictError) as error:
        return Response(_page(reason(error)), 400)
    return Response(render_template("token.html", text=text, token=made))


@accounts.post("/tokens/<name>/revoke")
@requires(Right.TOKENS)
def revoke(name: str) -> Response:
    """End a token at once; another party's is not there."""
    revoke_token(store(), node(), name, actor=visitor().actor, within=visitor().party or "")
    say(translate("The token is not valid any more."))
    return go(url_for("accounts.tokens", lang=language()))


def _page(refused: str = "") -> str:
    with store().reading() as connection:
        found = list_tokens(connection, node(), visitor().party or "")
    return render_template(
        "tokens.html",
        tokens=found,
        now_ms=store().clock(),
        scopes=SCOPES,
        authority=visitor().kind is PartyKind.AUTHORITY,
        refused=refused,
    )
