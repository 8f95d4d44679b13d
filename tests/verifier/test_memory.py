"""What a browser remembers of a log, and what it says when a later checkpoint does not continue it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.node import JavaScript
from traceability.ledger import lines, merkle, note
from traceability.signing.keys import PrivateKey

KEY = PrivateKey.from_seed(bytes([7]) * 32)
NAME = "node.example/log"
LOG = note.VerifierKey(NAME, note.ED25519, KEY.public).vkey()
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(21)]
OTHERS = [merkle.leaf_hash(b"another"), *LEAVES[1:]]
TIME_MS = 1_767_225_600_000
ALARMS = ("older", "forked", "refused")
STATUSES = [
    *(("signed", "holds"), ("unchanged", "holds"), ("complete", "holds"), ("fresh", "holds")),
    *(("not proven", "holds"), ("recall", "none"), ("recall", "recalled")),
    *(("label", "holds"), ("label", "fails")),
]


def signed(size: int, leaves: list[bytes] = LEAVES, key: PrivateKey = KEY) -> str:
    text = note.Checkpoint(NAME, size, merkle.root(leaves[:size])).text()
    return note.Note(text, (note.sign_note(text, NAME, key),)).encode().decode()


def growth(first: int, second: int, leaves: list[bytes] = LEAVES) -> bytes:
    hashes = [lines.encode_base64(h) for h in merkle.consistency_proof(first, leaves[:second])]
    return json.dumps({"first": first, "second": second, "consistency": hashes}).encode()


def remembered(
    javascript: JavaScript, *seen: tuple[str, bytes | None, bool], kept: object = None
) -> tuple[list[Any], Any, Any]:
    """Codes of checkpoints seen one after another; what is kept at the end, and the evidence."""
    asked = [[text, TIME_MS + i, proof, may_ask] for i, (text, proof, may_ask) in enumerate(seen)]
    ((codes, entries, evidence),) = javascript.ask("remembered", [[LOG, kept, asked]])
    return [code for code, _ in codes], entries and [json.loads(e) for e in entries], evidence


def test_what_provably_grew_takes_the_place_of_what_was_seen(javascript: JavaScript):
    seen = [(signed(5), None, True), (signed(5), None, True), (signed(13), growth(5, 13), True)]
    codes, [entry], evidence = remembered(javascript, *seen)
    assert codes == ["first", "same", "grown"]
    assert entry == {"note": signed(13), "time_ms": TIME_MS + 2, "against": []}
    assert evidence is None


def test_a_proof_is_wanted_between_the_two_sizes_and_only_for_growth(javascript: JavaScript):
    seen = [[signed(size), TIME_MS, None, True] for size in (5, 5, 3, 13)]
    ((codes, _, _),) = javascript.ask("remembered", [[LOG, None, seen]])
    assert [wanted for _, wanted in codes] == [None, None, None, [{"int": "5"}, {"int": "13"}]]


@pytest.mark.parametrize(
    ("later", "proof", "code"),
    [
        (signed(3), None, "older"),
        (signed(5, OTHERS), None, "forked"),
        (signed(13, OTHERS), growth(5, 13, OTHERS), "refused"),
        (signed(13), growth(5, 13, OTHERS), "refused"),
    ],
)
def test_what_does_not_continue_it_is_an_alarm_and_both_notes_are_kept(
    javascript: JavaScript, later: str, proof: bytes | None, code: str
):
    codes, [entry], evidence = remembered(javascript, (signed(5), None, True), (later, proof, True))
    assert codes == ["first", code]
    assert entry == {"note": signed(5), "time_ms": TIME_MS, "against": [later]}
    assert json.loads(evidence) == {"log": LOG, "notes": [signed(5), later]}


@pytest.mark.parametrize(
    "proof", [None, b"", b"{}", b'{"first":5}', growth(4, 13), growth(5, 12), growth(5, 13)[:-1]]
)
@pytest.mark.parametrize(("may_ask", "code"), [(True, "unproven"), (False, "uncompared")])
def test_without_the_proof_the_old_checkpoint_stays(
    javascript: JavaScript, proof: bytes | None, may_ask: bool, code: str
):
    seen = ((signed(5), None, True), (signed(13), proof, may_ask))
    codes, [entry], evidence = remembered(javascript, *seen)
    assert codes == ["first", code]
    assert (entry["note"], evidence) == (signed(5), None)


def test_old_files_never_push_out_the_note_of_a_fork(javascript: JavaScript):
    forked = signed(12, OTHERS)
    old = [(signed(size), None, True) for size in range(1, 12)]
    _, [entry], _ = remembered(javascript, (signed(12), None, True), *old, (forked, None, True))
    assert (len(entry["against"]), entry["against"][0]) == (8, forked)
    _, [entry], _ = remembered(javascript, (signed(12), None, True), (forked, None, True), *old)
    assert (len(entry["against"]), entry["against"][0]) == (8, forked)


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        json.dumps({"note": "x", "time_ms": 1, "against": []}),
        json.dumps({"note": signed(5), "time_ms": 1}),
        json.dumps({"note": signed(5, key=PrivateKey.generate()), "time_ms": 1, "against": []}),
    ],
)
def test_a_memory_that_cannot_be_read_is_said_and_left_alone(javascript: JavaScript, kept: str):
    assert remembered(javascript, (signed(5), None, True), kept=kept) == (["unreadable"], [], None)


@pytest.mark.parametrize("kept", [False, True])
def test_a_browser_that_keeps_nothing_says_so(javascript: JavaScript, kept: bool):
    codes, _, _ = remembered(javascript, (signed(5), None, True), kept=kept)
    assert codes == ["unkept"]


@pytest.mark.parametrize("code", ["first", "same", "grown", "uncompared", "unproven", "unreadable", "unkept"])
def test_without_an_alarm_the_answers_stay(javascript: JavaScript, code: str):
    ((statuses, exit_code),) = javascript.ask("after", [[code, STATUSES, 0]])
    assert statuses == [status for _, status in STATUSES]
    assert exit_code == {"int": "2" if code in {"unproven", "unreadable"} else "0"}


@pytest.mark.parametrize("code", ALARMS)
def test_after_an_alarm_nothing_that_rests_on_the_log_reads_as_good(javascript: JavaScript, code: str):
    ((statuses, exit_code),) = javascript.ask("after", [[code, STATUSES, 0]])
    log = "unknown" if code == "older" else "fails"
    assert statuses == ["holds", log, log, "fails", "holds", "unknown", "recalled", "holds", "fails"]
    assert exit_code == {"int": "1"}


def test_forgetting_takes_the_logs_and_nothing_else(javascript: JavaScript):
    names = ["traceability log a", "something else", "traceability log b", "traceability"]
    assert javascript.ask("forgotten", [[names]]) == [["something else", "traceability"]]
