"""There is one text for one bundle, and everything else is refused with its place."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from traceability import media
from traceability.errors import BundleError, OversizeError
from traceability.ledger import lines
from traceability.ledger.record import GENESIS
from traceability.signing import sdjwt
from traceability.signing.disclosure import Audience
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification import bundle as bundles
from traceability.verification.bundle import Bundle, Link, Place, Stretch, encode_bundle, parse_bundle
from traceability.verification.timeline import MAX_LEAVES, Anchor, Timeline

TEXTS = tuple(sorted(("WyJhIl0", "WyJiIl0", "WyJjIl0"), key=sdjwt.digest_of))


def link(body: bytes | None = b"body") -> Link:
    return Link(5, media.EVENT, bytes(16), hashlib.sha256(b"body").digest(), body)


BUNDLE = Bundle(
    subject="https://id.gs1.org/01/09520000000011/10/L1",
    audience=Audience.PUBLIC,
    checkpoint=b"a note",
    state_leaf=b"a leaf",
    state_proof=(bytes(32),),
    streams=(
        Stretch("https://x.example/8004/A", 0, GENESIS, (link(), link(None)), Place(1, 2, (bytes(32),), ())),
        Stretch("https://x.example/8004/B", 3, b"p" * 32, (), None),
    ),
    disclosures={b"d" * 32: TEXTS},
)
DATA = encode_bundle(BUNDLE)


def test_a_bundle_survives_its_text():
    assert parse_bundle(DATA) == BUNDLE


def test_records_follow_from_what_is_before_them():
    first, second = BUNDLE.streams[0].records()
    assert (first.seq, first.prev) == (0, GENESIS)
    assert (second.seq, second.prev) == (1, first.hash)
    assert BUNDLE.streams[1].records() == []


def changed(**members: Any) -> bytes:
    raw = json_decode(DATA)
    assert isinstance(raw, dict)
    return json_encode(raw | members)


TIMES = {"leaves": ["a leaf"], "anchors": [[0, 1, 2]], "proof": [lines.encode_base64(bytes(32))]}


def test_times_are_there_where_there_are_some():
    timed = replace(BUNDLE, times=Timeline((b"a leaf",), (Anchor(0, 1, 2),), (bytes(32),)))
    assert encode_bundle(timed) == changed(times=TIMES)
    assert parse_bundle(changed(times=TIMES)) == timed
    longest = parse_bundle(changed(times=TIMES | {"leaves": ["a leaf"] * MAX_LEAVES})).times
    assert longest is not None
    assert len(longest.leaves) == MAX_LEAVES


@pytest.mark.parametrize(
    "times",
    [
        None,
        [],
        {},
        TIMES | {"leaves": []},
        TIMES | {"leaves": ["a leaf"] * (MAX_LEAVES + 1)},
        TIMES | {"anchors": [[0, 1]]},
        TIMES | {"anchors": [[0, 1, 2, 3]]},
        TIMES | {"anchors": [[0, 1, -1]]},
        TIMES | {"anchors": [[0, 1, True]]},
        TIMES | {"anchors": [{"stream": 0, "seq": 1, "index": 2}]},
        TIMES | {"proof": ["AAAA"]},
        TIMES | {"more": 1},
    ],
)
def test_times_in_another_form_are_refused(times: object):
    with pytest.raises(BundleError, match="times"):
        parse_bundle(changed(times=times))


def record(**members: Any) -> bytes:
    raw: Any = json_decode(DATA)
    raw["streams"][0]["records"][0] = raw["streams"][0]["records"][0] | members
    return json_encode(raw)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{}", "Missing data"),
        (b"[]", "a JSON object"),
        (b"nothing", "not a bundle"),
        (DATA + b"\n", "not the one text"),
        (DATA.replace(b'"version":1', b'"version": 1'), "not the one text"),
        (changed(version=2), "version"),
        (changed(version=True), "version"),
        (changed(version="1"), "version"),
        (changed(extra=1), "extra: Unknown field"),
        (changed(policy="log x"), "policy: Unknown field"),
        (changed(type="x"), "type"),
        (changed(audience="everybody"), "audience"),
        (changed(state={"leaf": "x", "proof": ["AA=="]}), "state/proof/0: 32 bytes are needed"),
        (changed(state={"leaf": "x", "proof": [5]}), "base64 text"),
        (changed(state={"leaf": "x", "proof": ["AA="]}), "not base64"),
        (changed(state={"leaf": "x", "proof": ["A" * 43 + "="] * 64}), "state/proof"),
        (record(time="yesterday"), "time"),
        (record(time=5), "time"),
        (record(type="text/plain"), "type"),
        (record(salt="AAAA"), "16 bytes"),
        (record(sha256="A" * 43 + "="), "either a statement or the sha256"),
        (changed(disclosures={"xy": ["a"]}), "disclosures"),
        (changed(disclosures={"00" * 32: []}), "each there once"),
        (changed(disclosures={"00" * 32: [TEXTS[1], TEXTS[0]]}), "each there once"),
        (changed(disclosures={"00" * 32: [TEXTS[0], TEXTS[0]]}), "each there once"),
        (changed(disclosures={"00" * 32: ["é"]}), "each there once"),
        (changed(disclosures={"00" * 32: [5]}), "disclosures"),
    ],
)
def test_anything_else_is_refused_with_its_place(data: bytes, message: str):
    with pytest.raises(BundleError, match=message):
        parse_bundle(data)


def test_a_record_that_shows_and_withholds_nothing_is_refused():
    raw: Any = json_decode(DATA)
    del raw["streams"][0]["records"][0]["statement"]
    with pytest.raises(BundleError, match="either a statement"):
        parse_bundle(json_encode(raw))


def test_a_bundle_over_the_limit_is_not_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundles, "MAX_BYTES", len(DATA) - 1)
    with pytest.raises(OversizeError):
        parse_bundle(DATA)
