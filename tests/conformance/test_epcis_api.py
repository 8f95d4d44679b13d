"""Published EPCIS documents over HTTP: what is valid comes back equal, what is not leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.conformance.test_epcis import WRONG, files
from tests.support.epcis import Api, api_of, written
from tests.support.world import make_world
from traceability.signing.strictjson import json_decode
from traceability.store import access, models


@pytest.fixture(scope="module")
def api(tmp_path_factory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("conformance")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    world.now[0] = 1_800_000_000_000  # some of the events are of 2026 and later
    with api_of(world) as made:
        yield made
    world.store.close()


def sent(api, headers, data):
    headers = headers | {"Content-Type": "application/ld+json"}
    return api.ask("POST", "/epcis/capture", headers, data=data)


@pytest.mark.parametrize("folder", ["epcis/valid", "fsma204"])
def test_valid_documents_are_captured_and_come_back_equal_from_queries(conformance, api, folder):
    tokens = {}
    for file in files(conformance / folder):
        tokens[file] = api.token(api.world.party(file.name[:60]))
        answer = sent(api, tokens[file], file.read_bytes())
        assert answer.status_code == 202, answer.text
        assert answer.json["success"], (file.name, answer.json["errors"])
    api.world.publish()
    for file, token in tokens.items():
        back = {found["eventID"]: found for found in api.events("/epcis/events?perPage=7", token)}
        for event in events_of(file):
            assert any(same(event, found) for found in back.values()), file.name
        assert len(back) == len({json.dumps(event, sort_keys=True) for event in events_of(file)})


def events_of(file):
    """As they stand in a published document."""
    root = json.loads(file.read_bytes())
    return root["epcisBody"]["eventList"] if "epcisBody" in root else [root]


def same(event, found):
    """Whether an event came back as it was; its record time is this node's."""
    return written(found, named="eventID" in event) == written(event, named=True)


def test_invalid_documents_are_refused_with_a_problem_document_and_leave_nothing(conformance, api):
    token = api.token(api.world.party("Careless"))
    before = rows(api)
    for file in files(conformance / "epcis/invalid"):
        answer = sent(api, token, file.read_bytes())
        assert answer.status_code == 400, file.name
        assert answer.json["type"] == "epcisException:ValidationException"
        pointers = {problem["pointer"] for problem in answer.json["errors"]}
        assert pointers, file.name
        assert pointers == WRONG.get(file.name, pointers)
    assert rows(api) == before


def rows(api):
    tables = (models.Record, models.Statement, models.Stream, access.Capture)
    with api.world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]


def test_numbers_come_back_with_the_digits_that_they_had(conformance, api):
    """Compared as text, where JSON's floats would make 1.50 and 1.5 the same."""
    file = next(f for f in files(conformance / "epcis/valid") if b"sensorElementList" in f.read_bytes())
    token = api.token(api.world.party("Exact"))
    assert sent(api, token, file.read_bytes()).status_code == 202
    api.world.publish()
    answer = api.ask("GET", "/epcis/events?perPage=1000", token)
    events = at(file.read_bytes(), "epcisBody", "eventList")
    found = at(answer.data, "epcisBody", "queryResults", "resultsBody", "eventList")
    shown = [written(each, named="eventID" in events[0]) for each in found]
    assert digits(shown) == digits([written(event, named=True) for event in events])


def at(data, *path):
    """What stands at a path, its numbers with all their digits."""
    value: Any = json_decode(data, max_depth=32)
    for name in path:
        value = value[name]
    return value


def digits(events):
    """The numbers of events as they were written."""
    return sorted(json.dumps(event, sort_keys=True, default=lambda number: f"n{number}") for event in events)
