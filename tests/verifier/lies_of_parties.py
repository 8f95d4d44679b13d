"""Parties with real keys that sign events which nobody should: every shape a reader could stumble over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from tests.support import forge
from tests.verifier.lies_of_nodes import Lie, add
from tests.verifier.stories import WORDS, Told
from traceability import media
from traceability.identifiers import party_keys, party_uri
from traceability.ledger.record import GENESIS
from traceability.signing import jose, sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, hide_claims
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import party_statement
from traceability.verification.bundle import Bundle, Stretch, parse_bundle

TIMES: tuple[Any, ...] = (
    *[
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T00:00:00.123456789Z",
        "2026-01-01T00:00:00.1234567890Z",
        "2026-01-01T00:00:00+23:59",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00-00:99",
        "2026-01-01T00:00:00+23:60",
        "2026-02-29T00:00:00Z",
        "2024-02-29T23:59:59Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T23:59:60Z",
        "0000-01-01T00:00:00Z",
        "0099-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00+00:01",
        "1969-12-31T23:59:59.999Z",
        "1969-12-31T23:59:00-00:01",
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00",
        "yesterday",
    ],
    *(
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        f"{chr(0xFF12)}026-01-01T00:00:00Z",
        "",
        None,
        5,
        ["2026-01-01T00:00:00Z"],
    ),
)
RECALL: Mapping[str, Any] = {
    "id": "R9", "state": "issued", "recallClass": 1, "origin": ["x"], "hazard": WORDS, "advice": WORDS,
}  # fmt: skip
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    Decimal("1.50"),
    "",
    "x",
    "沙",
    [],
    ["x"],
    [5],
    {},
    {"en": "x"},
    {"en": 1, "zh": "x"},
)
"""Values that could stand anywhere."""


def lies_of_parties(told: Told) -> Iterator[Lie]:
    """Events that are signed by the farm, as the last record of a batch."""
    bundle, batch = parse_bundle(told.world.bundle(told.batches["none"])), told.batches["none"]
    key, farm = told.key(told.story.farm), told.story.farm
    for number, event in enumerate(_events(batch, told.story.truck)):
        claims = {"iss": farm, "iat": 1_767_225_600, EVENT_CLAIM: event}
        for kept in (True, False):
            named = {KEPT_CLAIM: list(kept_members(event))} if kept else {}
            yield f"event {number}, kept named: {kept}", partial(_told, told, bundle, key, claims | named)
    usual = _event(batch)
    for number, named in enumerate(
        (*ODD, ["type"], ["type", "eventTime", "kept"], [None], ["type", 1], "type")
    ):
        claims = {"iss": farm, "iat": 1, EVENT_CLAIM: usual, KEPT_CLAIM: named}
        yield f"kept {number}", partial(_told, told, bundle, key, claims)
    yield "a party of another node", partial(_foreign, told, bundle)
    for number, payload in enumerate(_payloads(farm, batch)):
        yield f"payload {number}", partial(_signed_text, told, bundle, key, payload)


def _foreign(told: Told, bundle: Bundle) -> bytes:
    """The bundle with an event of a party that this node's registrar enrolled on another node."""
    key, node, (batch, *keys) = PrivateKey.from_seed(bytes(range(32))), "other.example", bundle.streams
    party = party_uri(node, "0123456789abcdef")
    registrar = told.world.node.registrar_key
    act = party_statement(key, registrar, node=node, party=party, names=WORDS, custody="self", iat=1)
    enrolled = forge.link(media.KEY, act, batch.links[0].time_ms)
    theirs = Stretch(party_keys(node, party), 0, GENESIS, (enrolled,), keys[0].place)
    streams = (batch, *sorted((*keys, theirs), key=lambda stretch: stretch.uri))
    event = _event(told.batches["none"])
    claims = {"iss": party, "iat": 1, EVENT_CLAIM: event, KEPT_CLAIM: list(kept_members(event))}
    return _told(told, replace(bundle, streams=streams), key, claims)


def _event(batch: str, **members: Any) -> dict[str, Any]:
    usual = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "quantityList": [{"epcClass": batch}],
    }
    return {name: value for name, value in (usual | members).items() if value is not ...}


