"""Parties and devices with real keys that sign what nobody should: every shape a reader could stumble over."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from tests.support import forge
from tests.verifier.stories import WORDS, Told
from traceability import media
from traceability.sensing import frame
from traceability.signing import cbor, cose, jose, sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, hide_claims
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.keys import PrivateKey
from traceability.verification.bundle import Bundle, Link, parse_bundle

Lie = tuple[str, Callable[[], bytes]]
TIMES = (
    "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.1234567890Z",
    "2026-01-01T00:00:00+23:59", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00-00:99", "2026-01-01T00:00:00+23:60",
    "2026-02-29T00:00:00Z", "2024-02-29T23:59:59Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T23:59:60Z",
    "0000-01-01T00:00:00Z", "0099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01", "1969-12-31T23:59:59.999Z",
    "1969-12-31T23:59:00-00:01", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z",
    "2026-01-01t00:00:00Z", "2026-01-01T00:00:00z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z\n",
    "２０２６-01-01T00:00:00Z", "yesterday", "", None, 5, ["2026-01-01T00:00:00Z"],
)  # fmt: skip
RECALL: Mapping[str, Any] = {
    "id": "R9", "state": "issued", "recallClass": 1, "origin": ["x"], "hazard": WORDS, "advice": WORDS,
}  # fmt: skip
ODD: tuple[Any, ...] = (None, True, 0, -1, Decimal("1.50"), "", "x", "沙", [], ["x"], [5], {}, {"en": "x"}, {"en": 1, "zh": "x"})
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
    for number, named in enumerate((*ODD, ["type"], ["type", "eventTime", "kept"], [None], ["type", 1], "type")):
        claims = {"iss": farm, "iat": 1, EVENT_CLAIM: usual, KEPT_CLAIM: named}
        yield f"kept {number}", partial(_told, told, bundle, key, claims)
    for number, payload in enumerate(_payloads(farm, batch)):
        yield f"payload {number}", partial(_signed_text, told, bundle, key, payload)


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
    for name in ("type", "action", "bizStep", "quantityList", "parentID", "epcList", "ilmd", "ft:recall", "childEPCs"):
        yield from (_event(batch, **{name: odd}) for odd in (*ODD, ...))
    for name in RECALL:
        yield from (_event(batch, **{"ft:recall": {**RECALL, name: odd}}) for odd in ODD)
        yield _event(batch, **{"ft:recall": {k: v for k, v in RECALL.items() if k != name}})
    for more in ({}, {"contact": 5}, {"contact": None}, {"state": "closed"}, {"state": "closed", "outcome": "safe"}):
        yield _event(batch, **{"ft:recall": {**RECALL, **more}})
    for word in ("ADD", "DELETE", "OBSERVE", "add"):
        for parent in (truck, batch, "https://id.gs1.org/8004/952000000000000001", "urn:epc:id:giai:9520000.1", "x", ""):
            for kind in ("AggregationEvent", "AssociationEvent", "TransactionEvent"):
                yield _event(batch, type=kind, action=word, parentID=parent, childQuantityList=[{"epcClass": batch}])
    device = "https://x/device/" + "0" * 32
    yield _event(batch, type="AssociationEvent", action=..., parentID=batch, childEPCs=[device])
    for action in ("ADD", "DELETE", "OBSERVE", "MOVE"):
        yield _event(batch, type="AssociationEvent", action=action, parentID=batch, childEPCs=[device, device, 5])
    for lists in ("outputQuantityList", "inputQuantityList", "outputEPCList"):
        yield _event(batch, type="TransformationEvent", action=..., quantityList=..., **{lists: [{"epcClass": batch}, batch]})
    for uri in _spellings(batch):
        yield _event(batch, quantityList=[{"epcClass": uri}])


def _spellings(batch: str) -> Iterator[str]:
    """The batch in forms that are the same, and in others."""
    yield from (batch.replace("https", "http"), batch + "?x=1", batch + "#a", batch.upper(), batch + "/", batch + "%20")
    yield from (batch.replace("none", "%6Eone"), batch.replace("none", "n%6fne"), batch.replace("none", "none\u0301"))
    yield from (batch.replace("id.gs1.org", "ID.GS1.ORG"), batch.replace("id.gs1.org", "dl.example/a/b"))
    yield from ("urn:epc:class:lgtin:9520000.000001.none", "urn:epc:class:lgtin:952000000.0001.none", "urn:epc:id:x:1.2.3")


def _payloads(farm: str, batch: str) -> Iterator[str]:
    """Texts of claims that a writer of strict JSON would not write."""
    head = f'{{"_sd_alg":"sha-256","iss":"{farm}"'
    event = (
        '"event":{"action":"OBSERVE","bizStep":"x","eventTime":"2026-01-01T00:00:00Z","type":"ObjectEvent",'
        f'"quantityList":[{{"epcClass":"{batch}","quantity":%s}}]}}'
    )
    for number in ("1", "1.50", "-0", "-0.0", "1e2", "1E-7", "0.1e1", "1e63", "1e65", "01", "1.", "9007199254740992", "NaN"):
        yield f'{head},"iat":1,{event % number}}}'
    for iat in ("1.0", "1e0", "true", "null", '"1"', "-1", "-0", "1" * 65):
        yield f'{head},"iat":{iat},{event % 1}}}'
    for extra in ('"x":"\\ud800"', '"x":"\\ud83d\\ude00"', '"iss":"y"', '"_sd":[]', '"_sd":["a","a"]', '"_sd":5', '"...":"a"'):
        yield f'{head},{extra},"iat":1,{event % 1}}}'
    for depth in (10, 13, 14, 15, 16, 17):
        yield f'{head},"x":{"[" * depth}{"]" * depth},"iat":1,{event % 1}}}'
    yield from (head, "[]", "null", '"x"', f" {head},\"iat\":1,{event % 1}}} ", f'\ufeff{head},"iat":1,{event % 1}}}')


def _told(told: Told, bundle: Bundle, key: PrivateKey, claims: dict[str, Any]) -> bytes:
    """The bundle with one event more, its disclosures all shown."""
    made = sdjwt.issue(key, claims, hide_claims, typ=media.EVENT)
    texts = tuple(sorted((d.text for d in made.disclosures), key=sdjwt.digest_of))
    return _added(told, bundle, media.EVENT, made.statement, texts)


def _signed_text(told: Told, bundle: Bundle, key: PrivateKey, payload: str) -> bytes:
    made = jose.make_signature(key, jose.b64url(payload.encode()), typ=media.EVENT)
    body = made.signing_input + f".{jose.b64url(made.signature)}~".encode()
    return _added(told, bundle, media.EVENT, body, ())


def _added(told: Told, bundle: Bundle, media_type: str, body: bytes, texts: tuple[str, ...]) -> bytes:
    batch, *rest = bundle.streams
    link: Link = forge.link(media_type, body, batch.links[-1].time_ms)
    longer = forge.with_streams(bundle, replace(batch, links=(*batch.links, link)), *rest)
    shown = {link.sha256: texts} if texts else {}
    return forge.sign(replace(longer, disclosures=dict(longer.disclosures) | shown), told.world.node)


def lies_of_devices(told: Told) -> Iterator[Lie]:
    """Statements of a logger that is packed with a batch, as the last record of the batch."""
    bundle, logger = parse_bundle(told.world.bundle(told.batches["packing"])), told.logger
    usual = _head(told)
    payload = _pack(logger.uri, {0: "air", 2: 4.0})
    for number, (headers, kind) in enumerate(_heads(usual)):
        content = media.SENML_CBOR if kind == media.FRAME else media.CBOR
        yield f"header {number}", partial(_stated, told, bundle, kind, content, headers, payload)
    for number, body in enumerate(_packs(logger.uri)):
        yield f"pack {number}", partial(_stated, told, bundle, media.FRAME, media.SENML_CBOR, usual, body)
    early = usual | {frame.CLOCK: 0, cose.CLAIMS: {k: v for k, v in usual[cose.CLAIMS].items() if k != 6}}
    for number, time in enumerate((0, 103, 104, 104.9995, 2**28 - 1, 2**28, 1_767_225_600, -1)):
        body = _pack(logger.uri, {-3: time, 0: "air", 2: 4.0})
        yield f"uptime {number}", partial(_stated, told, bundle, media.FRAME, media.SENML_CBOR, early, body)
    for number, rows in enumerate(_gaps(logger.counter)):
        yield f"gap {number}", partial(_stated, told, bundle, media.GAP, media.CBOR, usual, cbor.encode(rows))


def _head(told: Told) -> dict[int, Any]:
    logger = told.logger
    return {
        cose.CLAIMS: {1: logger.uri, 2: logger.stream, 6: told.world.now_ms // 1000},
        frame.COUNTER: logger.counter,
        frame.BOOT: 1,
        frame.PREV: logger.prev,
        frame.UPTIME: 103,
        frame.CLOCK: 2,
    }


def _stated(
    told: Told, bundle: Bundle, kind: str, content: str, headers: dict[int, Any], payload: bytes
) -> bytes:
    body = cose.sign1(told.logger.key, typ=kind, content_type=content, headers=headers, payload=payload)
    return _added(told, bundle, kind if kind in media.RECORDED else media.FRAME, body, ())


def _heads(usual: dict[int, Any]) -> Iterator[tuple[dict[int, Any], str]]:
    for kind in (media.FRAME, media.GAP, media.RESUME, media.ROTATION, media.RECEIPT):
        yield usual, kind
    numbers = (0, 1, 3, 4, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**64 - 1, -1, 1.0, True, None, "1", b"1", [1])
    for label in (frame.COUNTER, frame.BOOT, frame.UPTIME, frame.CLOCK):
        yield from ((usual | {label: value}, media.FRAME) for value in numbers)
    for label in (frame.PREV, frame.BEACON):
        yield from ((usual | {label: value}, media.FRAME) for value in (bytes(32), bytes(31), bytes(33), "x" * 32, None))
    for label in usual:
        yield {k: v for k, v in usual.items() if k != label}, media.FRAME
    for extra in (-65543, 0, 5, 2**63, -(2**63)):
        yield usual | {extra: 1}, media.FRAME
    claims = usual[cose.CLAIMS]
    for label in (1, 2, 6):
        values = ("x", None, 1.0, claims[1] + "0", claims[1].upper(), "https://x/é", "https://" + "a" * 505, 2**28 - 1, 2**40)
        yield from ((usual | {cose.CLAIMS: claims | {label: value}}, media.FRAME) for value in values)
        yield usual | {cose.CLAIMS: {k: v for k, v in claims.items() if k != label}}, media.FRAME
    for odd in ({}, [], None, 5, claims | {"1": 1}, claims | {7: 1}):
        yield usual | {cose.CLAIMS: odd}, media.FRAME


def _pack(uri: str, *records: dict[int, Any], at_s: int | float = 1_767_300_000) -> bytes:
    first = {-2: f"{uri}/", -3: at_s, -4: "Cel"} | records[0]
    return cbor.encode([first, *records[1:]])


def _packs(uri: str) -> Iterator[bytes]:
    values = (0, 4, -5, 4.0, 0.1, -0.0, 0.0005, -0.0005, 0.4995, 1000, 1000.001, 1372, 1372.5, -270, -270.01, 2**53, 2**64 - 1)
    for value in (*values, 1e300, 5e-324, True, None, "4", b"4", [4]):
        yield _pack(uri, {0: "air", 2: value})
    for unit in ("Cel", "K", "%RH", "lx", "lat", "m/s2", "/", "cel", "", None, 1, "Cel "):
        yield _pack(uri, {0: "air", 1: unit, 2: 1})
        yield _pack(uri, {-4: unit, 0: "air", 2: 1})
    for name in ("air", "Air", "", "a" * 32, "a" * 33, "_a", "a_b-c", "é", "a\n", "a b", 5, None, "٣"):
        yield _pack(uri, {0: name, 2: 1})
    for time in (0, 1, -1, 0.5, 0.0005, 0.0004999, 1e-9, 60, -(2**31), 2**40, 1e18, True, None, "0"):
        yield _pack(uri, {0: "air", 2: 1, 6: time})
        yield _pack(uri, {0: "air", 2: 1}, {0: "air", 2: 2, 6: time})
    for time in (2**28, 2**28 - 1, 268435455.9995, 253_402_300_799, 253_402_300_799.9995, 253_402_300_800, 0.0, 2**64 - 1):
        yield _pack(uri, {0: "air", 2: 1}, at_s=time)
    for more in ({3: "x"}, {-5: 1}, {-6: 1}, {5: 1}, {7: 1}, {8: b""}, {4: True}, {10: 1}, {-1: 10}):
        yield _pack(uri, {0: "air", 2: 1} | more)
        yield _pack(uri, {0: "air", 2: 1}, {0: "air", 2: 1, 6: 1} | more)
    yield _pack(uri + "x", {0: "air", 2: 1})
    yield from map(cbor.encode, ([], {}, [[]], [5], [{}], None, 5, [{0: "air", 2: 1}], [{"n": "air"}]))
    many = [{0: "air", 2: 1, 6: second} for second in range(1_001)]
    yield from (_pack(uri, *many[:1_000]), _pack(uri, *many))
    yield from _other_encodings(_pack(uri, {0: "air", 2: 4.0}))


def _other_encodings(pack: bytes) -> Iterator[bytes]:
    """The same value in bytes that are not its one encoding, and bytes that are none."""
    half = b"\xf9" + struct.pack(">e", 4.0)
    for other in (
        b"\xfa" + struct.pack(">f", 4.0), b"\xfb" + struct.pack(">d", 4.0), b"\x18\x04", b"\xf9\x7e\x00", b"\xf9\x7c\x00",
        b"\xf9\x80\x00", b"\xf9\x00\x01", b"\xfa\x7f\xc0\x00\x00", b"\xfb\x7f\xf0" + bytes(6), b"\xc1\x04", b"\xf7", b"\xe0", b"\x1f",
    ):  # fmt: skip
        yield pack.replace(half, other)
    yield from (pack[:-1], pack + b"\x00", b"", b"\x9f" + pack[1:] + b"\xff", b"\x98\x01" + pack[1:], b"\xd2" + pack)


def _gaps(counter: int) -> Iterator[Any]:
    last = counter - 1
    full = "flash-full"
    yield [[0, 0, full]]
    yield from ([[last, last, full]], [[last, counter, full]], [[counter, counter, full]], [[1, 0, full]])
    yield from ([[0, 0, full], [1, 1, full]], [[0, 0, full], [1, 1, "corrupt"]], [[0, 1, full], [1, 1, "corrupt"]])
    yield from ([[1, 1, full], [0, 0, full]], [[0, 0, "other"]], [[0, 0, None]], [[0, 0]], [[0, 0, full, 1]])
    yield from ([], [[]], {}, None, [[0.0, 0, full]], [[0, True, full]], [[-1, 0, full]], [["0", 0, full]], [5])


