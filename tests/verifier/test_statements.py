"""The verifier in JavaScript and the one in Python judge signed statements alike, and what they show."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support import selective
from tests.support.damage import damaged, damaged_text
from tests.support.node import JavaScript, accepted, agree
from tests.support.vectors import VECTORS
from tests.verifier.odd import ODD, written
from traceability import media
from traceability.signing import cbor, cose, jose, kept, parts, sdjwt, strictjson
from traceability.signing.keys import PrivateKey, PublicKey

KEY = PrivateKey.from_seed(bytes([1]) * 32)
OTHER = PrivateKey.from_seed(bytes([2]) * 32).public


def test_device_statements_as_cose(javascript: JavaScript):
    sent = bytes.fromhex(VECTORS["frame"])
    cases: list[list[object]] = [[copy, False, KEY.public.raw] for copy in damaged([sent], 150)]
    cases += [[copy, False, None] for copy in damaged([sent, bytes.fromhex(VECTORS["gap"])], 400, seed=2)]
    headers: list[dict[Any, object]] = [
        {},
        {1: -19},
        {1: True},
        {1: "x"},
        {1: -8, 3: "a", 4: bytes(16), 16: "b"},
    ]
    good: dict[Any, object] = {1: -19, 3: "a", 4: bytes(16), 16: "b"}
    values: list[object] = [None, True, 0, -19, 1.0, "x", b"x", bytes(16), [], {}]
    for label in (1, 2, 3, 4, 16, 17, "x"):
        headers += [{**good, label: value} for value in values]
    for header in headers:
        message = [cbor.encode(header), {}, b"", bytes(64)]
        cases += [[b"\xd2" + cbor.encode(message), older, None] for older in (False, True)]
    open_header: list[object] = [cbor.encode(good), {4: b"11"}, b"", bytes(64)]
    cases.append([b"\xd2" + cbor.encode(open_header), False, None])
    long = cbor.encode([cbor.encode(good), {}, bytes(16_384), bytes(64)])
    cases.append([b"\xd2" + long, False, None])
    foreign = cbor.encode({**good, 4: OTHER.kid})
    signature = KEY.sign(cbor.encode(["Signature1", foreign, b"", b""]))
    cases.append([b"\xd2" + cbor.encode([foreign, {}, b"", signature]), False, KEY.public.raw])
    answers = agree(javascript, "cose", read_cose, cases)
    assert accepted(answers) > 20


def read_cose(data: bytes, older: bool, raw: bytes | None) -> object:
    algorithms = frozenset({cose.ED25519, cose.EDDSA} if older else {cose.ED25519})
    parsed = cose.parse_sign1(data, algorithms=algorithms)
    if raw:
        parsed.verify(PublicKey(raw))
    return [parsed.typ, parsed.content_type, parsed.kid, parsed.protected, parsed.payload, parsed.signature]


def test_published_cose_messages(javascript: JavaScript, conformance: Path):
    read = [json.loads(path.read_bytes()) for path in sorted((conformance / "cose").glob("*/*.json"))]
    messages = [bytes.fromhex(case["output"]["cbor"]) for case in read]
    agree(
        javascript,
        "cose",
        read_cose,
        [[message, older, None] for message in messages for older in (False, True)],
    )
    (ed25519,) = [case for case in read if "Ed25519" in json.dumps(case) and "sign0" in case["input"]]
    raw = bytes.fromhex(ed25519["input"]["sign0"]["key"]["x_hex"])

    def opened(data: bytes, key: bytes, external_aad: bytes) -> object:
        found = cose.parse_envelope(data, tag=cose.SIGN1_TAG, max_bytes=cose.MAX_BYTES)
        cose.verify_sign1(
            PublicKey(key),
            protected=found.protected,
            payload=found.payload,
            signature=found.proof,
            external_aad=external_aad,
        )
        return [found.protected, found.unprotected, found.payload]

    message = bytes.fromhex(ed25519["output"]["cbor"])
    cases = [[copy, raw, b""] for copy in [*messages, *damaged([message], 60)]] + [[message, raw, b"x"]]
    answers = agree(javascript, "envelope", opened, cases)
    assert accepted(answers) > 0
    assert answers[-1] == {"refused": "bad-signature"}


def issued() -> sdjwt.Issued:
    event = {
        "type": "ObjectEvent",
        "epcList": ["a", "b"],
        "ilmd": {"ft:temperature": {"low": Decimal("1.50")}, "ft:parents": ["p"]},
        "quantityList": [{"epcClass": "c", "quantity": 1, "uom": "KGM"}],
    }
    return sdjwt.issue(
        KEY,
        {"iss": "https://node.example", "iat": 1, "event": event, "kept": ["type"]},
        lambda path: path[:1] == ("event",) and parts.hide_event(path[1:]),
        typ=media.EVENT,
        salt=iter([bytes([i]) * 16 for i in range(99)]).__next__,
    )


def read_sdjwt(statement: bytes, disclosures: list[str] | None, raw: bytes | None) -> object:
    parsed = sdjwt.parse(statement)
    if raw:
        parsed.verify(PublicKey(raw))
    shown = None if disclosures is None else sdjwt.reveal(parsed.payload, disclosures)
    return [parsed.kid, parsed.typ, parsed.iss, parsed.iat, shown]


def test_event_statements(javascript: JavaScript):
    made = issued()
    texts = [disclosure.text for disclosure in made.disclosures]
    documented = VECTORS["event"].strip().encode(), VECTORS["disclosures"].split()
    cases: list[list[object]] = [[made.statement, texts, KEY.public.raw], [*documented, None]]
    cases += [[copy, texts, None] for copy in damaged([made.statement], 250)]
    cases += [[copy, texts, KEY.public.raw] for copy in damaged([made.statement], 60, seed=2)]
    chance = random.Random(1)
    for _ in range(300):
        some = chance.sample(texts, chance.randrange(len(texts) + 1))
        if some and chance.random() < 0.6:
            place = chance.randrange(len(some))
            some[place] = damaged_text([some[place]], 1, seed=chance.randrange(1 << 30))[1]
        cases.append([made.statement, some, None])
    cases.append([made.statement, [texts[0], texts[0]], None])
    foreign = f"{jose.Header(OTHER.kid, media.EVENT).encode()}.{made.statement.decode().split('.')[1]}"
    cases.append([f"{foreign}.{strictjson.b64url(KEY.sign(foreign.encode()))}~".encode(), [], KEY.public.raw])
    answers = agree(javascript, "sdjwt", read_sdjwt, cases)
    assert 50 < accepted(answers) < len(cases) - 50


def test_statements_with_other_claims_and_headers(javascript: JavaScript):
    good: dict[str, Any] = {"iss": "https://node.example", "iat": 1, "_sd_alg": "sha-256"}
    head: dict[str, Any] = {"alg": "Ed25519", "kid": strictjson.b64url(KEY.public.kid), "typ": "a"}
    heads = [{**head, name: odd} for name in (*head, "x") for odd in [*ODD, "a/b", "application/a", "EdDSA"]]
    heads += [{n: v for n, v in head.items() if n != name} for name in head]
    claims: list[Any] = [*ODD, *({**good, name: odd} for name in good for odd in ODD)]
    claims += [{n: v for n, v in good.items() if n != name} for name in good]
    made = [*(signed(head, claim) for claim in claims), *(signed(header, good) for header in heads)]
    made += [signed(head, good) + more for more in (b"", b"~", b"e30~", b"e30.e30.c2ln")]
    cases = [[statement, None, KEY.public.raw] for statement in made]
    assert accepted(agree(javascript, "sdjwt", read_sdjwt, cases)) > 10


def signed(header: Any, claims: Any) -> bytes:
    """A statement that only its signature says is one."""
    text = f"{strictjson.b64url(written(header))}.{strictjson.b64url(written(claims))}"
    return f"{text}.{strictjson.b64url(KEY.sign(text.encode()))}~".encode()


def test_disclosures_that_no_issuer_of_ours_makes(javascript: JavaScript):
    """Digests, reserved names and shapes in all places where they must not stand."""
    texts = [
        strictjson.b64url(written(held))
        for held in (
            ["salt", "name", 1],
            ["salt", "name", {"x": 2}],
            ["salt", 1],
            [1, "name", 1],
            ["salt", "_sd", 1],
            ["s"],
            ["salt", "...", 1],
            ["salt", "a", 1],
            ["salt", ["b"], 1],
            {"a": 1},
            "x",
            ["salt", {"...": "x"}],
            ["salt", "deep", [[[[[[[[[[[[[[1]]]]]]]]]]]]]]],
        )
    ]
    digests = [sdjwt.digest_of(text) for text in texts]
    plain: dict[str, Any] = {"_sd_alg": "sha-256"}
    payloads: list[dict[str, Any]] = [{}, {"_sd_alg": 1}, {"_sd_alg": "sha-512"}, plain]
    for digest in [*digests, "unknown", 5, None]:
        payloads += [{**plain, "_sd": [digest]}, {**plain, "a": 1, "_sd": [digest]}, {**plain, "_sd": digest}]
        payloads += [{**plain, "l": [{"...": digest}]}, {**plain, "l": [{"...": digest, "y": 1}]}]
        payloads += [
            {**plain, "o": {"_sd": [digest, digest]}},
            {**plain, "...": digest},
            {**plain, "o": {"...": digest}},
        ]
        payloads += [
            {**plain, "o": {**plain, "_sd": [digest]}},
            {**plain, "l": [[{"...": digest}], {"_sd": [digest]}]},
        ]
    nested: Any = {"_sd": [digests[0]]}
    for _ in range(15):
        nested = {"n": nested}
        payloads.append({**plain, **nested})
    cases = [
        [payload, given]
        for payload in payloads
        for given in ([], texts[:1], texts[:2], texts, *([t] for t in texts))
    ]
    many = [["x"] * 4097, ["x" * 1_048_577], ["\U0001f955" * 600_000], ["é"], [texts[0], texts[0] + "="]]
    cases += [[plain, disclosures] for disclosures in many]
    answers = agree(javascript, "reveal", sdjwt.reveal, cases)
    assert 50 < accepted(answers) < len(cases) - 50


def test_published_cases_of_selective_disclosure(javascript: JavaScript, conformance: Path):
    cases: list[list[object]] = []
    for name in selective.CASES:
        folder = conformance / "sdjwt" / "testcases" / name
        specification = selective.Specification(folder / "specification.yml")
        made, choice = selective.issued(specification), specification.values["holder_disclosed_claims"]
        shown = [d.text for d in made.disclosures if selective.wanted(choice, d.path)]
        for texts in (shown, [], [d.text for d in made.disclosures], [d.text for d in made.disclosures[:1]]):
            cases.append([made.statement, texts, selective.KEY.public.raw])
    answers = agree(javascript, "sdjwt", read_sdjwt, cases)
    assert accepted(answers[::4]) == len(selective.CASES)


def test_parts_that_are_hidden_and_kept(javascript: JavaScript):
    chance = random.Random(1)
    names: list[Any] = [
        *parts._EVENT.parts,
        *parts._ILMD.parts,
        "declarationTime",
        "correctiveEventIDs",
        "reason",
    ]
    names += ["epcClass", "quantity", "uom", "__proto__", "x", 0, 1]
    paths = [[name] for name in names] + [[a, b] for a in names for b in names]
    paths += [[chance.choice(names) for _ in range(chance.randrange(2, 5))] for _ in range(500)]
    agree(
        javascript,
        "parts",
        lambda path: [parts.kept(tuple(path)), parts.hide_event(tuple(path))],
        [[path] for path in [[], *paths]],
    )
    events: list[Any] = [
        {
            name: chance.choice(["x", {}, {"ft:temperature": {}, "reason": 1, "x": 2}, []])
            for name in chance.sample(names[:-2], 9)
        }
        for _ in range(100)
    ]
    agree(javascript, "keptMembers", kept.kept_members, [[event] for event in [{}, *events]])
