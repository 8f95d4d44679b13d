"""MQTT topics between devices and the node: ``ft/v1/{site}/{device}/{kind}``.

MQTT 3.1.1, QoS 1. A topic only routes: the statement's signature says whose it is,
and the gateway checks that both name one device. There are no dots and no spaces,
because NATS gives them a meaning of their own.
"""

from __future__ import annotations

import re
from typing import Final

from traceability.errors import ForeignTopicError

FRAME_FILTER: Final = "ft/v1/+/+/frame"
"""Subscription to the statements of all devices (MQTT 3.1.1 section 4.7)."""

_TOPIC_FORM: Final = re.compile(r"ft/v1/([a-z0-9-]{1,32})/([0-9a-f]{32})/(frame|receipt|status)")


def frame_topic(site: str, device: str) -> str:
    """Where a device publishes its statements. Raises ForeignTopicError."""
    return _topic(site, device, "frame")


def receipt_topic(site: str, device: str) -> str:
    """Where the node publishes a device's receipts. Raises ForeignTopicError."""
    return _topic(site, device, "receipt")


def status_topic(site: str, device: str) -> str:
    """Where a device's birth and last will are retained: never evidence. Raises ForeignTopicError."""
    return _topic(site, device, "status")


def parse_frame_topic(topic: str) -> tuple[str, str]:
    """Site and device of the topic of a statement.

    Raises:
        ForeignTopicError: any other topic.
    """
    match = _TOPIC_FORM.fullmatch(topic)
    if match is None or match[3] != "frame":
        raise ForeignTopicError(f"not the topic of a device statement: {topic[:200]!r}")
    return match[1], match[2]


def _topic(site: str, device: str, kind: str) -> str:
    topic = f"ft/v1/{site}/{device}/{kind}"
    if not _TOPIC_FORM.fullmatch(topic):
        raise ForeignTopicError(f"no topic for site {site!r} and device {device!r}")
    return topic
