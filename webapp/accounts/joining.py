"""``/join/<token>``, ``/reset``, ``/enter/<token>``: what one-time links open.

Looking at a page uses up nothing: mail programs and previews look, too.
"""

from __future__ import annotations

from threading import Thread
from typing import cast

from flask import Response, current_app, render_template, request, url_for

from traceability.errors import ConflictError, MalformedError, SignInError, WeakPasswordError
from traceability.operations.accounts.demonstration import enter, find_demo_link
from traceability.operations.accounts.letters import Letters
from traceability.operations.accounts.links import JOINING, Link, Purpose, find_link
from traceability.operations.accounts.own import FIRST, choose_new_password, join
from traceability.operations.accounts.people import fold_login
from webapp.accounts.blueprint import accounts
from webapp.accounts.refusals import DIFFER, reason
from webapp.accounts.signing import agent, attempts, go, insecure, network, typed
from webapp.api.access import node, store
from webapp.cookie import give, may_hold
from webapp.i18n import language
from webapp.navigation import first_place
from webapp.signedin import public


@accounts.route("/join/<token>", methods=["GET", "POST"], endpoint="join")
@public
def join_page(token: str) -> Response:
    """Choose name and password; then one is signed in."""
    if not may_hold():
        return insecure()
    link = _link(token, *JOINING)
    if request.method != "POST":
        return Response(_joining(link))
    if typed("password") != typed("again"):
        return Response(_joining(link, reason(DIFFER)), 400)
    names = {"login": typed("login"), "name": typed("name")}
    try:
        given = join(
            store(), node(), token, **names, password=typed("password"), network=network(), agent=agent()
        )
    except (MalformedError, ConflictError) as error:
        return Response(_joining(link, reason(error)), 400)
    give(given)
    return go(url_for("accounts.begin", lang=language()))


@accounts.route("/reset", methods=["GET", "POST"])
@public
def forgot() -> Response:
    """Ask for a link by e-mail. The answer is the same whether there is such a person or not."""
    if not may_hold():
        return insecure()
    letters = cast("Letters | None", current_app.extensions["letters"])
    asked = request.method == "POST" and letters is not None
    if letters is not None and asked:
        login = typed("login")
        attempts().spend(f"reset {fold_login(login)}", network())
        # Nobody can tell by the time it takes whether there was somebody to write to.
        Thread(target=letters.forgotten, args=(store(), node(), login, network()), daemon=True).start()
    return Response(render_template("forgot.html", possible=letters is not None, asked=asked))


@accounts.route("/reset/<token>", methods=["GET", "POST"])
@public
def reset(token: str) -> Response:
    """Choose another password; then one signs in with it."""
    if not may_hold():
        return insecure()
    link = _link(token, Purpose.RESET)
    if request.method != "POST":
        return Response(_choosing(link))
    if typed("password") != typed("again"):
        return Response(_choosing(link, reason(DIFFER)), 400)
    try:
        choose_new_password(store(), node(), token, typed("password"), network())
    except WeakPasswordError as error:
        return Response(_choosing(link, reason(error)), 400)
    return go(url_for("accounts.sign_in", lang=language()))


@accounts.route("/enter/<token>", methods=["GET", "POST"], endpoint="enter")
@public
def enter_page(token: str) -> Response:
    """Look around as somebody of the demonstration, where this node shows it."""
    if not may_hold():
        return insecure()
    shown = bool(current_app.config["DEMO"])
    link = find_demo_link(store(), node(), token, shown=shown)
    if request.method != "POST":
        return Response(render_template("enter.html", person=link.person))
    person, given = enter(store(), node(), token, network(), agent(), shown=shown)
    give(given)
    return go(url_for(first_place(person.rights).endpoint, lang=language()))


@accounts.errorhandler(SignInError)
def over(_: SignInError) -> Response:
    """A link that is not good any more, or never was."""
    return Response(render_template("linkover.html"), 404)


def _link(token: str, *purposes: Purpose) -> Link:
    with store().reading() as connection:
        return find_link(connection, node(), token, purposes, store().clock())


def _joining(link: Link, refused: str = "") -> str:
    person = link.person
    first = link.purpose is Purpose.FIRST and person.login == FIRST
    login = typed("login") if first else person.login
    return render_template(
        "join.html",
        person=person,
        first=first,
        refused=refused,
        login=login,
        name=typed("name") or person.name,
    )


def _choosing(link: Link, refused: str = "") -> str:
    return render_template("newpassword.html", person=link.person, refused=refused)
