"""A node that has its own log key and lies about events, signers and the log: the verifier refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import forge
from tests.support.forgery import BATCH, ROOM, add_links, refused, replace_stream, signed
from tests.support.world import Story
from traceability import media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    KeyRefusedError,
    ProofMismatchError,
    SignatureMismatchError,
    SubjectMismatchError,
    TamperError,
    TraceabilityError,
    UnknownSignerError,
)
from traceability.ledger.state import parse_state_leaf
from traceability.signing import jose, sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, hide_claims
from traceability.signing.kept import KEPT_CLAIM, kept_members
from traceability.signing.keys import SMALL_ORDER, PrivateKey
from traceability.signing.keystatement import device_request, party_statement, vouch
from traceability.signing.strictjson import json_decode, json_encode
from traceability.supply.epcis.events import CONTEXT
from traceability.verification.bundle import Bundle, Link, encode_bundle
from traceability.verification.policy import Policy
from traceability.verification.verdict import check


def issued(
    story: Story, signer: PrivateKey, issuer: str, event: dict[str, Any]
) -> tuple[Link, tuple[str, ...]]:
    """A fresh event of a batch, as the given key signs it, with all disclosures."""
    claims = {"iss": issuer, "iat": story.world.now_ms // 1000, EVENT_CLAIM: event}
    made = sdjwt.issue(signer, claims, hide_claims, typ=media.EVENT)
    link = forge.link(media.EVENT, made.statement, story.world.now_ms)
    return link, tuple(sorted((d.text for d in made.disclosures), key=sdjwt.digest_of))


def looked_at(story: Story, **members: Any) -> dict[str, Any]:
    usual = {
        "@context": CONTEXT,
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "quantityList": [{"epcClass": story.closed}],
    }
    return usual | members


def with_event(bundle: Bundle, link: Link, texts: tuple[str, ...]) -> Bundle:
    forged = add_links(bundle, BATCH, link)
    return replace(forged, disclosures=dict(forged.disclosures) | {link.sha256: texts})


def party_key(story: Story, uri: str) -> PrivateKey:
    from traceability.operations.enrol import signing_key

    with story.world.store.reading() as connection:
        return signing_key(connection, story.world.node, uri)


def test_a_second_beginning_with_wider_limits_changes_nothing(story: Story, bundle: Bundle, policy: Policy):
    event = looked_at(story, action="ADD", ilmd={"ft:product": {"en": "x", "zh": "x"}})
    forged = with_event(bundle, *issued(story, party_key(story, story.farm), story.farm, event))
    before, after = (check(signed(story, each), policy).journey for each in (bundle, forged))
    assert before is not None
    assert after is not None
    assert (after.created, after.limits) == (before.created, before.limits)
    assert len(after.happenings) == len(before.happenings) + 1


def test_an_event_signed_by_a_device(story: Story, bundle: Bundle, policy: Policy):
    probe = story.probes[0]
    forged = with_event(bundle, *issued(story, probe.key, probe.uri, looked_at(story)))
    refused(check(signed(story, forged), policy), UnknownSignerError, "device")


def test_an_event_in_the_name_of_another_party(story: Story, bundle: Bundle, policy: Policy):
    forged = with_event(bundle, *issued(story, party_key(story, story.farm), story.carrier, looked_at(story)))
    refused(check(signed(story, forged), policy), SubjectMismatchError, "issuer")


def test_an_event_by_a_key_that_nobody_enrolled(story: Story, bundle: Bundle, policy: Policy):
    forged = with_event(bundle, *issued(story, PrivateKey.generate(), story.farm, looked_at(story)))
    refused(check(signed(story, forged), policy), UnknownSignerError)


@pytest.mark.parametrize(
    "odd",
    [
        {"eventTime": "yesterday"},
        {"eventTime": "1969-12-31T23:59:59.999Z"},
        {"eventTime": "9999-12-31T23:59:59.999-00:01"},
        {"eventTime": ["2026"]},
        {"type": ["ObjectEvent"]},
        {"action": {"ADD": 1}},
        {"bizStep": None},
        {"quantityList": 5},
        {"quantityList": [5]},
        {"type": "AggregationEvent", "parentID": ["x"]},
        {"type": "AggregationEvent", "action": "ADD", "parentID": "https://id.gs1.org/8004/9520001"},
        {"type": "TransformationEvent"},
        {"ft:recall": {"id": "R"}},
    ],
)
def test_a_malformed_event_signed_by_a_real_party_never_breaks_the_verifier(
    story: Story, bundle: Bundle, policy: Policy, odd: dict[str, Any]
):
    key = party_key(story, story.farm)
    forged = with_event(bundle, *issued(story, key, story.farm, looked_at(story, **odd)))
    refused(check(signed(story, forged), policy))


def test_an_installation_that_does_not_say_what_it_does_never_breaks_the_verifier(
    story: Story, bundle: Bundle, policy: Policy
):
    event = looked_at(story, type="AssociationEvent", parentID=story.closed, childEPCs=[story.probes[0].uri])
    del event["action"]
    claims = {"iss": story.farm, "iat": 1, EVENT_CLAIM: event, KEPT_CLAIM: list(kept_members(event))}
    made = sdjwt.issue(party_key(story, story.farm), claims, hide_claims, typ=media.EVENT)
    texts = tuple(sorted((d.text for d in made.disclosures), key=sdjwt.digest_of))
    link = forge.link(media.EVENT, made.statement, story.world.now_ms)
    verdict = check(signed(story, with_event(bundle, link, texts)), policy)
    assert verdict.exit_code == 0, verdict.lines()


@pytest.mark.parametrize(
    "temperature",
    [
        5,
        [1],
        {"lowMilliCelsius": 0},
        {"lowMilliCelsius": "0"},
        {"lowMilliCelsius": False, "highMilliCelsius": 5000, "maxGapSeconds": 1800},
    ],
)
def test_malformed_limits_never_break_the_verifier(
    story: Story, bundle: Bundle, policy: Policy, temperature: Any
):
    event = looked_at(story, action="ADD", ilmd={"ft:temperature": temperature})
    link, texts = issued(story, party_key(story, story.farm), story.farm, event)
    batch = replace(bundle.streams[BATCH], links=(link,))
    keys = [s for s in bundle.streams if s.uri.endswith(f"/keys/party/{story.farm.rsplit('/', 1)[1]}")]
    forged = replace(bundle, streams=(batch, *keys), disclosures={link.sha256: texts})
    refused(check(signed(story, forged), policy), TraceabilityError, "ft:temperature")


def key_stream(bundle: Bundle, uri: str) -> int:
    return next(i for i, s in enumerate(bundle.streams) if s.uri == uri)


def device_stream(story: Story, bundle: Bundle) -> int:
    return key_stream(bundle, f"https://{story.world.node.name}/stream/keys/device/{story.probes[0].device}")


def farm_stream(story: Story, bundle: Bundle) -> int:
    pseudonym = story.farm.rsplit("/", 1)[1]
    return key_stream(bundle, f"https://{story.world.node.name}/stream/keys/party/{pseudonym}")


@pytest.mark.parametrize("find", [device_stream, farm_stream])
def test_a_key_stream_left_out(
    story: Story, bundle: Bundle, policy: Policy, find: Callable[[Story, Bundle], int]
):
    number = find(story, bundle)
    forged = forge.with_streams(bundle, *bundle.streams[:number], *bundle.streams[number + 1 :])
    refused(check(signed(story, forged), policy), UnknownSignerError)


@pytest.mark.parametrize("change", [{"links": ()}, {"place": None}, {"first": 1, "prev": b"x" * 32}])
def test_a_key_stream_that_is_not_whole(story: Story, bundle: Bundle, policy: Policy, change: dict[str, Any]):
    number = farm_stream(story, bundle)
    forged = replace_stream(bundle, number, replace(bundle.streams[number], **change))
    refused(
        check(signed(story, forged), policy), TraceabilityError, "" if change == {"links": ()} else "whole"
    )


def test_a_key_stream_that_withholds_its_statement(story: Story, bundle: Bundle, policy: Policy):
    number = farm_stream(story, bundle)
    links = tuple(forge.withhold(link) for link in bundle.streams[number].links)
    forged = replace_stream(bundle, number, replace(bundle.streams[number], links=links))
    refused(check(signed(story, forged), policy), BundleError, "must show")


def with_key(bundle: Bundle, number: int, body: bytes) -> Bundle:
    link = bundle.streams[number].links[0]
    links = (forge.link(media.KEY, body, link.time_ms),)
    return replace_stream(bundle, number, replace(bundle.streams[number], links=links))


def farm_statement(story: Story, key: PrivateKey, registrar: PrivateKey, party: str | None = None) -> bytes:
    return party_statement(
        key,
        registrar,
        node=story.world.node.name,
        party=party or story.farm,
        names={"en": "Farm", "zh": "Farm"},
        custody="node",
        iat=1,
    )


def test_a_key_that_the_registrar_does_not_vouch_for(story: Story, bundle: Bundle, policy: Policy):
    key = party_key(story, story.farm)
    body = farm_statement(story, key, PrivateKey.generate())
    forged = with_key(bundle, farm_stream(story, bundle), body)
    refused(check(signed(story, forged), policy), SignatureMismatchError)


def test_a_bogus_key_in_the_place_of_a_partys(story: Story, bundle: Bundle, policy: Policy):
    body = farm_statement(story, PrivateKey.generate(), story.world.node.registrar_key)
    forged = with_key(bundle, farm_stream(story, bundle), body)
    refused(check(signed(story, forged), policy), UnknownSignerError)


def test_a_key_statement_on_another_partys_stream(story: Story, bundle: Bundle, policy: Policy):
    key = party_key(story, story.farm)
    other = f"https://{story.world.node.name}/party/{'0' * 16}"
    body = farm_statement(story, key, story.world.node.registrar_key, other)
    forged = with_key(bundle, farm_stream(story, bundle), body)
    refused(check(signed(story, forged), policy), TamperError, "key statement on another stream")


def test_a_device_that_its_owner_does_not_vouch_for(story: Story, bundle: Bundle, policy: Policy):
    probe, node = story.probes[0], story.world.node
    request = device_request(probe.key, node=node.name, owner=story.carrier, model="FT-1", iat=1)
    number = device_stream(story, bundle)
    for voucher in (PrivateKey.generate(), node.registrar_key):
        forged = with_key(bundle, number, vouch(request, voucher))
        refused(check(signed(story, forged), policy), UnknownSignerError)
    forged = with_key(bundle, number, vouch(request, party_key(story, story.farm)))
    refused(check(signed(story, forged), policy), SubjectMismatchError, "who vouches")
    refused(
        check(signed(story, with_key(bundle, number, request)), policy), SignatureMismatchError, "missing"
    )


def test_a_device_whose_owner_is_not_in_the_bundle(story: Story, bundle: Bundle, policy: Policy):
    probe, node = story.probes[0], story.world.node
    owner = f"https://{node.name}/party/{'0' * 16}"
    request = device_request(probe.key, node=node.name, owner=owner, model="FT-1", iat=1)
    forged = with_key(bundle, device_stream(story, bundle), vouch(request, PrivateKey.generate()))
    refused(check(signed(story, forged), policy), UnknownSignerError)


def test_a_key_of_small_order(story: Story, bundle: Bundle, policy: Policy):
    number = farm_stream(story, bundle)
    raw: Any = json_decode(bundle.streams[number].links[0].statement or b"")
    for point in sorted(SMALL_ORDER):
        claims: Any = json_decode(jose.b64url_decode(raw["payload"]))
        claims["jwk"]["x"] = jose.b64url(point)
        body = json_encode(raw | {"payload": jose.b64url(json_encode(claims))})
        refused(check(signed(story, with_key(bundle, number, body)), policy), KeyRefusedError)


def test_superfluous_streams(story: Story, bundle: Bundle, policy: Policy):
    node = story.world.node
    party = f"https://{node.name}/party/{'0' * 16}"
    body = farm_statement(story, PrivateKey.generate(), node.registrar_key, party)
    uri = f"https://{node.name}/stream/keys/party/{'0' * 16}"
    extra = replace(bundle.streams[-1], uri=uri, links=(forge.link(media.KEY, body, 1),))
    keys = sorted([*bundle.streams[ROOM + 1 :], extra], key=lambda s: s.uri)
    forged = replace(bundle, streams=(*bundle.streams[: ROOM + 1], *keys))
    refused(check(signed(story, forged), policy), BundleError, "nothing in it needs")
    twice = replace(bundle, streams=(*bundle.streams, bundle.streams[-1]))
    refused(check(encode_bundle(twice), policy), BundleError, "by name")
    asset = replace(bundle, streams=(bundle.streams[0], bundle.streams[ROOM], *bundle.streams[1:]))
    refused(check(signed(story, asset), policy), TraceabilityError)


def test_disclosures_of_a_statement_that_is_not_shown(story: Story, bundle: Bundle, policy: Policy):
    extra = {bytes(32): ("WyJhIl0",)}
    forged = replace(bundle, disclosures=dict(bundle.disclosures) | extra)
    refused(check(encode_bundle(forged), policy), BundleError, "disclosures of a statement")
    batch = bundle.streams[BATCH]
    links = list(batch.links)
    assert links[6].media_type == media.EVENT
    links[6] = forge.withhold(links[6])
    hidden = replace(bundle, streams=(replace(batch, links=tuple(links)), *bundle.streams[1:]))
    refused(check(encode_bundle(hidden), policy), BundleError, "disclosures of a statement")


def test_a_subject_that_is_no_batch_or_not_whole(story: Story, bundle: Bundle, policy: Policy):
    asset = replace(bundle, subject=story.truck, streams=bundle.streams[1:])
    refused(check(encode_bundle(asset), policy), BundleError, "subject's stream must be there whole")
    other = replace(bundle, subject=story.opened)
    refused(check(encode_bundle(other), policy), BundleError, "first stream")
    empty = replace(bundle, streams=())
    refused(check(encode_bundle(empty), policy), BundleError, "first stream")
    batch = replace(bundle.streams[0], place=None)
    forged = replace(bundle, streams=(batch, *bundle.streams[1:]))
    refused(check(encode_bundle(forged), policy), BundleError, "must be there whole")


def test_a_tail_held_back(story: Story, bundle: Bundle, policy: Policy):
    """The honest checkpoint and proofs, but the batch's newest record is not shown."""
    batch = bundle.streams[BATCH]
    shorter = replace(batch, links=batch.links[:-1])
    streams = (shorter, *bundle.streams[1:])
    refused(check(encode_bundle(replace(bundle, streams=streams)), policy), ProofMismatchError)


