"""Letters with one-time links, in both languages, where the operator names a mail server."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final

from traceability.errors import TraceabilityError
from traceability.operations.accounts.links import LASTS_MS, Purpose
from traceability.operations.accounts.own import ask_for_link
from traceability.operations.mail import MailServer
from traceability.operations.node import Node
from traceability.store.engine import Store

_HOUR_MS: Final = 3_600_000
PATHS: Final = {
    Purpose.INVITE: "join",
    Purpose.FIRST: "join",
    Purpose.RESET: "reset",
    Purpose.DEMO: "enter",
}
_SUBJECTS: Final = {
    Purpose.INVITE: "Your invitation · 您的邀请",
    Purpose.RESET: "A new password · 设置新密码",
}
_log: Final = logging.getLogger(__name__)


def address_of(base_url: str, purpose: Purpose, text: str) -> str:
    """The address that a link is opened at."""
    return f"{base_url}/{PATHS[purpose]}/{text}"


@dataclass(frozen=True, slots=True)
class Letters:
    """What writes to people: by which server, from whom, of which node at which address."""

    server: MailServer
    sender: str
    node: str
    base_url: str

    def send(self, to: str, purpose: Purpose, text: str) -> None:
        """Send a link.

        Raises:
            UnreachableError: the server does not take it.
        """
        hours = LASTS_MS[purpose] // _HOUR_MS
        message = EmailMessage()
        message["Subject"] = f"{self.node}: {_SUBJECTS[purpose]}"
        message["From"], message["To"] = self.sender, to
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{address_of(self.base_url, purpose, text)}\n\n"
            f"The link works once, within {hours} hours. If you expect no such letter, do nothing.\n"
            f"此链接仅可使用一次，{hours} 小时内有效。如非您本人所需，请忽略此邮件。\n"
        )
        self.server.take(message)

    def forgotten(self, store: Store, node: Node, login: str, network: str) -> None:
        """Send a link to who forgot a password, if there is such a person; what fails is logged."""
        try:
            found = ask_for_link(store, node, login, network)
            if found is not None:
                self.send(found[0], Purpose.RESET, found[1])
        except TraceabilityError as error:
            _log.error("%s: %s", error.code, error)


def letters_of(smtp_url: str, sender: str, node: str, base_url: str) -> Letters | None:
    """The letters of a node; None if no mail server is named, or nobody they come from."""
    return Letters(MailServer(smtp_url), sender, node, base_url) if smtp_url and sender else None
