"""``/account``: who one is here."""

from __future__ import annotations

from flask import render_template

from webapp.accounts.blueprint import accounts
from webapp.signedin import requires


@accounts.get("/account")
@requires()
def account() -> str:
    """The person's own page."""
    return render_template("account.html")