def test_a_record_later_than_the_state(story: Story, bundle: Bundle, policy: Policy):
    refused(check(signed(story, bundle, time_ms=5), policy), TamperError, "later than the state")


def test_times_that_go_back_in_a_stream(story: Story, bundle: Bundle, policy: Policy):
    batch = bundle.streams[BATCH]
    links = (replace(batch.links[0], time_ms=story.world.now_ms), *batch.links[1:])
    forged = replace_stream(bundle, BATCH, replace(batch, links=links))
    refused(check(signed(story, forged), policy), ChainMismatchError, "time of")


def test_a_stream_that_does_not_begin_at_the_beginning(story: Story, bundle: Bundle, policy: Policy):
    batch = replace(bundle.streams[BATCH], prev=b"x" * 32)
    refused(
        check(signed(story, replace_stream(bundle, BATCH, batch)), policy), TamperError, "before the first"
    )


def test_a_checkpoint_signed_by_another_key(story: Story, bundle: Bundle, policy: Policy):
    refused(check(signed(story, bundle, key=PrivateKey.generate()), policy), SignatureMismatchError)


def test_a_state_leaf_that_does_not_end_its_tree(story: Story, bundle: Bundle, policy: Policy):
    leaf = parse_state_leaf(bundle.state_leaf)
    other = replace(leaf, index=leaf.index - 1)
    refused(
        check(encode_bundle(replace(bundle, state_leaf=other.text())), policy), ProofMismatchError, "index"
    )


