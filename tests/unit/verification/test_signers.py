"""Whose key is whose and when: whole key streams only, each key once, each act where it may stand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import forge
from traceability import identifiers, media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    KeyNotInForceError,
    SignatureMismatchError,
    SubjectMismatchError,
    TamperError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.ledger import note
from traceability.sensing.frame import Clock, Head
from traceability.sensing.rotation import encode_rotation
from traceability.signing import jose
from traceability.signing.farewell import NOTHING, device_farewell
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request, party_rotation, party_statement, vouch
from traceability.signing.revocation import Told, device_revocation, party_revocation
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.bundle import Place, Stretch
from traceability.verification.policy import Policy
from traceability.verification.signers import Signers, display_names, read_signers

NODE = "node.example"
PARTY, DEVICE, REGISTRAR, SECOND, THIRD = (PrivateKey.from_seed(bytes([i]) * 32) for i in range(1, 6))
URI = identifiers.party_uri(NODE, "0123456789abcdef")
OTHER = identifiers.party_uri(NODE, "f" * 16)
PLACE = Place(0, 1, (), ())
LOG = note.VerifierKey(f"{NODE}/log", note.ED25519, REGISTRAR.public)
POLICY = Policy(LOG, note.VerifierKey(f"{NODE}/registrar", note.ED25519, REGISTRAR.public))


def enrol(key: PrivateKey = PARTY, registrar: PrivateKey = REGISTRAR, uri: str = URI, **names: str) -> bytes:
    shown = {"en": "Farm", "zh": "农场"} | names
    return party_statement(key, registrar, node=NODE, party=uri, names=shown, custody="self", iat=1)


def rotate(key: PrivateKey, old: PrivateKey, uri: str = URI) -> bytes:
    return party_rotation(key, old, node=NODE, party=uri, custody="node", iat=1)


def revoke(
    kid: PrivateKey, by: PrivateKey = REGISTRAR, uri: str = URI, suspected_s: int | None = None
) -> bytes:
    return party_revocation(
        by, node=NODE, party=uri, kid=kid.public.kid, reason="lost", suspected_s=suspected_s, iat=9
    )


def party(*acts: bytes, uri: str = URI) -> Stretch:
    """A party's key stream; its acts are recorded at 1000, 2000, ... milliseconds."""
    links = [forge.link(media.KEY, body, 1000 * n) for n, body in enumerate(acts or (enrol(),), 1)]
    return Stretch(identifiers.party_keys(NODE, uri), 0, bytes(32), tuple(links), PLACE)


def device(voucher: PrivateKey = PARTY, owner: str = URI, at_ms: int = 1500) -> Stretch:
    body = vouch(device_request(DEVICE, node=NODE, owner=owner, model="FT-1", iat=1), voucher)
    uri = identifiers.device_keys(NODE, DEVICE.public.device_id)
    return Stretch(uri, 0, bytes(32), (forge.link(media.KEY, body, at_ms),), PLACE)


def speaks(signers: Signers, key: PrivateKey, at_ms: int) -> bool:
    try:
        return signers.find(key.public.kid, at_ms).key == key.public
    except KeyNotInForceError:
        return False


def test_signers_are_found_by_key_and_what_was_needed_is_remembered():
    farm, sensor = party(), device()
    signers = read_signers([farm, sensor], POLICY)
    assert signers.used == {farm.uri}
    found = signers.find(DEVICE.public.kid, 1500)
    assert (found.owner, found.custody, found.stream) == (URI, None, sensor.uri)
    assert signers.used == {farm.uri, sensor.uri}
    assert display_names(signers)[URI] == {"en": "Farm", "zh": "农场"}
    with pytest.raises(UnknownSignerError):
        signers.find(bytes(16), 1500)


