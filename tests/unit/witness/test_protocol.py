"""Requests and answers as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.witness import Log
from traceability.errors import MalformedError, OversizeError
from traceability.ledger.note import ED25519, Signature, sign_note
from traceability.signing.keys import PrivateKey
from traceability.witness.protocol import (
    MAX_BODY,
    encode_cosignatures,
    encode_request,
    encode_size,
    parse_cosignatures,
    parse_request,
    parse_size,
)

LOG = Log().grow(700)
NOTE = LOG.note(20)
HASH = b"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n"

SPECIFIED = b"""old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\xe2\x80\x94 example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\xe2\x80\x94 example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
"""
"""The example of the specification."""


def test_the_example_of_the_specification_is_read_and_written() -> None:
    request = parse_request(SPECIFIED)
    assert (request.old_size, request.checkpoint.size, len(request.proof)) == (20852014, 20852163, 4)
    assert request.checkpoint.origin == "example.com/behind-the-sofa"
    assert len(request.note.signatures) == 2
    assert encode_request(request.old_size, request.proof, request.note.encode()) == SPECIFIED


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_survives_the_way(old_size: int, proof: list[bytes]) -> None:
    request = parse_request(encode_request(old_size, proof, NOTE))
    assert (request.old_size, request.proof, request.note.encode()) == (old_size, tuple(proof), NOTE)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"old\n",
        b"old \n",
        b"old  5\n",
        b"old 05\n",
        b"old +5\n",
        b"old -0\n",
        b"old -5\n",
        b"old 5 \n",
        b"old 5\r\n",
        b"OLD 5\n",
        b"old 0x5\n",
        b"old \xd9\xa5\n",  # a digit, but not an ASCII one
        b"old 9223372036854775808\n",
        b"old 99999999999999999999999\n",
        b"\nold 5\n",
        b"old 5\n" + HASH[:-2] + b"\n",
        b"old 5\n" + HASH[:-1] + b" \n",
        b"old 5\nAAAA\n",
        b"old 5\n" + HASH.replace(b"w=", b"x="),  # pad bits that are not zero
        b"old 5\n\n",
    ],
)
def test_another_form_of_the_head_is_refused(head: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(head + b"\n" + NOTE)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        NOTE[:-1],
        NOTE.rpartition(b"\n\n")[0] + b"\n",
        NOTE.replace(b"\n20\n", b"\n020\n"),
        NOTE.replace(b"\n20\n", b"\n-20\n"),
        NOTE.replace(b"\n20\n", b"\n20\r\n"),
        NOTE.replace(b"\n20\n", b"\n\n20\n"),
        NOTE + b"\n",
        NOTE.replace(b"node.example/log\n", b"node.example\xff/log\n", 1),
    ],
)
def test_another_form_of_the_note_is_refused(note: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(b"old 5\n\n" + note)


def test_63_hashes_are_read_and_64_are_not() -> None:
    assert len(parse_request(b"old 5\n" + HASH * 63 + b"\n" + NOTE).proof) == 63
    with pytest.raises(OversizeError):
        parse_request(b"old 5\n" + HASH * 64 + b"\n" + NOTE)


def test_a_long_head_is_refused_before_it_is_split() -> None:
    with pytest.raises(OversizeError, match="63 hashes"):
        parse_request(b"old 5\n" + b"\n".join([b"A"] * 60_000) + b"\n\n" + NOTE)


def test_the_largest_request_there_may_be_has_the_documented_size() -> None:
    room = 65_536 - len(LOG.note(20))
    filler = Signature("x", b"\0\0\0\0", b"1" * ((room - 10) // 4 * 3 - 4))
    note = LOG.note(20, filler)
    assert 65_530 <= len(note) <= 65_536
    body = b"old 9223372036854775807\n" + HASH * 63 + b"\n" + note
    assert MAX_BODY - 6 <= len(body) <= MAX_BODY
    assert len(parse_request(body).proof) == 63


def test_cosignatures_survive_the_way() -> None:
    lines = tuple(sign_note(NOTE, f"w{i}", PrivateKey.generate(), ED25519) for i in range(3))
    assert parse_cosignatures(encode_cosignatures(lines)) == lines


@pytest.mark.parametrize("body", [b"", b"\n", b"200 OK\n", NOTE, NOTE.rpartition(b"\n\n")[2][:-1]])
def test_other_bodies_are_no_cosignatures(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_cosignatures(body)


def test_more_than_16_cosignatures_are_refused() -> None:
    line = NOTE.rpartition(b"\n\n")[2]
    assert len(parse_cosignatures(line * 16)) == 16
    with pytest.raises(MalformedError):
        parse_cosignatures(line * 17)


@given(st.integers(0, 2**63 - 1))
def test_a_size_survives_the_way(size: int) -> None:
    assert parse_size(encode_size(size)) == size


@pytest.mark.parametrize(
    "body", [b"", b"5", b"05\n", b"-1\n", b"5\n\n", b" 5\n", b"9223372036854775808\n", b"\xff\n"]
)
def test_other_bodies_are_no_size(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_size(body)
