"""Topics: what is written can be read, and nothing else can."""

from __future__ import annotations

import pytest

from traceability.errors import ForeignTopicError
from traceability.sensing.topics import (
    FRAME_FILTER,
    frame_topic,
    parse_frame_topic,
    receipt_topic,
    status_topic,
)

DEVICE = "0123456789abcdef0123456789abcdef"


def test_topics_name_site_device_and_kind() -> None:
    assert frame_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/frame"
    assert receipt_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/receipt"
    assert status_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/status"


def test_a_frame_topic_gives_back_site_and_device_and_matches_the_subscription() -> None:
    topic = frame_topic("farm", DEVICE)
    assert parse_frame_topic(topic) == ("farm", DEVICE)
    assert [
        want in ("+", have) for want, have in zip(FRAME_FILTER.split("/"), topic.split("/"), strict=True)
    ] == [True] * 5


@pytest.mark.parametrize(
    "topic",
    [
        "",
        f"ft/v1/farm/{DEVICE}/receipt",
        f"ft/v1/farm/{DEVICE}/status",
        f"ft/v1/farm/{DEVICE}/frame/",
        f"ft/v1/farm/{DEVICE}/frame\n",
        f"/ft/v1/farm/{DEVICE}/frame",
        f"ft/v2/farm/{DEVICE}/frame",
        f"ft/v1//{DEVICE}/frame",
        f"ft/v1/{'s' * 33}/{DEVICE}/frame",
        f"ft/v1/Farm/{DEVICE}/frame",
        f"ft/v1/farm.north/{DEVICE}/frame",
        f"ft/v1/farm north/{DEVICE}/frame",
        f"ft/v1/+/{DEVICE}/frame",
        f"ft/v1/farm/{DEVICE.upper()}/frame",
        f"ft/v1/farm/{DEVICE}0/frame",
        f"ft/v1/farm/{DEVICE[1:]}/frame",
    ],
)
def test_any_other_topic_is_foreign(topic: str) -> None:
    with pytest.raises(ForeignTopicError, match="not the topic"):
        parse_frame_topic(topic)


@pytest.mark.parametrize(("site", "device"), [("farm/x", DEVICE), ("+", DEVICE), ("", DEVICE), ("farm", "#")])
def test_no_topic_is_made_for_a_site_or_device_outside_the_form(site: str, device: str) -> None:
    for make in (frame_topic, receipt_topic, status_topic):
        with pytest.raises(ForeignTopicError, match="no topic"):
            make(site, device)
