"""The first administrator: no default password, but a link in the terminal of who started the node."""

from __future__ import annotations

from sqlalchemy import select

from traceability.operations.accounts.links import Purpose, new_link
from traceability.operations.accounts.own import FIRST
from traceability.operations.accounts.people import add_person, find_login
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.node import Node
from traceability.store.accounts import User
from traceability.store.engine import Store


def first_link(store: Store, node: Node) -> str | None:
    """A link for the first administrator, good for a day; the former one ends. None once there is one."""
    with store.transaction() as tx:
        joined = select(User.id).where(User.role == Role.ADMINISTRATOR.value, User.password.is_not(None))
        if tx.connection.execute(joined).first() is not None:
            return None
        user = find_login(tx.connection, FIRST)
        if user is None:
            user = add_person(
                tx,
                node,
                COMMAND_LINE,
                login=FIRST,
                name="Administrator",
                party=None,
                role=Role.ADMINISTRATOR,
            ).id
        return new_link(tx, node, COMMAND_LINE, user, Purpose.FIRST)
