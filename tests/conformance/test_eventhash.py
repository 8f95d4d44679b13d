"""The published event hash IDs: every event of every document gives its own, letter for letter.

One document names members that take no part in a member of its own, ``repository-x:ignoreFields``;
that is what a repository agrees with its clients, and here the test hands it over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from traceability.signing.strictjson import json_decode
from traceability.supply.epcis.context import read_context, require_epcis
from traceability.supply.epcis.eventhash import event_hash

DOCUMENTS = [
    "CertificationInfoAndSensorReportWithCRS",
    "ReferenceEventHashAlgorithm2",
    "epcisDocHavingEventWithIgnoreFields",
    "epcisDocWithCustomSchemaInContext",
    "epcisDocWithSensorComponent",
    "epcisDocWithShippingAndTransportingEvent",
    "epcisDocWithVariousEventTypes",
    "epcisEventWithCURIEs",
    "epcisQueryDocument",
    "persistentDisposition",
]


def events_of(document: Any) -> list[dict[str, Any]]:
    body = document["epcisBody"]
    found = body if "eventList" in body else body["queryResults"]["resultsBody"]
    events: list[dict[str, Any]] = found["eventList"]
    return events


def test_the_list_of_documents_is_the_folder(conformance: Path):
    assert sorted(file.stem for file in (conformance / "eventhash").glob("*.jsonld")) == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_event_has_its_published_hash(conformance: Path, name: str):
    file = conformance / "eventhash" / f"{name}.jsonld"
    document: Any = json_decode(file.read_bytes())
    require_epcis(read_context(document["@context"]))
    ignore = frozenset(document.get("repository-x:ignoreFields", []))
    hashes = [
        event_hash(event, read_context(document["@context"], event.get("@context")), ignore=ignore)
        for event in events_of(document)
    ]
    assert hashes == file.with_suffix(".hashes").read_text("ascii").split()
