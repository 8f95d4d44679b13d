"""``/account``: one's own password, app and sessions."""

from __future__ import annotations

from typing import cast

import qrcode
import qrcode.image.svg
from flask import Response, abort, render_template, request, url_for
from markupsafe import Markup
from qrcode.constants import ERROR_CORRECT_M

from traceability.errors import SignInError, WeakPasswordError
from traceability.operations.accounts import own
from traceability.operations.accounts.sessions import (
    PROOF_MS,
    Session,
    end_session,
    end_sessions,
    list_sessions,
)
from traceability.operations.accounts.totp import app_address, show_secret
from webapp.accounts.blueprint import accounts
from webapp.accounts.refusals import DIFFER, NOT_YOURS, reason
from webapp.accounts.signing import attempts, go, typed
from webapp.api.access import node, store
from webapp.cookie import give
from webapp.i18n import language, translate
from webapp.signedin import requires, say, visitor


@accounts.get("/account")
@requires()
def account() -> str:
    """The person's own page."""
    return _page()


@accounts.post("/account/password")
@requires()
def password() -> Response:
    """Choose another password, knowing the one of now."""
    if typed("password") != typed("again"):
        return Response(_page(reason(DIFFER)), 400)
    try:
        own.prove(store(), node(), attempts(), _session(), typed("current"))
        text = own.change_password(store(), node(), visitor().actor, _session(), typed("password"))
    except SignInError:
        return Response(_page(reason(NOT_YOURS)), 403)
    except WeakPasswordError as error:
        return Response(_page(reason(error)), 400)
    give(text)
    say(translate("Your password was changed; all your other sessions have ended."))
    return _home()


@accounts.route("/account/app", methods=["GET", "POST"])
@requires()
def app() -> Response:
    """Take an app for codes into use; then recovery codes are shown, this once."""
    if request.method != "POST":
        return Response(_app())
    if (refused := _prove()) is not None:
        return Response(_app(reason(refused)), 403)
    try:
        text, codes = own.set_up_app(store(), node(), visitor().actor, _session(), typed("code"))
    except SignInError as error:
        return Response(_app(reason(error)), 400)
    give(text)
    return Response(render_template("codes.html", codes=codes))


@accounts.post("/account/app/remove")
@requires()
def remove_app() -> Response:
    """Do without an app."""
    if (refused := _prove()) is not None:
        return Response(_page(reason(refused)), 403)
    give(own.remove_app(store(), node(), visitor().actor, _session()))
    say(translate("Your app is not asked for any more."))
    return _home()


@accounts.post("/account/codes")
@requires()
def codes() -> Response:
    """New recovery codes, shown this once."""
    if (refused := _prove()) is not None:
        return Response(_page(reason(refused)), 403)
    return Response(
        render_template("codes.html", codes=own.new_codes(store(), node(), visitor().actor, _session()))
    )


@accounts.post("/account/sessions/<short>/end")
@requires()
def end_one(short: str) -> Response:
    """End one of one's own sessions; another's is not there."""
    found = next((each for each in _sessions() if each.short == short), None)
    if found is None:
        abort(404)
    with store().transaction() as tx:
        end_session(tx, visitor().actor, found)
    say(translate("The session has ended."))
    return _home()


@accounts.post("/account/sessions/end")
@requires()
def end_others() -> Response:
    """End all one's sessions but this."""
    with store().transaction() as tx:
        end_sessions(tx, visitor().actor, _session().person.id, besides=_session().id)
    say(translate("All your other sessions have ended."))
    return _home()


def _prove() -> str | None:
    """Ask for the password where it was not shown lately; why it does not count."""
    if store().clock() - _session().proved_ms <= PROOF_MS:
        return None
    try:
        own.prove(store(), node(), attempts(), _session(), typed("current"))
    except SignInError:
        return NOT_YOURS
    return None


def _page(refused: str = "") -> str:
    return render_template(
        "account.html", refused=refused, sessions=_sessions(), ask=_asks(), mine=_session().id
    )


def _app(refused: str = "") -> str:
    secret = own.app_secret(node(), _session())
    address = app_address(node(), _session().person.login, secret)
    return render_template(
        "app.html", refused=refused, picture=_picture(address), secret=show_secret(secret), ask=_asks()
    )


def _picture(address: str) -> Markup:
    """The address as a QR code: an element of the page, for no other address is to hold the secret."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(address)
    image = code.make_image(image_factory=qrcode.image.svg.SvgPathImage)
    return Markup(image.to_string(encoding="unicode"))  # noqa: S704 -- drawn here, from modules that are on or off


def _asks() -> bool:
    return store().clock() - _session().proved_ms > PROOF_MS


def _session() -> Session:
    return cast("Session", visitor().session)


def _sessions() -> list[Session]:
    with store().reading() as connection:
        return list(list_sessions(connection, node(), _session().person.id, store().clock()))


def _home() -> Response:
    return go(url_for("accounts.account", lang=language()))
