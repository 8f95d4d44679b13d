"""Changes to a bundle by somebody on the way: none is accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import forge
from tests.support.changes import changes
from tests.support.forgery import BATCH, TRUCK, name_in, refused, replace_stream, signed
from tests.support.world import Story, make_world, tell_story
from traceability import media
from traceability.errors import (
    BundleError,
    SignatureMismatchError,
    TamperError,
)
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import encode_pack
from traceability.signing import cose, sdjwt
from traceability.signing.disclosure import kept
from traceability.signing.strictjson import json_decode, json_encode
from traceability.verification.bundle import Bundle, Link, encode_bundle, parse_bundle
from traceability.verification.policy import Policy
from traceability.verification.verdict import check


def test_the_untouched_bundle_is_accepted(data: bytes, policy: Policy):
    verdict = check(data, policy)
    assert verdict.exit_code == 0
    assert "entered by Farm, Carrier, signed by the node for them" in verdict.lines()[0]
    assert "9 frames signed by 2 devices" in verdict.lines()[0]
    assert verdict.to_json()["exit_code"] == 0
    assert len(verdict.to_json()["records"]) == 20


def test_no_changed_character_number_member_or_element_is_accepted(
    story: Story,
    policy: Policy,
    record_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
):
    data = story.world.bundle(story.opened)
    raw, tried, accepted = json_decode(data, max_bytes=len(data)), 0, []
    for where, changed in changes(raw):
        tried += 1
        if check(json_encode(changed), policy).exit_code != 1:
            accepted.append(where)
    assert accepted == []
    summary = f"{tried} of {tried} changes of a bundle are refused"
    record_property("tampering", summary)
    with capsys.disabled():
        print(f"\n{summary}")


def test_a_changed_temperature_is_refused_and_its_record_is_named(data: bytes, policy: Policy):
    bundle = parse_bundle(data)
    asset = next(s for s in bundle.streams if "/8004/" in s.uri)
    number, shown = next(
        (n, link) for n, link in enumerate(asset.links) if link.media_type == media.FRAME and link.statement
    )
    body = bytearray(shown.statement or b"")
    payload = parse_statement(bytes(body)).payload
    reading = body.index(payload) + payload.index(b"\xf9") + 1
    body[reading] ^= 0x04
    links = list(asset.links)
    links[number] = forge.link(media.FRAME, bytes(body), shown.time_ms)
    streams = [replace(s, links=tuple(links)) if s is asset else s for s in bundle.streams]
    verdict = check(encode_bundle(forge.with_streams(bundle, *streams)), policy)
    refused(verdict, SignatureMismatchError)
    assert f"record {asset.first + number} of {asset.uri}: Ed25519 signature" in verdict.lines()[1]


def test_withholding_more_is_allowed_where_the_policy_allows_it_and_is_counted(
    data: bytes, bundle: Bundle, policy: Policy
):
    before = check(data, policy)
    assert before.journey is not None
    hidden = sum(h.hidden for h in before.journey.happenings)
    tried = {True: 0, False: 0}
    for link in bundle.streams[BATCH].links:
        if link.sha256 not in bundle.disclosures:
            continue
        texts = bundle.disclosures[link.sha256]
        where = sdjwt.paths(sdjwt.parse(link.statement or b"").payload, texts)
        for text in texts:
            place = where[sdjwt.digest_of(text)][1:]
            fewer = {link.sha256: tuple(t for t in texts if t != text)}
            verdict = check(
                encode_bundle(replace(bundle, disclosures=dict(bundle.disclosures) | fewer)), policy
            )
            if kept(place) and needed(place, text):
                assert verdict.exit_code == 1, place
            elif verdict.journey is not None:
                assert sum(h.hidden for h in verdict.journey.happenings) > hidden
            tried[kept(place)] += 1
    assert tried[True] > 10
    assert tried[False] > 3


def needed(place: tuple[Any, ...], text: str) -> bool:
    """Whether the verdict rests on it; a name of another batch, for one, may be missing."""
    return place[0] in {"type", "action", "eventTime", "bizStep", "parentID", "ilmd"} and len(place) == 1


def test_limits_cannot_be_withheld(bundle: Bundle, policy: Policy):
    first = bundle.streams[BATCH].links[0]
    texts = bundle.disclosures[first.sha256]
    fewer = tuple(t for t in texts if name_in(t) != "ft:temperature")
    assert len(fewer) == len(texts) - 1
    verdict = check(
        encode_bundle(replace(bundle, disclosures=dict(bundle.disclosures) | {first.sha256: fewer})), policy
    )
    refused(verdict, BundleError, "does not show what happened when")


def test_one_temperature_changed(bundle: Bundle, policy: Policy):
    asset = bundle.streams[TRUCK]
    number = next(i for i, link in enumerate(asset.links) if link.media_type == media.FRAME)
    statement = parse_statement(asset.links[number].statement or b"")
    readings = [r._replace(value=r.value + 0.5) for r in statement.readings()]
    payload = encode_pack(f"{statement.issuer}/", readings, absolute=True)
    envelope = statement.envelope
    body = cose._message(cose.SIGN1_TAG, envelope.raw_protected, payload, envelope.signature)
    links = list(asset.links)
    links[number] = replace(links[number], statement=body)
    streams = list(bundle.streams)
    streams[TRUCK] = replace(asset, links=tuple(links))
    refused(check(encode_bundle(replace(bundle, streams=tuple(streams))), policy), TamperError)


def test_the_same_temperature_changed_by_the_node_itself(story: Story, bundle: Bundle, policy: Policy):
    def warmer(link: Link) -> Link:
        statement = parse_statement(link.statement or b"")
        readings = [r._replace(value=4.0) for r in statement.readings()]
        payload = encode_pack(f"{statement.issuer}/", readings, absolute=True)
        envelope = statement.envelope
        body = cose._message(cose.SIGN1_TAG, envelope.raw_protected, payload, envelope.signature)
        return forge.link(link.media_type, body, link.time_ms)

    asset = bundle.streams[TRUCK]
    links = tuple(warmer(link) if link.media_type == media.FRAME else link for link in asset.links)
    verdict = check(signed(story, replace_stream(bundle, TRUCK, replace(asset, links=links))), policy)
    refused(verdict, SignatureMismatchError)


def test_the_same_journey_signed_with_fresh_keys_is_refused_for_want_of_trust(
    tmp_path: Any, story: Story, policy: Policy
):
    name = story.world.node.name
    other = tell_story(make_world(tmp_path / "node", f"sqlite:///{tmp_path}/store.sqlite", name))
    data = other.world.bundle(other.closed)
    assert check(data, other.world.node.policy).exit_code == 0
    refused(check(data, policy), SignatureMismatchError, "no signature by a known key")
    half = replace(policy, log=other.world.node.policy.log)
    refused(check(data, half), SignatureMismatchError)


def test_a_policy_inside_a_bundle_is_refused(data: bytes, story: Story, policy: Policy):
    raw: Any = json_decode(data, max_bytes=len(data))
    raw["policy"] = story.world.node.policy_text
    refused(check(json_encode(raw), policy), BundleError, "policy")


def test_without_a_policy_nothing_is_claimed_of_signers_and_completeness(data: bytes):
    verdict = check(data, None)
    assert verdict.exit_code == 2
    assert [p.status for p in verdict.parts] == ["unknown", "holds", "unknown", "unknown", "holds"]
