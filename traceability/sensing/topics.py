"""MQTT topics between devices and the node: ``ft/v1/{site}/{device}/{kind}``.

MQTT 3.1.1: QoS 1 up, QoS 0 down. A topic only routes: the statement's signature says whose it is,
and the gateway checks that both name one device. There are no dots and no spaces,
because NATS gives them a meaning of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Final

from traceability.errors import ForeignTopicError

_ALL: Final = "+"
_SITE: Final = re.compile(r"[a-z0-9-]{1,32}")
_TOPIC_FORM: Final = re.compile(r"ft/v1/([a-z0-9-]{1,32})/([0-9a-f]{32})/(frame|receipt|status|config)")


def frame_topic(site: str, device: str) -> str:
    """Where a device publishes its statements. Raises ForeignTopicError."""
    return _topic(site, device, "frame")


def receipt_topic(site: str, device: str) -> str:
    """Where the node publishes a device's receipts. Raises ForeignTopicError."""
    return _topic(site, device, "receipt")


def config_topic(site: str, device: str) -> str:
    """Where the node publishes how a device is to work. Raises ForeignTopicError."""
    return _topic(site, device, "config")


def status_topic(site: str, device: str) -> str:
    """Where a device's birth and last will are retained: never evidence. Raises ForeignTopicError."""
    return _topic(site, device, "status")


def frame_filters(sites: Collection[str]) -> list[str]:
    """Subscriptions to the statements of all devices of these sites; of all sites if none is named.

    MQTT 3.1.1 section 4.7.
    """
    return [f"ft/v1/{site}/+/frame" for site in sorted(sites) or [_ALL]]


def parse_site(text: str) -> str:
    """A site, as it stands in topics.

    Raises:
        ForeignTopicError: no such.
    """
    if not _SITE.fullmatch(text):
        raise ForeignTopicError(f"a site has 1 to 32 characters a-z, 0-9 and -, not {text[:80]!r}")
    return text


def gateway_client(node: str, sites: Collection[str] = ()) -> str:
    """The MQTT client identifier of a node's gateway for these sites, or for all.

    The same at every start, so that its session waits for it; those for other sites have other
    ones, and all begin alike. At most 32 characters.
    """
    name = f"gateway-{hashlib.sha256(node.encode()).hexdigest()[:12]}"
    if not sites:
        return name
    return f"{name}-{hashlib.sha256(' '.join(sorted(sites)).encode()).hexdigest()[:11]}"


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
