"""Recalls as everybody reads them: what, why, which lots, what to do; a page, two feeds, and never a hold."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import datetime
from urllib.parse import urlsplit

import pytest

from tests.support.recalls import NOTICE, A, B, chain, order
from tests.support.web import BASE_URL, site_of
from tests.support.world import make_world
from traceability.identifiers import Batch, parse_stream
from traceability.operations.recall import Issuer, close, hold, issue
from traceability.supply.recall import Outcome, State
from webapp.notices import ATOM

ENTRY = {"a": ATOM}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notices")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, _, _ = chain(world)
    held = hold(world.store, world.node, Issuer(farm), order(world, B, state=State.HOLD))
    world.wait(minutes=5)
    issued = issue(world.store, world.node, Issuer(farm), order(world, A))
    world.publish()
    with site_of(world) as app:
        yield world, app.test_client(), issued.id, held.id, farm
    world.store.close()


def test_a_notice_says_which_lots_what_is_wrong_and_what_to_do(place):
    _, client, issued, held, _ = place
    listed = client.get("/notices?lang=en").text
    assert f"/notices/{issued}" in listed
    assert held not in listed
    assert "Salmonella" in client.get(f"/notices/{issued}?lang=en").text
    page = client.get(f"/notices/{issued}?lang=zh").text
    for word in (NOTICE.hazard["zh"], NOTICE.advice["zh"], NOTICE.contact, ">A</a>", ">MIX</a>", ">Y</a>"):
        assert word in page
    assert client.get(f"/notices/{held}").status_code == 404
    assert client.get("/notices/R-20260101-ZZZZZZ").status_code == 404


def test_the_start_page_and_the_page_of_a_recalled_lot_lead_to_it(place):
    _, client, issued, held, _ = place
    path = Batch(*parse_stream(A).values).path
    assert "/notices?" in client.get("/?lang=en").text
    assert f"/notices/{issued}?" in client.get(f"{path}?lang=en").text
    other = client.get(f"{Batch(*parse_stream(B).values).path}?lang=en").text
    assert f"/notices/{held}" not in other


def test_the_json_feed_is_one(place):
    _, client, issued, held, _ = place
    answer = client.get("/notices.json?lang=en")
    assert answer.mimetype == "application/feed+json"
    feed = json.loads(answer.data)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert {"title", "home_page_url", "feed_url", "items"} <= feed.keys()
    (item,) = feed["items"]
    assert item["id"].endswith(f":recall:{issued}")
    assert held not in answer.text
    assert item["url"].startswith(f"{BASE_URL}/notices/{issued}")
    for word in ("Salmonella", "Do not eat it", "+86 873 000", "Class 1", "A, ", "MIX"):
        assert word in item["content_text"]
    assert datetime.fromisoformat(item["date_published"]).tzinfo is not None


def test_the_atom_feed_has_all_that_one_needs(place):
    _, client, issued, _, _ = place
    answer = client.get("/notices.atom?lang=zh")
    assert answer.mimetype == "application/atom+xml"
    feed = ET.fromstring(answer.data)
    assert feed.tag == f"{{{ATOM}}}feed"
    (entry,) = feed.findall("a:entry", ENTRY)
    for holder in (feed, entry):
        assert len(holder.findall("a:id", ENTRY)) == len(holder.findall("a:title", ENTRY)) == 1
        assert datetime.fromisoformat(holder.findtext("a:updated", "", ENTRY)).tzinfo is not None
    assert entry.findtext("a:author/a:name", "", ENTRY) != ""
    assert "沙门氏菌" in entry.findtext("a:content", "", ENTRY)
    links = {link.get("rel"): link.get("href") for link in feed.findall("a:link", ENTRY)}
    assert urlsplit(links["self"]).path == "/notices.atom"
    same = client.get("/notices.atom?lang=zh", headers={"If-None-Match": answer.headers["ETag"]})
    assert (same.status_code, same.data) == (304, b"")
    assert issued.encode() in answer.data


def test_a_feed_stays_xml_whatever_a_firm_writes(lone):
    farm = lone.party("Farm")
    uri = lone.harvest(farm, "L1", **{"ft:product": {"en": "<x>&]]>\x0b\ufffe", "zh": "\u0001"}})
    issue(lone.store, lone.node, Issuer(farm), order(lone, uri))
    with site_of(lone) as app:
        client = app.test_client()
        assert "<x>&]]>" in ET.fromstring(client.get("/notices.atom?lang=en").data).findtext(
            "a:entry/a:title", "", ENTRY
        )
        assert json.loads(client.get("/notices.json?lang=zh").data)["items"]


def test_a_closed_recall_says_how_it_ended_and_an_empty_list_what_it_is_for(lone):
    with site_of(lone) as app:
        client = app.test_client()
        assert "Nothing is or was recalled here" in client.get("/notices?lang=en").text
        assert ET.fromstring(client.get("/notices.atom").data).findall("a:entry", ENTRY) == []
        farm, _, _ = chain(lone)
        made = issue(lone.store, lone.node, Issuer(farm), order(lone, A))
        lone.wait(minutes=5)
        close(lone.store, lone.node, Issuer(farm), made.id, Outcome.REMOVED)
        page = client.get(f"/notices/{made.id}?lang=en").text
        assert "Closed: the goods were removed from sale." in page
        (item,) = json.loads(client.get("/notices.json?lang=en").data)["items"]
        assert item["date_published"] < item["date_modified"]