def _events(batch: str, truck: str) -> Iterator[dict[str, Any]]:
    yield _event(batch)
    for time in TIMES:
        yield _event(batch, eventTime=time)
    for name in (
        "type",
        "action",
        "bizStep",
        "quantityList",
        "parentID",
        "epcList",
        "ilmd",
        "ft:recall",
        "childEPCs",
    ):
        yield from (_event(batch, **{name: odd}) for odd in (*ODD, ...))
    for name in RECALL:
        yield from (_event(batch, **{"ft:recall": {**RECALL, name: odd}}) for odd in ODD)
        yield _event(batch, **{"ft:recall": {k: v for k, v in RECALL.items() if k != name}})
    for more in (
        {},
        {"contact": 5},
        {"contact": None},
        {"state": "closed"},
        {"state": "closed", "outcome": "safe"},
    ):
        yield _event(batch, **{"ft:recall": {**RECALL, **more}})
    for word in ("ADD", "DELETE", "OBSERVE", "add"):
        for parent in (
            truck,
            batch,
            "https://id.gs1.org/8004/952000000000000001",
            "urn:epc:id:giai:9520000.1",
            "x",
            "",
        ):
            for kind in ("AggregationEvent", "AssociationEvent", "TransactionEvent"):
                yield _event(
                    batch, type=kind, action=word, parentID=parent, childQuantityList=[{"epcClass": batch}]
                )
    device = "https://x/device/" + "0" * 32
    yield _event(batch, type="AssociationEvent", action=..., parentID=batch, childEPCs=[device])
    for action in ("ADD", "DELETE", "OBSERVE", "MOVE"):
        yield _event(
            batch, type="AssociationEvent", action=action, parentID=batch, childEPCs=[device, device, 5]
        )
    for lists in ("outputQuantityList", "inputQuantityList", "outputEPCList"):
        yield _event(
            batch,
            type="TransformationEvent",
            action=...,
            quantityList=...,
            **{lists: [{"epcClass": batch}, batch]},
        )
    for uri in _spellings(batch):
        yield _event(batch, quantityList=[{"epcClass": uri}])


def _spellings(batch: str) -> Iterator[str]:
    """The batch in forms that are the same, and in others."""
    yield from (
        batch.replace("https", "http"),
        batch + "?x=1",
        batch + "#a",
        batch.upper(),
        batch + "/",
        batch + "%20",
    )
    yield from (
        batch.replace("none", "%6Eone"),
        batch.replace("none", "n%6fne"),
        batch.replace("none", "none\u0301"),
    )
    yield from (batch.replace("id.gs1.org", "ID.GS1.ORG"), batch.replace("id.gs1.org", "dl.example/a/b"))
    yield from (
        "urn:epc:class:lgtin:9520000.000001.none",
        "urn:epc:class:lgtin:952000000.0001.none",
        "urn:epc:id:x:1.2.3",
    )


def _payloads(farm: str, batch: str) -> Iterator[str]:
    """Texts of claims that a writer of strict JSON would not write."""
    head = f'{{"_sd_alg":"sha-256","iss":"{farm}"'
    event = (
        '"event":{"action":"OBSERVE","bizStep":"x","eventTime":"2026-01-01T00:00:00Z","type":"ObjectEvent",'
        f'"quantityList":[{{"epcClass":"{batch}","quantity":%s}}]}}'
    )
    for number in (
        "1",
        "1.50",
        "-0",
        "-0.0",
        "1e2",
        "1E-7",
        "0.1e1",
        "1e63",
        "1e65",
        "01",
        "1.",
        "9007199254740992",
        "NaN",
    ):
        yield f'{head},"iat":1,{event % number}}}'
    for iat in ("1.0", "1e0", "true", "null", '"1"', "-1", "-0", "1" * 65):
        yield f'{head},"iat":{iat},{event % 1}}}'
    for extra in (
        '"x":"\\ud800"',
        '"x":"\\ud83d\\ude00"',
        '"iss":"y"',
        '"_sd":[]',
        '"_sd":["a","a"]',
        '"_sd":5',
        '"...":"a"',
    ):
        yield f'{head},{extra},"iat":1,{event % 1}}}'
    for depth in (10, 13, 14, 15, 16, 17):
        yield f'{head},"x":{"[" * depth}{"]" * depth},"iat":1,{event % 1}}}'
    yield from (
        head,
        "[]",
        "null",
        '"x"',
        f' {head},"iat":1,{event % 1}}} ',
        f'\ufeff{head},"iat":1,{event % 1}}}',
    )


def _told(told: Told, bundle: Bundle, key: PrivateKey, claims: dict[str, Any]) -> bytes:
    """The bundle with one event more, its disclosures all shown."""
    made = sdjwt.issue(key, claims, hide_claims, typ=media.EVENT)
    texts = tuple(sorted((d.text for d in made.disclosures), key=sdjwt.digest_of))
    return add(told, bundle, media.EVENT, made.statement, texts)


def _signed_text(told: Told, bundle: Bundle, key: PrivateKey, payload: str) -> bytes:
    made = jose.make_signature(key, jose.b64url(payload.encode()), typ=media.EVENT)
    body = made.signing_input + f".{jose.b64url(made.signature)}~".encode()
    return add(told, bundle, media.EVENT, body)
