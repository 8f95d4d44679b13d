"""The verifier in JavaScript and the one in Python judge keys, base64, JSON and CBOR alike."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest

from tests.support.damage import damaged, damaged_text, noise
from tests.support.node import REPOSITORY, JavaScript, accepted, agree, described
from tests.support.vectors import VECTORS
from traceability import errors, media
from traceability.ledger import lines
from traceability.signing import cbor, strictjson
from traceability.signing.keys import PrivateKey, PublicKey

KEY = PrivateKey.from_seed(bytes([1]) * 32)
JSON_WORDS = r"""
NaN Infinity -Infinity - -0 -0.0 0e5 -0e5 0E-3 1.50 1E-3 1.5e2 1e2 01 1. .5 1e 1e+ +1 0x1
9007199254740991 9007199254740992 -9007199254740991 1e16 9007199254740993e0 1e64 1e65 1e-64 1e-65
0e64 0e65 1e9999999999999999999 0e-63 1e400 -1E400 123456789012345.6e1 truefalse tru "\ud800"
"\U0001f955" "\uD83E\uDD55" "\udd55\ud83e" "\ud83e\ud83e\udd55" "\u00e" "\x41" "\/"
"\b\f\n\r\t\"\\" "\u0000" " "\" "\ {"a":1,"a":1} {"a":1,"\u0061":2} {"__proto__":1,"constructor":2}
{"2":0,"10":0,"1":0} {1:2} {"a":1,} [1,] [,1] {} [] { [ } [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]
[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]] /**/1 'a'
"""
JSON_TEXTS = [
    *JSON_WORDS.split(),
    *(
        "",
        "null ",
        "\tnull\r\n",
        "\x0bnull",
        "\xa0null",
        "null\x00",
        "\ufeffnull",
        "\u2028null",
        '"\u2028\u2029"',
    ),
    *('"\t"', '"\x7f"', '"\\u 0e9"', "[1 2]", "[ ]", "{ }", "[ 1 , 2 ]", '{ "a" : 1 }', "1 2", '"é"'),
    *("0." + "0" * 62, "1" * 64, "1" * 65, "1." + "0" * 62, "1." + "0" * 63, "[" * 5000),
    *("[" * 16 + "]" * 16, "[" * 17 + "]" * 17, '{"a":' * 16 + "1" + "}" * 16, '{"a":' * 17 + "1" + "}" * 17),
    '{"\ufb01":1,"\U0001f955":2,"é":3,"b":4}',
]
CBOR_ITEMS = """
00 17 1818 1817 18ff 190100 1900ff 1a00010000 1b0000000100000000 1bffffffffffffffff 20
3bffffffffffffffff 40 58 5bffffffffffffffff 60 62c3a9 61ff 63eda080 63efbbbf 80 818181818100
8181818100 9bffffffffffffffff a0 a10000 a2000100 a200000000 a201000000 a2616100000000 a200006161f6
a1f600 a1400000 a1f90000 c000 d81800 f4 f5 f6 f7 f8ff f0 ff 9f00ff 1c 1f f90000 f98000 f93c00 f97bff
f97c00 f97e00 f90001 f903ff f90400 fa3f800000 fa33800000 fa33000000 fa47800000 fa477ff000 fa7f800000
fa3dcccccd fb3ff0000000000000 fb3fb999999999999a fb7ff0000000000000 fb7ff8000000000001
fb0000000000000001 fb47efffffe0000000 fb47efffffefffffff fb8000000000000000 fb36a0000000000000
fb3690000000000000 a40001200221036161f5
"""


def test_every_error_has_its_code_remedy_and_place_in_the_tree(javascript: JavaScript):
    (found,) = javascript.ask("errors", [[]])
    known = [getattr(errors, name) for name, *_ in found if name != "TraceabilityError"]
    wanted = [[e.__name__, e.code, e.advice, e.__bases__[0].__name__] for e in known]
    assert [row for row in found if row[0] != "TraceabilityError"] == wanted


def test_media_types_are_the_same(javascript: JavaScript):
    (found,) = javascript.ask("media", [[]])
    wanted = {name: value for name, value in vars(media).items() if name.isupper() and name[0] != "_"}
    plain = {n: sorted(v) if isinstance(v, frozenset) else v for n, v in wanted.items()}
    assert dict(found) == plain


def test_ed25519_edge_cases(javascript: JavaScript):
    def verified(raw: bytes, message: bytes, signature: bytes) -> bool:
        PublicKey(raw).verify(message, signature)
        return True

    read = json.loads((REPOSITORY / "tests" / "vectors" / "ed25519.json").read_bytes())
    cases = [[bytes.fromhex(case[name]) for name in ("public", "message", "signature")] for case in read]
    answers = agree(javascript, "ed25519", verified, cases)
    assert [answer is True for answer in answers] == [case["accept"] for case in read]
    signature = KEY.sign(b"message")
    changed = [*damaged([signature], 40), signature[:63], signature + b"\0", b""]
    agree(javascript, "ed25519", verified, [[KEY.public.raw, b"message", copy] for copy in changed])
    keys = damaged([KEY.public.raw], 40)
    second_spellings = [(2**255 - 19 + y) | sign << 255 for y in range(19) for sign in (0, 1)]
    keys += [number.to_bytes(32, "little") for number in second_spellings]
    agree(javascript, "ed25519", verified, [[key, b"message", signature] for key in keys])


def test_a_key_judges_its_hundredth_signature_as_its_first(javascript: JavaScript):
    signed = [(bytes([i]), KEY.sign(bytes([i]))) for i in range(20)]
    pairs = [*signed, *[(message, changed) for message, s in signed[:2] for changed in damaged([s], 20)]]
    (found,) = javascript.ask("ed25519Often", [[KEY.public.raw, pairs]])
    assert found == [
        True if KEY.sign(message) == signature else {"refused": "bad-signature"}
        for message, signature in pairs
    ]


def test_base64_in_both_alphabets(javascript: JavaScript):
    data = noise(150, 40)
    agree(javascript, "b64url", strictjson.b64url, [[item] for item in data])
    agree(javascript, "encodeBase64", lines.encode_base64, [[item] for item in data])
    texts = ["QQ==", "QQ=", "Q", "QR", "QUI+", "Q/I", "QU I", "QUI\n", "QUJD*", "Qé", "=", "====", "Q==="]
    texts += damaged_text([strictjson.b64url(item) for item in data], 2)
    texts += damaged_text([lines.encode_base64(item) for item in data], 2)
    assert javascript.ask("hasOwn", [[]]) == [True]
    for question, decode in (
        ("b64urlDecode", strictjson.b64url_decode),
        ("decodeBase64", lines.decode_base64),
    ):
        answers = agree(javascript, question, decode, [[text] for text in texts])
        assert 0 < accepted(answers) < len(answers)
        assert javascript.ask("withoutOwn", [[question, text] for text in texts]) == answers


def canonical(text: bytes) -> object:
    """The value of a text that is the one of its value."""
    value = strictjson.json_decode(text)
    return value if strictjson.json_encode(value) == text else None


def test_json_that_must_be_the_one_text_of_its_value(javascript: JavaScript):
    texts = [text.encode() for text in JSON_TEXTS]
    texts += [
        b'"\xff"',
        b"\xef\xbb\xbf1",
        b"\xff",
        b'["\\ud800"]',
        b'"\\\\ud800"',
        b'{"10":1,"2":2}',
        b'{"2":2,"10":1}',
    ]
    texts += [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"toJSON":1}',
        b'{"":{"__proto__":[null]}}',
        b"1e21",
        b"1e+21",
        b"1.5",
    ]
    texts += [b"9007199254740992", b"-0", b"[" * 16 + b"]" * 16, b"[" * 17 + b"]" * 17]
    whole = strictjson.json_encode(
        {"a": [1, -2, None, True, '\u2028\U0001f955\x7f\b\x1f"\\/'], "b": {"é": "1.50"}}
    )
    answers = agree(
        javascript, "jsonCanonical", canonical, [[text] for text in (*texts, whole, *damaged([whole], 80))]
    )
    assert 0 < accepted(answers) < len(answers)


def read_json(text: bytes) -> object:
    value = strictjson.json_decode(text)
    return [value, strictjson.json_encode(value)]


def test_strict_json_and_its_one_text(javascript: JavaScript):
    texts = [text.encode() for text in JSON_TEXTS]
    texts += [b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', b"\xff"]
    whole = b'{"a":[1,-2.50,true,null,"\\u00e9\\ud83e\\udd55"],"b":{"c":"x","d":1.5e3},"e":[]}'
    texts += damaged([whole, *[t.encode() for t in JSON_TEXTS if len(t) < 100]], 12)
    answers = agree(javascript, "json", read_json, [[text] for text in texts])
    assert accepted(answers) > 100
    text = b"[" * 3 + b"1" + b"]" * 3
    limits = [[text, depth, size] for depth in (0, 2, 3) for size in (0, 6, 7)]
    agree(
        javascript, "jsonWithin", lambda t, d, s: strictjson.json_decode(t, max_depth=d, max_bytes=s), limits
    )
    halves = ["\ud800", '"\udc00"', '"x"']
    agree(
        javascript,
        "jsonWithin",
        lambda t, d, s: strictjson.json_decode(t, max_depth=d, max_bytes=s),
        [[half, 16, 99] for half in halves],
    )


def test_numbers_are_judged_and_kept_as_written(javascript: JavaScript):
    chance = random.Random(1)
    digits = ["", "0", "1", "00", "10", "123", "9" * 15, "9" * 17, "0" * 20, "5" * 60]
    texts = []
    for _ in range(600):
        whole, fraction, power = (chance.choice(digits) for _ in range(3))
        text = chance.choice(["", "-"]) + whole + chance.choice(["", "." + fraction])
        texts.append(text + chance.choice(["", "e" + power[:3], "E-" + power[:2], "e+" + power[:2]]))
    answers = agree(javascript, "json", read_json, [[text.encode()] for text in texts])
    assert 50 < accepted(answers) < len(answers) - 50


@pytest.mark.parametrize(
    "text", ["1E-7", "0E+5", "-0E+5", "1E+2", "123E-10", "0.000", "15.0", "-0.0", "1E-6", "12E+3"]
)
def test_fractions_are_named_as_python_names_them(javascript: JavaScript, text: str):
    assert javascript.ask("decimal", [[text]]) == [str(Decimal(text))]


def decoded(data: bytes, max_depth: int) -> object:
    return cbor.decode(data, max_depth=max_depth)


def test_deterministic_cbor(javascript: JavaScript):
    chance = random.Random(1)
    items = [bytes.fromhex(item) for item in CBOR_ITEMS.split()] + noise(1500, 12)
    items += [b"\xf9" + chance.randbytes(2) for _ in range(300)]
    items += [b"\xfa" + chance.randbytes(2) + chance.choice([b"\0\0", b"\x20\0"]) for _ in range(300)]
    items += [b"\xfb" + chance.randbytes(4) + b"\0" * 4 for _ in range(300)]
    items += damaged(
        [bytes.fromhex(VECTORS["frame"]), cbor.encode([1, -2, 1.5, "é", {"a": b"x", 3: [None]}])], 300
    )
    answers = agree(javascript, "cborDecode", decoded, [[item, 4] for item in items])
    assert 300 < accepted(answers) < len(answers) - 300
    kept = [
        item for item, answer in zip(items, answers, strict=True) if answer != {"refused": "bad-encoding"}
    ]
    assert javascript.ask("cborAgain", [[item] for item in kept]) == [described(item) for item in kept]
    nested = [
        "00",
        "80",
        "8100",
        "818100",
        "81818180",
        "8181818180",
        "a0",
        "a100a0",
        "a10081a0",
        "81a100a10080",
    ]
    agree(
        javascript, "cborDecode", decoded, [[bytes.fromhex(n), depth] for n in nested for depth in range(5)]
    )
