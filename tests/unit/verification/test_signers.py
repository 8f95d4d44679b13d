"""Whose key is whose: only whole key streams, each key once, each signed by itself and vouched for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support import forge
from traceability import identifiers, media
from traceability.errors import (
    BundleError,
    SignatureMismatchError,
    SubjectMismatchError,
    TamperError,
    UnknownSignerError,
)
from traceability.ledger import note
from traceability.signing import jose
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request, party_statement, vouch
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.bundle import Place, Stretch
from traceability.verification.policy import Policy
from traceability.verification.signers import check_vouchers, display_names, read_signers

NODE = "node.example"
PARTY, DEVICE, REGISTRAR = (PrivateKey.from_seed(bytes([i]) * 32) for i in (1, 2, 3))
URI = identifiers.party_uri(NODE, "0123456789abcdef")
PLACE = Place(0, 1, (), ())
LOG = note.VerifierKey(f"{NODE}/log", note.ED25519, REGISTRAR.public)
POLICY = Policy(LOG, note.VerifierKey(f"{NODE}/registrar", note.ED25519, REGISTRAR.public))


def party(key: PrivateKey = PARTY, registrar: PrivateKey = REGISTRAR, uri: str = URI) -> Stretch:
    body = party_statement(
        key, registrar, node=NODE, party=uri, names={"en": "Farm", "zh": "农场"}, custody="self", iat=1
    )
    return stretch(identifiers.party_keys(NODE, uri), body)


def device(voucher: PrivateKey = PARTY, owner: str = URI) -> Stretch:
    request = device_request(DEVICE, node=NODE, owner=owner, model="FT-1", iat=1)
    return stretch(identifiers.device_keys(NODE, DEVICE.public.device_id), vouch(request, voucher))


def stretch(uri: str, body: bytes) -> Stretch:
    return Stretch(uri, 0, bytes(32), (forge.link(media.KEY, body, 1),), PLACE)


def test_signers_are_found_by_key_and_what_was_needed_is_remembered():
    signers = read_signers([party(), device()])
    check_vouchers(signers, POLICY)
    assert signers.used == {PARTY.public.kid}
    assert signers.find(DEVICE.public.kid).owner == URI
    assert signers.used == {PARTY.public.kid, DEVICE.public.kid}
    assert display_names(signers)[URI] == {"en": "Farm", "zh": "农场"}
    with pytest.raises(UnknownSignerError):
        signers.find(bytes(16))
    with pytest.raises(UnknownSignerError):
        signers.party("https://nobody.example/")


def test_a_key_in_two_streams_is_refused():
    other = party(uri=identifiers.party_uri(NODE, "f" * 16))
    with pytest.raises(BundleError, match="two key streams"):
        read_signers([party(), other])


def test_a_statement_not_signed_by_its_own_key_is_refused_even_without_a_policy():
    good, later = (
        party(),
        party_statement(
            PARTY, REGISTRAR, node=NODE, party=URI, names={"en": "x", "zh": "x"}, custody="self", iat=2
        ),
    )
    outer, other = json_decode(good.links[0].statement or b""), json_decode(later)
    assert isinstance(outer, dict)
    assert isinstance(other, dict)
    mixed = json_encode(outer | {"signatures": other["signatures"]})
    with pytest.raises(SignatureMismatchError):
        read_signers([stretch(good.uri, mixed)])
    assert len(jose.jws_parse_general(mixed, typ=media.KEY).signatures) == 2


@pytest.mark.parametrize(
    "change", [{"first": 1}, {"links": ()}, {"place": None}, {"links": (party().links[0], party().links[0])}]
)
def test_a_key_stream_that_is_not_one_whole_enrolment_is_refused(change: Any):
    with pytest.raises(BundleError, match="whole"):
        read_signers([replace(party(), **change)])


def test_a_withheld_or_other_statement_is_refused():
    (link,) = party().links
    for other in (forge.withhold(link), replace(link, media_type=media.EVENT)):
        with pytest.raises(BundleError, match="must show"):
            read_signers([replace(party(), links=(other,))])


def test_a_statement_on_another_stream_is_refused():
    with pytest.raises(TamperError, match="another stream"):
        read_signers([replace(party(), uri=device().uri)])


def test_who_is_not_vouched_for_is_refused():
    for streams in ([party(registrar=DEVICE)], [party(), device(voucher=REGISTRAR)]):
        with pytest.raises(SignatureMismatchError):
            check_vouchers(read_signers(streams), POLICY)
    with pytest.raises(UnknownSignerError):
        check_vouchers(read_signers([device()]), POLICY)


def test_key_streams_stand_under_the_name_of_the_pinned_log():
    elsewhere = replace(POLICY, log=replace(LOG, name="other.example/log"))
    with pytest.raises(SubjectMismatchError, match="node of a key stream"):
        check_vouchers(read_signers([party()]), elsewhere)
