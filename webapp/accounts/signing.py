"""``/sign-in`` and ``/sign-out``."""

from __future__ import annotations

import re
from typing import Final, cast

from flask import Response, current_app, redirect, render_template, request, url_for

from traceability.errors import SignInError, TooOftenError
from traceability.operations.accounts.attempts import Attempts
from traceability.operations.accounts.sessions import end_session
from traceability.operations.accounts.signin import Shown, sign_in
from traceability.operations.accounts.trail import network_of
from webapp.accounts.blueprint import accounts
from webapp.api.access import node, store
from webapp.cookie import give, held, may_hold
from webapp.i18n import language, noted
from webapp.navigation import places
from webapp.signedin import public, requires, visitor

LONGEST: Final = 1024
"""Characters of a field that are looked at."""
_HERE: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
NO_MATCH: Final = noted("Name, password or code do not match.")
TOO_OFTEN: Final = noted("Too many tries failed. Wait a moment, then try again.")


@accounts.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
@public
def sign_in_page() -> Response:
    """The form; and once it is sent, a session and the page that was wanted."""
    if not may_hold():
        return insecure()
    if request.method != "POST":
        return Response(_form())
    try:
        text = sign_in(store(), node(), attempts(), _shown(), held())
    except SignInError:
        return Response(_form(NO_MATCH), 403)
    except TooOftenError as error:
        return Response(_form(TOO_OFTEN), 429, {"Retry-After": str(error.retry_s)})
    give(text)
    return go(_wanted())


@accounts.get("/account/begin")
@requires()
def begin() -> Response:
    """On to the page that somebody like the visitor begins with: an app for codes, where one must have it."""
    session = visitor().session
    if session is not None and session.lacks_second_factor:
        return go(url_for("accounts.app", lang=language()))
    return go(url_for(places()[0].endpoint, lang=language()))


@accounts.post("/sign-out")
@public
def sign_out() -> Response:
    """End this session, in the store and in the browser."""
    who = visitor()
    if who.session is not None:
        with store().transaction() as tx:
            end_session(tx, who.actor, who.session)
    give("")
    return go(url_for("accounts.sign_in", lang=language()))


def go(address: str) -> Response:
    """On to another page of this site, which is read and not sent again."""
    return cast("Response", redirect(address, 303))


def insecure() -> Response:
    """Why nobody signs in over this connection."""
    return Response(render_template("insecure.html"), 403)


def attempts() -> Attempts:
    """Those of this application."""
    return cast("Attempts", current_app.extensions["attempts"])


def network() -> str:
    """From where this request comes."""
    return network_of(request.remote_addr)


def agent() -> str:
    """What the browser says that it is."""
    return request.user_agent.string


def typed(name: str) -> str:
    """A field of the form."""
    return request.form.get(name, "")[:LONGEST]


def _wanted() -> str:
    """Where somebody wanted to go: an address of this site and nothing else."""
    text = request.values.get("next", "")[:LONGEST]
    return text if _HERE.fullmatch(text) else url_for("accounts.begin", lang=language())


def _form(refused: str | None = None) -> str:
    wanted = request.values.get("next", "")[:LONGEST]
    return render_template("signin.html", refused=refused, login=typed("login"), next=wanted)


def _shown() -> Shown:
    code = "".join(typed("code").split())
    return Shown(typed("login"), request.form.get("password", ""), code, network(), agent())
