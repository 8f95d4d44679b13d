"""Published EPCIS 2.0 documents: every valid one is read, every invalid one refused where it is wrong.

A file that is not named here is judged by its folder alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from traceability.errors import EventError, Problem
from traceability.signing.strictjson import json_decode
from traceability.supply.epcis.document import Document, read_document

EVENTS: Final = "/epcisBody/eventList"
WRONG: Final[Mapping[str, set[str]]] = {
    "Combination_of_multiple_invalid_fields.json": {
        f"{EVENTS}/0/bizStep",
        f"{EVENTS}/1/disposition",
        f"{EVENTS}/2/sourceList/0/type",
        f"{EVENTS}/3/ilmd/materialType",
        f"{EVENTS}/4/eventTime",
        f"{EVENTS}/4/action",
    },
    "EPCISDocument_without_context.json": {"/@context"},
    "ObjectEvent_with_invalid_action.json": {f"{EVENTS}/0/action"},
    "ObjectEvent_with_invalid_eventTime_format.json": {f"{EVENTS}/0/eventTime"},
    "ObjectEvent_with_non_standard_bizStep_in_second_event.json": {f"{EVENTS}/1/bizStep"},
    "ObjectEvent_with_quantity_as_text.json": {f"{EVENTS}/0/quantityList/0/quantity"},
    "ObjectEvent_without_action_and_eventTime.json": {
        f"{EVENTS}/0/action",
        f"{EVENTS}/0/eventTime",
        f"{EVENTS}/0/eventTimeZoneOffset",
    },
}


def files(folder: Path) -> Iterator[Path]:
    """The documents of a folder; there are some."""
    found = sorted(file for file in folder.iterdir() if file.suffix in {".json", ".jsonld"})
    assert found
    yield from found


def problems_of(read: Document) -> list[Problem]:
    return [problem for event in read.events for problem in event.problems]


def is_query_result(file: Path) -> bool:
    return bool(json.loads(file.read_bytes()).get("type") == "EPCISQueryDocument")


@pytest.mark.parametrize("folder", ["epcis/valid", "fsma204", "eventhash"])
def test_valid_documents_are_read_and_nothing_in_their_events_is_changed(conformance, folder):
    for file in files(conformance / folder):
        if is_query_result(file):
            continue
        read = read_document(file.read_bytes())
        assert problems_of(read) == [], file.name
        written = json_decode(file.read_bytes(), max_depth=32)
        assert isinstance(written, dict)
        body = written.get("epcisBody")
        events = body["eventList"] if isinstance(body, dict) else [written]
        assert [event.event for event in read.events] == events, file.name


def test_invalid_documents_are_refused_and_the_wrong_members_named(conformance):
    for file in files(conformance / "epcis" / "invalid"):
        try:
            problems = problems_of(read_document(file.read_bytes()))
        except EventError as error:
            problems = list(error.problems)
        assert problems, file.name
        if file.name in WRONG:
            assert {problem.pointer for problem in problems} == WRONG[file.name], file.name


def test_results_of_queries_are_not_captured(conformance):
    results = [file for file in files(conformance / "eventhash") if is_query_result(file)]
    assert results
    for file in results:
        with pytest.raises(EventError, match="the result of a query is not captured"):
            read_document(file.read_bytes())
