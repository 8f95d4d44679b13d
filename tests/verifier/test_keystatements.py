"""The verifier in JavaScript and the one in Python judge the statements of key streams alike."""

from __future__ import annotations

from typing import Any

from tests.support.damage import damaged
from tests.support.node import JavaScript, accepted, agree
from tests.support.vectors import VECTORS
from tests.verifier.odd import ODD, written
from traceability import identifiers, media
from traceability.signing import jose, keystatement, revocation, strictjson
from traceability.signing.farewell import NOTHING, device_farewell
from traceability.signing.keys import PrivateKey, PublicKey

KEY = PrivateKey.from_seed(bytes([1]) * 32)


def test_key_statements(javascript: JavaScript):
    device = keystatement.device_request(
        KEY,
        node="node.example",
        owner=identifiers.party_uri("node.example", "0123456789abcdef"),
        model="m",
        iat=1,
    )
    vouched = keystatement.vouch(device, PrivateKey.from_seed(bytes([2]) * 32))
    owner, sensor = PrivateKey.from_seed(bytes([2]) * 32), KEY.public
    told = revocation.Told(kid=sensor.kid, reason="lost", suspected_s=1, iat=2)
    ends = [revocation.device_revocation(owner, node="node.example", device=sensor.device_id, **told)]
    ends += [
        device_farewell(owner, node="node.example", device=sensor.device_id, last=last, iat=2)
        for last in (NOTHING, 0, 2**53 - 1)
    ]
    vectors = [line.encode() for line in VECTORS["key-statements"].split()]
    statements = [*vectors, device, vouched, *ends]
    outer: Any = strictjson.json_decode(device)
    twice = written({**outer, "signatures": outer["signatures"] * 2})
    changed = [statement for statement in statements if statement != device]
    cases = [[copy] for copy in [*damaged(statements, 25), twice, *restated(changed)]]
    answers = agree(javascript, "keyAct", revocation.parse_key_act, cases)
    assert accepted(answers) > len(statements)
    agree(javascript, "keyStatement", keystatement.parse_key_statement, cases[::9])
    general = [*restated(statements[:1]), statements[0] + b" " * 16_384, statements[0] + b"\n"]
    agree(javascript, "jws", lambda data: jose.jws_parse_general(data, typ=media.KEY), [[d] for d in general])
    keys = [PrivateKey.from_seed(bytes([seed]) * 32).public.raw for seed in (2, 5, 6, 7)]

    def verified(data: bytes, raw: bytes) -> bool:
        revocation.parse_key_act(data).verify(PublicKey(raw))
        return True

    pairs = [
        [copy, key] for statement in statements for copy in (statement, *unsigned(statement)) for key in keys
    ]
    assert accepted(agree(javascript, "verifiedKeyAct", verified, pairs)) >= len(statements) - 1


def unsigned(statement: bytes) -> list[bytes]:
    """The statement with one of its signatures replaced by zeros."""
    outer: Any = strictjson.json_decode(statement)
    zeros = strictjson.b64url(bytes(64))
    found = []
    for place, part in enumerate(outer["signatures"]):
        parts = [*outer["signatures"]]
        parts[place] = {**part, "signature": zeros}
        found.append(written({**outer, "signatures": parts}))
    return found


def restated(statements: list[bytes]) -> list[bytes]:
    """The statements with one claim replaced, left out or added, and with other signatures."""
    found = []
    for statement in statements:
        outer: Any = strictjson.json_decode(statement)
        claims: Any = strictjson.json_decode(strictjson.b64url_decode(outer["payload"]))
        changed = [{**claims, name: value} for name in (*claims, "device") for value in ODD]
        changed += [{n: v for n, v in claims.items() if n != name} for name in claims]
        for part in ("jwk", "names"):
            if part in claims:
                changed += [{**claims, part: {**claims[part], name: v}} for name in claims[part] for v in ODD]
        found += [
            written({**outer, "payload": strictjson.b64url(strictjson.json_encode(c))}) for c in changed
        ]
        signatures = outer["signatures"]
        strangers = [
            {**signatures[0], "protected": jose.Header(bytes([i]) * 16, media.KEY).encode()} for i in range(9)
        ]
        strangers[0]["protected"] = jose.Header(bytes(16), media.EVENT).encode()
        found += [written({**outer, "signatures": [*signatures, stranger]}) for stranger in strangers[:3]]
        found += [written({**outer, "signatures": signatures + strangers[1:count]}) for count in range(3, 10)]
        if len(signatures) == 2:
            found.append(written({**outer, "signatures": [signatures[0], strangers[0]]}))
        for other in (
            signatures * 2,
            signatures[:1],
            signatures[::-1],
            signatures * 5,
            [],
            *([odd] for odd in ODD),
        ):
            found.append(written({**outer, "signatures": other}))
        for name in ("protected", "signature"):
            found += [written({**outer, "signatures": [{**signatures[0], name: odd}]}) for odd in ODD]
    return found
