"""``/people``: who may use the node for a party; administrators see everybody."""

from __future__ import annotations

from typing import Final

from flask import Response, current_app, render_template, request, url_for

from traceability.errors import ConflictError, ForbiddenError, MalformedError, UnreachableError
from traceability.operations.accounts import managing
from traceability.operations.accounts.kinds import list_kinds
from traceability.operations.accounts.letters import Letters, address_of
from traceability.operations.accounts.links import LASTS_MS, Purpose
from traceability.operations.accounts.people import Person, list_people
from traceability.operations.accounts.roles import Right, Role
from webapp.accounts.blueprint import accounts
from webapp.accounts.refusals import reason
from webapp.accounts.signing import go, typed
from webapp.api.access import node, store
from webapp.called import ROLES
from webapp.i18n import language, noted, translate
from webapp.signedin import requires, say, visitor

CHOOSE: Final = noted("Choose a role.")


@accounts.get("/people")
@requires(Right.PEOPLE)
def people() -> str:
    """The list, and the form that invites somebody."""
    return _page()


@accounts.post("/people")
@requires(Right.PEOPLE)
def invite() -> Response:
    """Invite somebody; the link is shown once, and mailed where there is a mail server."""
    try:
        role = Role(typed("role"))
        person, text = managing.invite(
            store(),
            node(),
            visitor().actor,
            login=typed("login"),
            name=typed("name"),
            party=(typed("party") or None) if within() is None else within(),
            role=role,
            within=within(),
        )
    except ValueError:
        return Response(_page(translate(CHOOSE)), 400)
    except (MalformedError, ConflictError) as error:
        return Response(_page(reason(error)), 400)
    return show_link(person, Purpose.INVITE, text)


@accounts.post("/people/<user>/link")
@requires(Right.PEOPLE)
def renew_link(user: str) -> Response:
    """A new link for somebody, to join or to choose a password."""
    purpose, text = managing.renew_link(store(), node(), visitor().actor, user, within=within())
    return show_link(_find(user), purpose, text)


@accounts.post("/people/<user>/role")
@requires(Right.PEOPLE)
def change_role(user: str) -> Response:
    """Give somebody another role."""
    _find(user)
    role = typed("role")
    if role not in set(Role) - {Role.ADMINISTRATOR}:
        return Response(_page(translate(CHOOSE)), 400)
    managing.change_role(store(), node(), visitor().actor, user, Role(role), within=within())
    return _done(translate("The role was changed; it counts from now on."))


@accounts.post("/people/<user>/disable")
@requires(Right.PEOPLE)
def disable(user: str) -> Response:
    """Let somebody in no more."""
    managing.disable(store(), node(), visitor().actor, user, within=within())
    return _done(translate("This person cannot sign in any more, and is signed out everywhere."))


@accounts.post("/people/<user>/enable")
@requires(Right.PEOPLE)
def enable(user: str) -> Response:
    """Let somebody in again."""
    managing.enable(store(), node(), visitor().actor, user, within=within())
    return _done(translate("This person can sign in again."))


@accounts.post("/people/<user>/app/remove")
@requires(Right.PEOPLE)
def forget_app(user: str) -> Response:
    """Forget the app of who lost phone and recovery codes."""
    managing.remove_second_factor(store(), node(), visitor().actor, user, within=within())
    return _done(translate("The app is forgotten; make sure that it was this person who asked."))


def within() -> str | None:
    """Whose people the visitor manages: those of the own party; of an administrator everybody's."""
    who = visitor()
    if Right.ADMINISTER in who.rights:
        return None
    if who.party is None:
        raise ForbiddenError("only people of a party, and administrators, do this")
    return who.party


def show_link(person: Person, purpose: Purpose, text: str) -> Response:
    """The one page that a link is ever shown on."""
    letters: Letters | None = current_app.extensions["letters"]
    mailed, failed = False, ""
    if letters is not None and "@" in person.login:
        try:
            letters.send(person.login, purpose, text)
            mailed = True
        except UnreachableError as error:
            failed = str(error)
    address = address_of(str(current_app.config["BASE_URL"]), purpose, text)
    hours = LASTS_MS[purpose] // 3_600_000
    return Response(
        render_template(
            "link.html", person=person, address=address, hours=hours, mailed=mailed, failed=failed
        )
    )


def _find(user: str) -> Person:
    with store().reading() as connection:
        return managing.find_person(connection, node(), user, within())


def _page(refused: str = "") -> str:
    with store().reading() as connection:
        found = list_people(connection, node(), within())
        kinds = list_kinds(connection, node()) if within() is None else {}
    chosen = request.values.get("party", "")
    return render_template(
        "people.html", people=found, parties=sorted(kinds), chosen=chosen, roles=ROLES, refused=refused
    )


def _done(text: str) -> Response:
    say(text)
    return go(url_for("accounts.people", lang=language()))
