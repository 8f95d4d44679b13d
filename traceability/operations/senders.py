"""By which ways the settings say that alarms are told."""

from __future__ import annotations

from traceability.errors import SettingsError
from traceability.operations.mail import Mail
from traceability.operations.outbox import EMAIL, WEBHOOK, Sender
from traceability.operations.webhook import Webhook
from traceability.settings import GatewaySettings


def senders_of(node: str, settings: GatewaySettings) -> dict[str, Sender]:
    """The senders, by channel; none where nothing is set.

    Raises:
        SettingsError: a webhook without a secret, or a mail server without addresses.
    """
    found: dict[str, Sender] = {}
    if settings.webhook_url:
        if not settings.webhook_secret:
            raise SettingsError("FT_WEBHOOK_URL needs FT_WEBHOOK_SECRET, under which alarms are signed")
        hook = Webhook(settings.webhook_url, settings.webhook_secret, node, settings.webhook_private)
        found[WEBHOOK] = hook.send
    if settings.smtp_url:
        if not settings.mail_from or not settings.mail_to:
            raise SettingsError("FT_SMTP_URL needs FT_MAIL_FROM and FT_MAIL_TO")
        found[EMAIL] = Mail(settings.smtp_url, settings.mail_from, settings.mail_to, node).send
    return found
