"""docs/formats.md is exact: its vectors are read here, and its table of reason codes is complete."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from traceability import errors, media
from traceability.ledger import note, record, state, stay, tracecode
from traceability.sensing import config, frame, receipt
from traceability.signing import sdjwt
from traceability.signing.keys import PrivateKey
from traceability.signing.strictjson import json_decode
from traceability.supply.epcis.context import EPCIS_CONTEXT, read_context
from traceability.supply.epcis.eventhash import event_hash, prehash
from traceability.supply.notice import Notice, Purpose, read_notice
from traceability.verification.signers import Signers

DOCUMENT = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
VECTORS = dict(re.findall(r"```vector ([a-z-]+)\n(.*?)```", DOCUMENT, re.DOTALL))
KEY = PrivateKey.from_seed(bytes([1]) * 32)


def test_every_vector_of_the_document_is_read_by_a_test():
    source = Path(__file__).read_text("utf-8")
    unread = [name for name in VECTORS if f'VECTORS["{name}"]' not in source]
    assert len(VECTORS) == 22
    assert unread == []


def test_frame_and_the_gap_behind_it():
    sent = frame.parse_statement(bytes.fromhex(VECTORS["frame"]))
    lost = frame.parse_statement(bytes.fromhex(VECTORS["gap"]))
    for statement in (sent, lost):
        statement.verify(KEY.public)
    assert [(r.name, r.unit, r.at_ms, r.value) for r in sent.readings()] == [
        ("temp", "Cel", 1760000000000, 4.5),
        ("temp", "Cel", 1760000300500, -18),
    ]
    assert lost.gaps() == (frame.Gap(1, 2, "flash-full"),)
    assert lost.prev == sent.sha256


def test_receipt():
    opened = receipt.open_receipt(bytes([1]) * 32, bytes.fromhex(VECTORS["receipt"]))
    assert opened == receipt.Receipt(sent_by(), 2, 3, bytes([0x22]) * 32, ((1, "bad-readings"),))
    newer = receipt.open_receipt(bytes([1]) * 32, bytes.fromhex(VECTORS["receipt-beacon"]))
    assert newer == replace(opened, beacon=bytes([0x11]) * 32)


def test_configuration():
    opened = config.open_config(bytes([1]) * 32, bytes.fromhex(VECTORS["config"]))
    assert opened == config.Config(sent_by(), 1, 60, 600, {"air": (0, 5000)})


def test_event_with_its_disclosures():
    statement = sdjwt.parse(VECTORS["event"].strip().encode("ascii"), typ=media.EVENT)
    statement.verify(PrivateKey.from_seed(bytes([2]) * 32).public)
    revealed = sdjwt.reveal(statement.payload, VECTORS["disclosures"].split())
    assert revealed.claims["event"] == {"type": "ObjectEvent", "epcList": ["e"]}
    assert revealed.hidden == 0


def test_notice_with_its_disclosures():
    statement = sdjwt.parse(VECTORS["notice"].strip().encode("ascii"), typ=media.NOTICE)
    statement.verify(PrivateKey.from_seed(bytes([8]) * 32).public)
    subject, sha256 = "https://id.gs1.org/01/09521141123454/10/LOT-7", hashlib.sha256(b"hello").hexdigest()
    said = Notice(subject, Purpose.ANALYSIS, sha256, 5, "text/plain", "report.txt")
    assert read_notice(statement, VECTORS["notice-disclosures"].split()) == said


def test_event_hash_and_what_it_is_over():
    text, over, name = VECTORS["event-hash"].splitlines()
    event = json_decode(text)
    assert isinstance(event, dict)
    context = read_context(EPCIS_CONTEXT, event["@context"])
    assert prehash(event, context) == over
    assert event_hash(event, context) == name


def test_key_statements_each_by_its_signers():
    first, second, registrar = (PrivateKey.from_seed(bytes([i]) * 32).public for i in (5, 6, 7))
    signers, uri = Signers(), "https://node.example/stream/keys/party/0123456789abcdef"
    for at_ms, line in enumerate(VECTORS["key-statements"].split()):
        signers.check_voucher(signers.take(uri, line.encode("ascii"), at_ms), at_ms, registrar)
    enrolled, rotated = signers.find(first.kid, 0), signers.find(second.kid, 1)
    assert (enrolled.until_ms, enrolled.custody, rotated.until_ms, rotated.custody) == (1, "node", 2, "self")
    assert rotated.revocation is not None
    assert (rotated.revocation.reason, rotated.revocation.suspected_s) == ("lost", 1767323046)


def test_record_and_its_hash():
    parsed = record.parse_record(VECTORS["record"].encode("ascii"))
    assert parsed.hash.hex() == VECTORS["record-hash"].strip()
    statement = hashlib.sha256(b"statement").digest()
    assert parsed.commitment == record.commit(statement, bytes(range(16)))


def test_trace_code_of_that_record_in_its_one_form_and_as_somebody_types_it():
    written, typed = VECTORS["trace-code"].splitlines()
    parsed = record.parse_record(VECTORS["record"].encode("ascii"))
    code = tracecode.trace_code(1, parsed.hash)
    assert code.text == written
    assert tracecode.parse_trace_code(written) == tracecode.parse_trace_code(typed) == code


def test_stays():
    opened = stay.parse_stay_open(VECTORS["stay-open"].encode("ascii"))
    named = stay.parse_stay_open(VECTORS["stay-open-channels"].encode("ascii"))
    assert [dict(device.channels).get("supply") for device in named.devices] == ["air-supply", None]
    closed = stay.parse_stay_close(VECTORS["stay-close"].encode("ascii"))
    assert (opened.entered_seq, closed.open_seq, closed.left_seq) == (3, 4, 5)
    assert opened.batch == closed.batch


def test_checkpoint_by_both_keys():
    signed = note.parse_note(VECTORS["checkpoint"].encode("utf-8"))
    keys = [note.parse_vkey(line) for line in VECTORS["vkeys"].split()]
    assert [v.time_s for v in note.verify(signed, keys)] == [None, 1767323045]
    assert note.parse_checkpoint(signed.text).size == 1235


def test_state_leaf_and_roots():
    leaf = state.parse_state_leaf(VECTORS["state-leaf"].encode("ascii"))
    assert leaf.hash.hex() == VECTORS["state-leaf-hash"].strip()
    only = record.parse_record(VECTORS["record"].encode("ascii"))
    trees = [state.StateTree({}), state.StateTree({state.stream_hash(only.stream): (1, only.hash)})]
    assert [tree.root.hex() for tree in trees] == VECTORS["state-roots"].split()


@pytest.mark.parametrize("name", ["frame", "gap", "receipt", "receipt-beacon"])
def test_no_other_byte_is_accepted(name):
    data = bytes.fromhex(VECTORS[name])
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(errors.TraceabilityError):
            open_as(name, bytes(changed))


def test_reason_codes_are_documented_and_unique():
    codes = [error.code for error in every_error(errors.TraceabilityError)]
    documented = re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.partition("## Reason codes")[2], re.MULTILINE)
    assert len(codes) == len(set(codes)), "two errors share a code"
    assert set(documented) == set(codes), "docs/formats.md, Reason codes"


def test_the_advice_of_every_reason_code_is_documented_as_it_is_given():
    rows = dict(
        re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", DOCUMENT.partition("## Reason codes")[2], re.MULTILINE)
    )
    assert rows == {error.code: error.advice for error in every_error(errors.TraceabilityError)}


def every_error(root: type[errors.TraceabilityError]) -> list[type[errors.TraceabilityError]]:
    return [found for child in root.__subclasses__() for found in (child, *every_error(child))]


def open_as(name: str, data: bytes) -> None:
    if name.startswith("receipt"):
        receipt.open_receipt(bytes([1]) * 32, data)
    else:
        frame.parse_statement(data).verify(KEY.public)


def sent_by() -> str:
    return KEY.public.device_id