def test_a_key_speaks_from_its_own_record_until_the_one_that_ends_it():
    acts = (enrol(), rotate(SECOND, PARTY), revoke(SECOND), enrol(THIRD, en="Farm & Co"))
    signers = read_signers([party(*acts)], POLICY)
    asked = (999, 1000, 1999, 2000, 2999, 3000, 3999, 4000, 10**12)
    spoke = {key: [at_ms for at_ms in asked if speaks(signers, key, at_ms)] for key in (PARTY, SECOND, THIRD)}
    assert spoke == {PARTY: [1000, 1999], SECOND: [2000, 2999], THIRD: [4000, 10**12]}
    assert [s.custody for s in signers.by_kid.values()] == ["self", "node", "self"]
    assert display_names(signers)[URI]["en"] == "Farm & Co"
    assert signers.in_force == {party().uri: THIRD.public.kid}


def test_what_was_recorded_while_misuse_was_suspected_is_flagged():
    signers = read_signers([party(enrol(), revoke(PARTY, suspected_s=1))], POLICY)
    found = signers.find(PARTY.public.kid, 1500)
    assert [found.suspected_at(at_ms) for at_ms in (999, 1000, 1999)] == [False, True, True]
    unsuspected = read_signers([party(enrol(), revoke(PARTY))], POLICY).find(PARTY.public.kid, 1500)
    assert not unsuspected.suspected_at(1999)


def test_a_key_that_was_rotated_away_can_be_revoked_and_its_successor_stays_in_force():
    signers = read_signers(
        [party(enrol(), rotate(SECOND, PARTY), revoke(PARTY, suspected_s=1), rotate(THIRD, SECOND))], POLICY
    )
    assert speaks(signers, THIRD, 5000)
    assert speaks(signers, PARTY, 1999)
    assert not speaks(signers, PARTY, 2000)
    assert signers.find(PARTY.public.kid, 1999).suspected_at(1999)


def test_a_key_in_force_revokes_itself_without_the_registrar():
    signers = read_signers([party(enrol(), revoke(PARTY, by=PARTY))], POLICY)
    assert not speaks(signers, PARTY, 2000)


@pytest.mark.parametrize(
    ("acts", "error", "text"),
    [
        ((rotate(SECOND, PARTY),), ChainMismatchError, "key in force"),
        ((revoke(PARTY),), SubjectMismatchError, "never stood"),
        ((enrol(), enrol(SECOND)), ChainMismatchError, "an enrolment while"),
        ((enrol(), enrol()), ChainMismatchError, "second time"),
        ((enrol(), rotate(SECOND, THIRD)), ChainMismatchError, "key in force"),
        ((enrol(), rotate(SECOND, REGISTRAR)), ChainMismatchError, "key in force"),
        ((enrol(), rotate(SECOND, PARTY), rotate(THIRD, PARTY)), ChainMismatchError, "key in force"),
        ((enrol(), rotate(SECOND, PARTY), rotate(PARTY, SECOND)), ChainMismatchError, "second time"),
        ((enrol(), revoke(PARTY), rotate(SECOND, PARTY)), ChainMismatchError, "key in force"),
        ((enrol(), revoke(PARTY), enrol()), ChainMismatchError, "second time"),
        ((enrol(), revoke(PARTY), revoke(PARTY)), ChainMismatchError, "revoked for a second time"),
        ((enrol(), rotate(SECOND, PARTY), revoke(PARTY, PARTY)), ChainMismatchError, "revokes itself"),
        ((enrol(), revoke(PARTY, by=SECOND)), SignatureMismatchError, "another key"),
        ((enrol(), revoke(SECOND)), SubjectMismatchError, "never stood"),
        ((enrol(), rotate(SECOND, PARTY, OTHER)), SubjectMismatchError, "another stream"),
        ((enrol(), revoke(PARTY, uri=OTHER)), SubjectMismatchError, "another stream"),
        ((enrol(registrar=SECOND),), SignatureMismatchError, "another key"),
        ((enrol(), revoke(PARTY), enrol(SECOND, registrar=PARTY)), SignatureMismatchError, "another key"),
    ],
)
def test_an_act_that_may_not_stand_there_is_refused(
    acts: tuple[bytes, ...], error: type[TraceabilityError], text: str
):
    with pytest.raises(error, match=text):
        read_signers([party(*acts)], POLICY)


