"""Topics: what is written can be read, and nothing else can."""

from __future__ import annotations

import pytest

from traceability.errors import ForeignTopicError
from traceability.sensing.topics import (
    frame_filters,
    frame_topic,
    gateway_client,
    parse_frame_topic,
    parse_site,
    receipt_topic,
    status_topic,
)

DEVICE = "0123456789abcdef0123456789abcdef"


def test_topics_name_site_device_and_kind() -> None:
    assert frame_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/frame"
    assert receipt_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/receipt"
    assert status_topic("cold-store-1", DEVICE) == f"ft/v1/cold-store-1/{DEVICE}/status"


@pytest.mark.parametrize(("sites", "matches"), [((), [True]), (("farm", "barn"), [False, True])])
def test_a_frame_topic_gives_back_site_and_device_and_matches_the_subscription(
    sites: tuple[str, ...], matches: list[bool]
) -> None:
    topic = frame_topic("farm", DEVICE)
    assert parse_frame_topic(topic) == ("farm", DEVICE)
    wanted = [zip(each.split("/"), topic.split("/"), strict=True) for each in frame_filters(sites)]
    assert [all(want in ("+", have) for want, have in each) for each in wanted] == matches


def test_gateways_for_other_sites_have_other_sessions_and_begin_alike() -> None:
    names = [gateway_client("n.example", sites) for sites in ((), ("a",), ("a", "b"))]
    assert len(set(names)) == 3
    assert all(name.startswith(names[0]) and len(name) <= 32 for name in names)
    assert gateway_client("n.example", ("b", "a")) == names[2]
    assert gateway_client("m.example") != names[0]


def test_a_site_is_what_can_stand_in_a_topic() -> None:
    assert parse_site("cold-store-1") == "cold-store-1"
    for text in ("", "+", "Farm", "a/b", "s" * 33, "a b"):
        with pytest.raises(ForeignTopicError):
            parse_site(text)


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
