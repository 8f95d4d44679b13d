"""Identifiers in other projects' EPCIS documents: every one parses, and survives its two forms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from traceability.gs1 import KEYS, parse_digital_link, parse_key, parse_urn
from traceability.identifiers import canonical, stream_of

NODE = "node.example"
FOLDERS = ("epcis/valid", "eventhash", "fsma204")
LOOKS_LIKE_A_KEY = re.compile(
    r"urn:epc:(id|class|idpat):.*"
    r"|https?://[^/]+/(01|00|414|417|8003|8004|8006|8010|8017|8018|253|255|401|402)/[^/]+(/(10|21|235|254|8011)/[^/]+)?"
)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings(member)
    elif isinstance(value, list):
        for element in value:
            yield from strings(element)


def keys_in(path: Path) -> set[str]:
    found = strings(json.loads(path.read_text("utf-8")))
    return {text for text in found if LOOKS_LIKE_A_KEY.fullmatch(text)}


def all_keys(conformance: Path) -> set[str]:
    files = [path for folder in FOLDERS for path in (conformance / folder).glob("*.json*")]
    return {text for path in files for text in keys_in(path)}


def test_every_identifier_parses(conformance: Path) -> None:
    found = all_keys(conformance)
    assert len(found) > 140
    for text in found:
        assert canonical(text, NODE).endswith(parse_key(text).path)


def test_a_urn_becomes_a_link_and_the_same_urn_again(conformance: Path) -> None:
    for text in (text for text in all_keys(conformance) if text.startswith("urn:")):
        key = parse_urn(text)
        link = parse_digital_link(canonical(text, NODE))
        assert link == key
        assert link.urn(key.prefix_length) == text


def test_the_document_with_all_keys_has_every_scheme_but_parties(conformance: Path) -> None:
    found = keys_in(conformance / "epcis/valid/epcisDocWithAllGS1Keys.json")
    assert len(found) == 22
    schemes = {parse_key(text).scheme for text in found}
    assert {scheme.name for scheme in KEYS} - schemes == {"id:pgln"}
    assert sum(stream_of(text, NODE) is not None for text in found) == 15
