"""E-mail over the SMTP server that the operator names, and alarms written so."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final
from urllib.parse import unquote, urlsplit

from traceability.errors import UnreachableError
from traceability.ledger.record import format_time
from traceability.operations.alarms import RAISED, Shown

SECONDS: Final = 10.0
_WORDS: Final = {
    "excursion": ("outside its limits", "超出温度范围"),
    "silence": ("no data", "没有数据"),
    "clock": ("wrong clock", "时钟错误"),
    "battery": ("battery low", "电量不足"),
    "gap": ("missing messages", "消息缺失"),
    "flood": ("too many messages", "消息过多"),
    "calibration-due": ("calibration due", "校准即将到期"),
    "calibration-over": ("calibration expired", "校准已过期"),
}


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
    """Alarms by e-mail."""

    url: str
    sender: str
    to: str
    node: str

    def send(self, key: str, event: str, alarm: Shown) -> None:
        """Hand one message to the server; its Message-ID is the idempotency key.

        Raises:
            UnreachableError: it was not taken.
        """
        MailServer(self.url).take(self._message(key, event, alarm))

    def _message(self, key: str, event: str, alarm: Shown) -> EmailMessage:
        english, chinese = _WORDS[alarm.kind]
        over = ("", "") if event == RAISED else ("over: ", "已结束：")
        place = alarm.stream.rpartition("/")[2]
        message = EmailMessage()
        message["Subject"] = f"{over[0]}{place}: {english} · {over[1]}{chinese}"
        message["From"], message["To"] = self.sender, self.to
        message["Message-ID"] = f"<{key}@{self.node}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(
            f"{over[0]}{english} / {over[1]}{chinese}\n\n"
            f"place / 地点: {alarm.stream}\n"
            f"device / 设备: {alarm.device}\n"
            f"since / 开始: {format_time(alarm.began_ms)}\n"
            f"detail / 详情: {', '.join(f'{k} {v}' for k, v in alarm.detail.items()) or '-'}\n\n"
            f"traceability alarm acknowledge {alarm.id} --by NAME --note TEXT\n"
        )
        return message