def test_another_logs_checkpoint_under_the_pinned_key(story: Story, bundle: Bundle, policy: Policy):
    """The log's key signs, under its own name, a text of another origin."""
    from traceability.ledger import note

    origin = note.parse_checkpoint(note.parse_note(bundle.checkpoint).text)
    text = replace(origin, origin="other.example/log").text()
    node = story.world.node
    forged = note.Note(text, (note.sign_note(text, node.origin, node.log_key),)).encode()
    refused(check(encode_bundle(replace(bundle, checkpoint=forged)), policy), TamperError, "another log")


def test_a_device_that_used_a_counter_twice(story: Story, bundle: Bundle, policy: Policy):
    probe, world = story.probes[1], story.world
    twin = world.frame(replace(probe, counter=1), 1.0)
    link = forge.link(media.FRAME, twin, world.now_ms)
    refused(check(signed(story, add_links(bundle, ROOM, link)), policy), ChainMismatchError, "twice")


def test_a_device_whose_own_chain_does_not_fit(story: Story, bundle: Bundle, policy: Policy):
    probe, world = story.probes[1], story.world
    next_one = world.frame(replace(probe, counter=3, prev=b"x" * 32), 1.0)
    link = forge.link(media.FRAME, next_one, world.now_ms)
    refused(
        check(signed(story, add_links(bundle, ROOM, link)), policy), ChainMismatchError, "does not follow"
    )


def test_an_event_whose_signature_is_of_other_words(story: Story, bundle: Bundle, policy: Policy):
    link, texts = issued(story, party_key(story, story.farm), story.farm, looked_at(story))
    other, _ = issued(story, party_key(story, story.farm), story.farm, looked_at(story))
    header, payload, _ = (link.statement or b"").split(b".")
    body = b".".join((header, payload, (other.statement or b"").split(b".")[2]))
    forged = with_event(bundle, forge.link(media.EVENT, body, link.time_ms), texts)
    refused(check(signed(story, forged), policy), SignatureMismatchError)


def test_a_frame_in_the_name_of_another_device(story: Story, bundle: Bundle, policy: Policy):
    probe, other = story.probes[1], story.probes[0]
    body = story.world.frame(replace(probe, counter=50), 1.0, issuer=other.uri)
    forged = add_links(bundle, ROOM, forge.link(media.FRAME, body, story.world.now_ms))
    refused(check(signed(story, forged), policy), SubjectMismatchError, "issuer")
