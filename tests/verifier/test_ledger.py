"""The verifier in JavaScript and the one in Python judge trees, notes and proofs alike."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

from tests.support.damage import damaged, damaged_text
from tests.support.node import JavaScript, accepted, agree
from tests.support.vectors import VECTORS
from traceability.ledger import lines, merkle, note, proof, tracecode
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes([1]) * 32)
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(21)]
BIG = (
    0,
    1,
    2**31,
    2**32,
    2**53 - 1,
    2**53,
    2**53 + 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**20,
    -1,
    -(2**63),
)


def included(index: int, size: int, leaf: bytes, hashes: list[bytes], root: bytes) -> bool:
    merkle.verify_inclusion(index, size, leaf, hashes, root)
    return True


def consistent(size1: int, size2: int, root1: bytes, root2: bytes, hashes: list[bytes]) -> bool:
    merkle.verify_consistency(size1, size2, root1, root2, hashes)
    return True


def test_published_merkle_proofs(javascript: JavaScript, conformance: Path):
    for folder, question, judged, names in (
        ("inclusion", "inclusion", included, ("leafIdx", "treeSize", "leafHash", "proof", "root")),
        ("consistency", "consistency", consistent, ("size1", "size2", "root1", "root2", "proof")),
    ):
        read = [json.loads(f.read_bytes()) for f in sorted((conformance / "merkle" / folder).rglob("*.json"))]
        answers = agree(javascript, question, judged, [[from_json(case[n]) for n in names] for case in read])
        assert [answer is True for answer in answers] == [not case["wantErr"] for case in read]
        assert len(read) == 98


def from_json(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return b64decode(value) if isinstance(value, str) else [b64decode(item) for item in value or ()]


def test_proofs_in_trees_of_every_size(javascript: JavaScript):
    cases: list[list[Any]] = []
    grown: list[list[Any]] = []
    for size in range(1, len(LEAVES) + 1):
        leaves, root = LEAVES[:size], merkle.root(LEAVES[:size])
        for index in range(size):
            hashes = merkle.inclusion_proof(index, leaves)
            cases += [
                [index, size, leaves[index], hashes, root],
                [index + 1, size, leaves[index], hashes, root],
            ]
            grown.append(
                [
                    index + 1,
                    size,
                    merkle.root(LEAVES[: index + 1]),
                    root,
                    merkle.consistency_proof(index + 1, leaves),
                ]
            )
            grown.append([index + 1, size, root, root, hashes])
    for number in BIG:
        hashes = [bytes([1]) * 32] * 62
        cases += [
            [number - 1, number, LEAVES[0], hashes, LEAVES[1]],
            [0, number, LEAVES[0], hashes[:53], LEAVES[1]],
        ]
        grown += [
            [number, number, LEAVES[0], LEAVES[0], []],
            [number - 1, number, LEAVES[0], LEAVES[1], hashes],
        ]
        grown += [[2**62 - 1, number, LEAVES[0], LEAVES[1], hashes]]
    cases += [
        [0, 1, b"short", [], LEAVES[0]],
        [0, 2, LEAVES[0], [b"short"], LEAVES[0]],
        [0, 1, LEAVES[0], [LEAVES[1]] * 64, LEAVES[0]],
    ]
    answers = agree(javascript, "inclusion", included, cases)
    assert accepted(answers) >= 231
    answers = agree(javascript, "consistency", consistent, grown)
    assert accepted(answers) >= 231


def read_note(data: bytes, vkeys: list[str]) -> object:
    parsed = note.parse_note(data)
    verified = note.verify(parsed, [note.parse_vkey(vkey) for vkey in vkeys])
    return [parsed, [[v.by.vkey(), v.time_s] for v in verified]]


def test_published_notes_and_keys(javascript: JavaScript, conformance: Path):
    notes: list[tuple[bytes, list[str]]] = []
    for file in sorted((conformance / "checkpoint").glob("*.vkey")):
        (signed,) = [f for f in (conformance / "checkpoint").glob(f"{file.stem}.*") if f != file]
        notes.append((signed.read_bytes(), [file.read_text("ascii").strip()]))
    assert len(notes) == 2
    cases = [[copy, vkeys] for data, vkeys in notes for copy in damaged([data], 120)]
    assert accepted(agree(javascript, "note", read_note, cases)) >= 2


def test_notes_and_cosignatures(javascript: JavaScript):
    vkeys = VECTORS["vkeys"].split()
    copies = damaged([VECTORS["checkpoint"].encode()], 120)
    cases: list[list[Any]] = [[copy, vkeys] for copy in copies] + [[copies[0], vkeys[:1]], [copies[0], []]]
    timed = note.VerifierKey("w.example", note.COSIGNATURE_V1, KEY.public)
    for seconds in (0, 1, 2**53 + 1, 2**63 - 1):
        signed = note.sign_note(b"x\n", "w.example", KEY, note.COSIGNATURE_V1, seconds)
        cases.append([note.Note(b"x\n", (signed,)).encode(), [timed.vkey()]])
    for value in (b"\xff" * 72, b"\x80" + bytes(71), b"\x80", b"x" * 8, bytes(72), bytes(71)):
        line = note.Signature("w.example", timed.key_id, value)
        cases.append([note.Note(b"x\n", (line,)).encode(), [timed.vkey()]])
    one = note.Note(b"x\n", (note.sign_note(b"x\n", "w.example", KEY, note.COSIGNATURE_V1, 7),)).encode()
    cases += [[one + one.partition(b"\n\n")[2] * count, [timed.vkey()]] for count in (1, 62, 63, 64)]
    cases += [
        [b"", []],
        [b"\n\n", []],
        [b"a\n\n\n", []],
        [one + b"\n", []],
        [b"\n" + one, [timed.vkey()]],
        [b"x" * 65_537, []],
    ]
    cases += [
        [one.replace(b"x\n", text), [timed.vkey()]]
        for text in (b"\xef\xbb\xbfx\n", b"\x7f\n", b"\t\n", "é\u2028\n".encode())
    ]
    assert accepted(agree(javascript, "note", read_note, cases)) > 10


def read_vkey(text: str) -> object:
    return [note.parse_vkey(text), note.parse_vkey(text).vkey()]


def test_names_of_keys_that_hold_white_space_of_any_script(javascript: JavaScript):
    odd = [
        *map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, 0xAD, 0x1680, 0x180E, *range(0x2000, 0x2010))),
        "",
        "+",
        "a+b",
    ]
    odd += ["\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff", "é", "\U0001f955"]
    signed = note.Note(b"x\n", (note.sign_note(b"x\n", "NAME", KEY),)).encode()
    cases: list[list[Any]] = [[signed.replace(b"NAME", f"a{name}b".encode()), []] for name in odd]
    cases += [[signed.replace(b"NAME", name.encode()), []] for name in odd]
    agree(javascript, "note", read_note, cases)
    tail = lines.encode_base64(b"\x01" + KEY.public.raw)
    named = []
    for name in odd:
        digest = hashlib.sha256(name.encode() + b"\n\x01" + KEY.public.raw).hexdigest()[:8]
        named.append(f"{name}+{digest}+{tail}")
    answers = agree(
        javascript,
        "vkey",
        read_vkey,
        [[text] for text in [*named, *damaged_text(VECTORS["vkeys"].split(), 150), "a+b", "", "a++", "a++="]],
    )
    assert accepted(answers) > 5


def read_checkpoint(data: bytes) -> object:
    return [note.parse_checkpoint(data), note.parse_checkpoint(data).text()]


def test_checkpoints(javascript: JavaScript):
    text = note.parse_note(VECTORS["checkpoint"].encode()).text
    texts = damaged([text, b"o\n0\n" + lines.encode_base64(LEAVES[0]).encode() + b"\next\n"], 200)
    texts += [b"o\n%d\n" % number + lines.encode_base64(LEAVES[0]).encode() + b"\n" for number in BIG]
    assert accepted(agree(javascript, "checkpoint", read_checkpoint, [[copy] for copy in texts])) > 10


def test_proofs_that_a_leaf_is_in_the_log(javascript: JavaScript):
    checkpoint = note.Checkpoint("log.example/log", len(LEAVES), merkle.root(LEAVES))
    signed = note.Note(checkpoint.text(), (note.sign_note(checkpoint.text(), "log.example/log", KEY),))
    made = proof.Proof(5, tuple(merkle.inclusion_proof(5, LEAVES)), signed.encode()).encode()
    vkeys = [note.VerifierKey("log.example/log", note.ED25519, KEY.public).vkey()]
    head, _, tail = made.partition(b"\n\n")
    texts = damaged([made, made.replace(b"\nindex", b"\nextra QQ==\nindex")], 250)
    texts += [
        head,
        b"\n\n" + tail,
        b"\xff" + made,
        made.replace(b"index 5", b"index \xff"),
        head + b"\n\n",
        b"x" * 90_000,
    ]
    texts += [made.replace(b"index 5", b"index %d" % number) for number in BIG]
    assert accepted(agree(javascript, "proof", proof.parse_proof, [[text] for text in texts])) > 10

    def verified(data: bytes, leaf: bytes, keys: list[str]) -> object:
        return proof.verify_proof(proof.parse_proof(data), leaf, [note.parse_vkey(key) for key in keys])

    cases = [[text, leaf, vkeys] for text in texts[:150] for leaf in (LEAVES[5],)] + [
        [made, LEAVES[6], vkeys],
        [made, LEAVES[5], []],
    ]
    assert accepted(agree(javascript, "verifyProof", verified, cases)) > 0


def written_code(count: int, record_hash: bytes) -> object:
    code = tracecode.trace_code(count, record_hash)
    return [code, code.text]


def typed_code(text: str) -> object:
    code = tracecode.parse_trace_code(text)
    return [code, code.text]


def test_trace_codes_written_and_typed_in_every_way(javascript: JavaScript):
    hashes = [bytes(32), b"\xff" * 32, *LEAVES]
    cases = [[count, leaf] for leaf in hashes for count in (1, 9, 10, 999_999_999)]
    written = agree(javascript, "traceCode", written_code, cases)
    assert accepted(written) == len(cases)
    agree(javascript, "traceCode", written_code, [*([n, LEAVES[0]] for n in BIG), [1, b"short"], [1, b""]])
    code = VECTORS["trace-code"].split("\n")[0]
    wide = "".join(chr(ord(char) + 0xFEE0) for char in code)
    typed = [*VECTORS["trace-code"].splitlines(), *(text for _, text in written), wide, code.lower()]
    between = [*map(chr, (*range(0x21), 0x7F, 0x85, 0xA0, *range(0x2000, 0x2030)))]
    between += "\u2212\u3000\ufeff\u0131\u017f\U0001d7cf\U0001f955"
    typed += [code.replace("-", char) for char in between]
    typed += ["", "1", code[2:], f"0{code}", f"1{code}", "0" + code[1:], f"{code:>128}", f"{code:>129}"]
    typed += [f"1000000000{code[1:]}", "9" * 96, "U" + code[1:], "\u00b9" + code[1:], "\u0661" + code[1:]]
    typed += ["\U0001f955" * 65, *damaged_text([code], 200)]
    answers = agree(javascript, "parseTraceCode", typed_code, [[text] for text in typed])
    assert accepted(answers) >= len(written) + 20