def test_a_revocation_of_another_partys_key_is_refused():
    streams = [party(), party(enrol(SECOND, uri=OTHER), revoke(PARTY, uri=OTHER), uri=OTHER)]
    with pytest.raises(SubjectMismatchError, match="never stood"):
        read_signers(streams, POLICY)


def test_a_key_stream_has_one_holder():
    stranger = identifiers.party_uri("other.example", "0123456789abcdef")
    claims = dict(jose.jws_parse_general(rotate(SECOND, PARTY), typ=media.KEY).payload)
    moved = jose.jws_sign_general(claims | {"party": stranger}, [SECOND, PARTY], typ=media.KEY)
    with pytest.raises(SubjectMismatchError, match="holder"):
        read_signers([party(enrol(), moved)], POLICY)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(["enrol", "rotate", "revoke"]), max_size=5))
def test_whatever_stands_in_a_key_stream_one_key_at_most_is_in_force(acts: list[str]):
    signers, fresh, uri = Signers(), iter(range(10, 30)), party().uri
    current, now_ms = PARTY, 0
    for act in ["enrol", *acts]:
        now_ms += 1000
        key = PrivateKey.from_seed(bytes([next(fresh)]) * 32)
        body = enrol(key) if act == "enrol" else rotate(key, current) if act == "rotate" else revoke(current)
        before = signers.in_force.get(uri)
        try:
            signers.take(uri, body, now_ms)
        except TamperError:
            assert signers.in_force.get(uri) == before
            continue
        current = current if act == "revoke" else key
        in_force = [s for s in signers.by_kid.values() if s.until_ms is None]
        assert [s.key.kid for s in in_force] == [kid for kid in [signers.in_force[uri]] if kid]
    spans = sorted((s.from_ms, s.until_ms or 10**9) for s in signers.by_kid.values())
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_key_in_two_streams_is_refused():
    with pytest.raises(ChainMismatchError, match="second time"):
        read_signers([party(), party(enrol(uri=OTHER), uri=OTHER)], POLICY)


def spoiled(body: bytes, number: int, key: PrivateKey) -> bytes:
    """A statement with one signature that its signer made, but under other words."""
    outer: Any = json_decode(body)
    other = jose.make_signature(key, jose.b64url(b"{}"), typ=media.KEY)
    outer["signatures"][number]["signature"] = jose.b64url(other.signature)
    return json_encode(outer)


@pytest.mark.parametrize(
    ("acts", "policy"),
    [
        ([spoiled(enrol(), 0, PARTY)], None),
        ([spoiled(enrol(), 1, REGISTRAR)], POLICY),
        ([enrol(), spoiled(rotate(SECOND, PARTY), 0, SECOND)], None),
        ([enrol(), spoiled(rotate(SECOND, PARTY), 1, PARTY)], None),
        ([enrol(), spoiled(revoke(PARTY, by=PARTY), 0, PARTY)], None),
        ([enrol(), spoiled(revoke(PARTY), 0, REGISTRAR)], POLICY),
    ],
)
def test_a_signature_of_other_words_is_refused(acts: list[bytes], policy: Policy | None):
    with pytest.raises(SignatureMismatchError, match="Ed25519 signature"):
        read_signers([party(*acts)], policy)


@pytest.mark.parametrize(("number", "key"), [(0, DEVICE), (1, PARTY)])
def test_a_devices_signature_of_other_words_is_refused(number: int, key: PrivateKey):
    (link,) = device().links
    body = spoiled(link.statement or b"", number, key)
    with pytest.raises(SignatureMismatchError, match="Ed25519 signature"):
        read_signers([party(), replace(device(), links=(forge.link(media.KEY, body, 1500),))], None)


