"""E-mail over the SMTP server that the operator names, and letters written so."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

from traceability.errors import UnreachableError
from traceability.operations.outbox import Letter

SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """``url`` is smtp://USER:PASSWORD@HOST:PORT or smtps://...; a password is sent over TLS alone."""

    url: str

    def take(self, message: EmailMessage) -> None:
        """Hand one message to the server.

        Raises:
            UnreachableError: it was not taken.
        """
        try:
            with self._connect() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise UnreachableError(f"the mail server does not take it: {error}") from error

    def _connect(self) -> smtplib.SMTP:
        parts, context = urlsplit(self.url), ssl.create_default_context()
        host = parts.hostname or ""
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 587, timeout=SECONDS)
        try:
            server.ehlo()
            if parts.scheme == "smtp" and (parts.username or server.has_extn("starttls")):
                server.starttls(context=context)
                server.ehlo()
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
        return server


@dataclass(frozen=True, slots=True)
class Mail:
    """Letters by e-mail; ``to`` gets those that are for nobody else."""

    url: str
    sender: str
    to: str
    node: str

    def send(self, letter: Letter) -> None:
        """Hand one message to the server; its Message-ID is the letter's key.

        Raises:
            UnreachableError: it was not taken.
        """
        MailServer(self.url).take(self._message(letter))

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = letter.subject
        message["From"], message["To"] = self.sender, letter.to or self.to
        message["Message-ID"] = f"<{letter.key}@{self.node}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text, cte="base64")
        return message
