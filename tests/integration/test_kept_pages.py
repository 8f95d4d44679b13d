"""A page is kept while nothing was committed, never a moment longer, and never one of a session."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.people import sign_in
from tests.support.web import site_of
from traceability.identifiers import Batch, parse_stream
from traceability.operations.capture import capture
from traceability.operations.draft import Given
from traceability.supply.epcis.context import read_context
from traceability.supply.recall import Recall, State, recall_events
from webapp.changes import Changes
from webapp.consumer.journeys import GLANCE_S, Journeys


@pytest.fixture
def loads(monkeypatch):
    """How often the store was asked whether a check still counts."""
    asked: list[str] = []
    load = Journeys.load

    def counted(self: Journeys, connection: Any, batch: str) -> Any:
        asked.append(batch)
        return load(self, connection, batch)

    monkeypatch.setattr(Journeys, "load", counted)
    return asked


def test_a_recall_is_on_the_page_at_once_though_the_page_was_kept(lone, loads):
    farm = lone.party("Farm")
    uri = lone.harvest(farm, "L1")
    lone.publish()
    path = Batch(*parse_stream(uri).values).path
    with site_of(lone) as app:
        client = app.test_client()
        first = client.get(f"{path}?lang=en").text
        assert [client.get(f"{path}?lang=en").text for _ in range(5)] == [first] * 5
        assert len(loads) == 1
        recall = Recall(
            "R1", State.ISSUED, 1, (uri,), {"en": "Glass", "zh": "玻璃"}, {"en": "No", "zh": "勿"}
        )
        for event in recall_events(recall, [uri], lone.now_ms):
            capture(lone.store, lone.node, farm, [Given(event, read_context(event["@context"]))])
        lone.publish()
        assert "RECALLED: do not eat" in client.get(f"{path}?lang=en").text
        assert len(loads) == 2


def test_what_depends_on_the_time_is_looked_at_every_second(lone, loads, monkeypatch):
    lone.harvest(lone.party("Farm"), "L1")
    lone.publish()
    path = Batch(lone.gtin, "L1").path
    with site_of(lone) as app:
        now = [0.0]
        monkeypatch.setattr(app.extensions["journeys"], "_clock", lambda: now[0])
        for now[0], asked in ((0, 1), (GLANCE_S - 0.1, 1), (GLANCE_S + 0.1, 2), (2 * GLANCE_S, 2)):
            app.test_client().get(path)
            assert len(loads) == asked


def test_a_page_of_somebody_who_is_signed_in_is_kept_for_nobody(lone):
    farm = lone.party("Farm")
    lone.harvest(farm, "L1")
    lone.publish()
    path = f"{Batch(lone.gtin, 'L1').path}?lang=en"
    with site_of(lone) as app:
        inside, outside = sign_in(app.test_client(), lone.store, lone.node, farm), app.test_client()
        for _ in range(2):
            assert "You are signed in" in inside.get(path).text
            assert "This site sets no cookies" in outside.get(path).text


def test_a_page_that_is_kept_is_sent_in_the_form_that_is_asked_for(lone):
    lone.harvest(lone.party("Farm"), "L1")
    lone.publish()
    with site_of(lone) as app:
        client = app.test_client()
        for encoding, got in (("gzip", "gzip"), ("", None), ("gzip;q=0", None), ("br, gzip", "gzip")):
            answer = client.get(Batch(lone.gtin, "L1").path, headers={"Accept-Encoding": encoding})
            assert answer.headers.get("Content-Encoding") == got
            assert {"Accept-Encoding", "Accept-Language"} <= set(answer.vary.to_header().split(", "))
            assert answer.headers["Cache-Control"] == "no-store"


def test_commits_are_counted_and_another_file_is_another_store(lone, tmp_path):
    path = tmp_path / "store.sqlite"
    changes = Changes(lone.store.url)
    first = changes.mark()
    assert first is not None
    assert changes.mark() == first
    lone.party("Farm")
    second = changes.mark()
    assert second != first
    assert changes.mark() == second
    path.rename(tmp_path / "moved")
    assert changes.mark() is None
    path.write_bytes((tmp_path / "moved").read_bytes())
    assert changes.mark() not in {None, first, second}
    changes.close()
    assert Changes("postgresql+psycopg://nobody@127.0.0.1:1/none").mark() is None