def test_without_a_policy_the_registrars_signatures_are_passed_over_and_owners_are_not():
    read_signers([party(enrol(registrar=SECOND), revoke(PARTY, by=THIRD))], None)
    request = device_request(DEVICE, node=NODE, owner=URI, model="FT-1", iat=1)
    with pytest.raises(SignatureMismatchError, match="nobody vouches"):
        read_signers([party(), replace(device(), links=(forge.link(media.KEY, request, 1500),))], None)
    with pytest.raises(UnknownSignerError):
        read_signers([party(), device(voucher=SECOND)], None)


@pytest.mark.parametrize("change", [{"first": 1}, {"links": ()}, {"place": None}])
def test_a_key_stream_that_is_not_whole_is_refused(change: Any):
    with pytest.raises(BundleError, match="whole"):
        read_signers([replace(party(), **change)], POLICY)


def test_a_withheld_or_other_statement_is_refused():
    first, link = party(enrol(), revoke(PARTY)).links
    for other in (forge.withhold(link), replace(link, media_type=media.EVENT)):
        with pytest.raises(BundleError, match="must show"):
            read_signers([replace(party(), links=(first, other))], POLICY)


def test_a_statement_on_another_stream_is_refused():
    with pytest.raises(TamperError, match="another stream"):
        read_signers([replace(party(), uri=device().uri)], POLICY)


def test_a_device_is_vouched_for_by_a_key_that_its_owner_had_then():
    streams = [party(enrol(), rotate(SECOND, PARTY)), party(enrol(THIRD, uri=OTHER), uri=OTHER)]
    read_signers([*streams, device(at_ms=1500)], POLICY)
    read_signers([*streams, device(voucher=SECOND, at_ms=2000)], POLICY)
    for voucher, at_ms, error in (
        (PARTY, 2000, KeyNotInForceError),
        (SECOND, 1999, KeyNotInForceError),
        (THIRD, 1500, SubjectMismatchError),
        (REGISTRAR, 1500, UnknownSignerError),
    ):
        with pytest.raises(error):
            read_signers([*streams, device(voucher=voucher, at_ms=at_ms)], POLICY)
    with pytest.raises(UnknownSignerError):
        read_signers([device()], POLICY)


def ended(*acts: bytes) -> Signers:
    """The signers of a party and its device, whose stream goes on with these acts from 2000 ms on."""
    sensor = device()
    links = [
        forge.link(media.KEY if body[:1] == b"{" else media.ROTATION, body, 1000 * n)
        for n, body in enumerate(acts, 2)
    ]
    return read_signers([party(), replace(sensor, links=(*sensor.links, *links))], POLICY)


def revoke_device(by: PrivateKey = PARTY, kid: bytes = DEVICE.public.kid) -> bytes:
    told = Told(kid=kid, reason="stolen", suspected_s=1, iat=2)
    return device_revocation(by, node=NODE, device=DEVICE.public.device_id, **told)


def farewell(by: PrivateKey = PARTY, last: int = 7, device: str = DEVICE.public.device_id) -> bytes:
    return device_farewell(by, node=NODE, device=device, last=last, iat=2)


def counts(signers: Signers, at_ms: int, *counters: int) -> list[int]:
    """Those of the counters under which the device still speaks."""
    found = signers.by_kid[DEVICE.public.kid]
    return [counter for counter in counters if found.speaks_at(at_ms, counter)]


def test_a_device_whose_key_its_owner_revoked_says_nothing_more():
    signers = ended(revoke_device())
    assert counts(signers, 1999, 0, 7, 10**6) == [0, 7, 10**6]
    assert counts(signers, 2000, 0, 7, 10**6) == []
    assert signers.by_kid[DEVICE.public.kid].suspected_at(1999)
    assert signers.in_force[device().uri] is None


def test_behind_a_farewell_only_what_was_on_the_way_counts():
    signers = ended(farewell())
    assert counts(signers, 1999, 0, 7, 8) == [0, 7, 8]
    assert counts(signers, 10**12, 0, 7, 8) == [0, 7]
    assert counts(ended(farewell(last=NOTHING)), 2000, 0) == []


