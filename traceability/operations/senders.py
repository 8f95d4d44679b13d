"""By which ways the settings say that alarms are told."""

from __future__ import annotations

from traceability.errors import SettingsError
from traceability.operations.alarms import EMAIL, WEBHOOK
from traceability.operations.mail import Mail
from traceability.operations.outbox import Sender
from traceability.operations.visitors.telling import Writer
from traceability.operations.webhook import Webhook
from traceability.settings import GatewaySettings


def writers_of(node: str, settings: GatewaySettings) -> dict[str, Writer]:
    """The same for letters about other things than alarms."""
    hook, mail = _ways(node, settings)
    ways = {WEBHOOK: hook, EMAIL: mail}
    return {channel: way.write for channel, way in ways.items() if way is not None}


def senders_of(node: str, settings: GatewaySettings) -> dict[str, Sender]:
    """The senders, by channel; none where nothing is set.

    Raises:
        SettingsError: a webhook without a secret, or a mail server without addresses.
    """
    hook, mail = _ways(node, settings)
    ways = {WEBHOOK: hook, EMAIL: mail}
    return {channel: way.send for channel, way in ways.items() if way is not None}


def _ways(node: str, settings: GatewaySettings) -> tuple[Webhook | None, Mail | None]:
    hook, mail = None, None
    if settings.webhook_url:
        if not settings.webhook_secret:
            raise SettingsError("FT_WEBHOOK_URL needs FT_WEBHOOK_SECRET, under which alarms are signed")
        hook = Webhook(settings.webhook_url, settings.webhook_secret, node, settings.webhook_private)
    if settings.smtp_url:
        if not settings.mail_from or not settings.mail_to:
            raise SettingsError("FT_SMTP_URL needs FT_MAIL_FROM and FT_MAIL_TO")
        mail = Mail(settings.smtp_url, settings.mail_from, settings.mail_to, node)
    return hook, mail