def test_what_was_on_the_way_counts_no_more_behind_a_revocation():
    signers = ended(farewell(), revoke_device())
    assert counts(signers, 2999, 0, 7, 8) == [0, 7]
    assert counts(signers, 3000, 0, 7, 8) == []


def rotate_device(key: PrivateKey, old: PrivateKey = DEVICE, counter: int = 7) -> bytes:
    device = DEVICE.public.device_id
    head = Head(
        issuer=identifiers.device_uri(NODE, device),
        stream=identifiers.device_keys(NODE, device),
        counter=counter,
        boot=1,
        prev=bytes(32),
        uptime_s=1,
        clock=Clock.UNSYNCHRONISED,
        issued_at=None,
    )
    return encode_rotation(old, key, **head)


def test_each_key_of_a_device_speaks_for_its_own_counters_whenever_they_come():
    signers = ended(rotate_device(SECOND), rotate_device(THIRD, SECOND, 9), farewell(last=12))
    keys, later = [signers.by_kid[key.public.kid] for key in (DEVICE, SECOND, THIRD)], 10**12
    spoke = [[n for n in range(15) if key.speaks_at(later, n)] for key in keys]
    assert spoke == [list(range(8)), [8, 9], [10, 11, 12]]
    assert not keys[0].speaks_at(1500, 8), "nor did it before the rotation was recorded"
    assert not keys[1].speaks_at(1999, 8)
    assert [key.key for key in keys] == [DEVICE.public, SECOND.public, THIRD.public]
    assert {key.subject for key in keys} == {identifiers.device_uri(NODE, DEVICE.public.device_id)}
    assert [s.counter for s in signers.rotations] == [7, 9]


@pytest.mark.parametrize(
    ("acts", "error"),
    [
        ((rotate_device(SECOND, THIRD),), ChainMismatchError),
        ((rotate_device(SECOND)[:-1] + b"\0",), SignatureMismatchError),
        ((rotate_device(SECOND), rotate_device(THIRD)), ChainMismatchError),
        ((rotate_device(SECOND), rotate_device(DEVICE, SECOND, 8)), ChainMismatchError),
        ((rotate_device(PARTY),), ChainMismatchError),
        ((rotate_device(SECOND), rotate_device(THIRD, SECOND, 7)), ChainMismatchError),
        ((rotate_device(SECOND), farewell(last=6)), ChainMismatchError),
        ((farewell(), rotate_device(SECOND)), ChainMismatchError),
        ((revoke_device(), rotate_device(SECOND)), ChainMismatchError),
        ((revoke_device(DEVICE),), KeyNotInForceError),
        ((revoke_device(REGISTRAR),), UnknownSignerError),
        ((revoke_device(SECOND),), UnknownSignerError),
        ((revoke_device(kid=PARTY.public.kid),), SubjectMismatchError),
        ((revoke_device(), revoke_device()), ChainMismatchError),
        ((revoke_device(), farewell()), ChainMismatchError),
        ((farewell(DEVICE),), KeyNotInForceError),
        ((farewell(REGISTRAR),), UnknownSignerError),
        ((farewell(), farewell(last=8)), ChainMismatchError),
        ((farewell(device="0" * 32),), SubjectMismatchError),
    ],
)
def test_what_may_not_stand_on_the_stream_of_a_device(acts: tuple[bytes, ...], error: type[Exception]):
    with pytest.raises(error):
        ended(*acts)


def test_another_party_ends_no_device():
    sensor, streams = device(), [party(), party(enrol(THIRD, uri=OTHER), uri=OTHER)]
    for act in (farewell(THIRD), revoke_device(THIRD)):
        links = (*sensor.links, forge.link(media.KEY, act, 2000))
        with pytest.raises(SubjectMismatchError, match="who vouches"):
            read_signers([*streams, replace(sensor, links=links)], POLICY)


def test_key_streams_stand_under_the_name_of_the_pinned_log():
    elsewhere = replace(POLICY, log=replace(LOG, name="other.example/log"))
    with pytest.raises(SubjectMismatchError, match="node of a key stream"):
        read_signers([party()], elsewhere)
