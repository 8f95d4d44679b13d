"""No changed bundle is accepted: by a stranger on the way, and by a node that has its own log key."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import forge
from tests.support.world import MINUTE_MS, Story, make_world, tell_story
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
from traceability.ledger.stay import DELIVERED, Series, StayClose, StayOpen, parse_stay_close
from traceability.sensing.frame import parse_statement
from traceability.sensing.senml import encode_pack
from traceability.signing import cose, jose, sdjwt
from traceability.signing.disclosure import EVENT_CLAIM, hide_claims, kept
from traceability.signing.keys import SMALL_ORDER, PrivateKey
from traceability.signing.keystatement import device_request, party_statement, vouch
from traceability.signing.strictjson import json_decode, json_encode
from traceability.supply.epcis import CONTEXT
from traceability.verification.bundle import Bundle, Link, Stretch, encode_bundle, parse_bundle
from traceability.verification.policy import Policy
from traceability.verification.verdict import Verdict, check

BATCH, TRUCK, ROOM = 0, 1, 2


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("bundle")
    told = tell_story(make_world(folder / "node", f"sqlite:///{folder}/store.sqlite"))
    yield told
    told.world.store.close()


@pytest.fixture(scope="module")
def data(story: Story) -> bytes:
    return story.world.bundle(story.closed)


@pytest.fixture(scope="module")
def bundle(data: bytes) -> Bundle:
    return parse_bundle(data)


@pytest.fixture(scope="module")
def policy(story: Story) -> Policy:
    return story.world.node.policy


def refused(verdict: Verdict, error: type[TraceabilityError] = TraceabilityError, text: str = "") -> None:
    """The verdict is a plain no, for the reason expected."""
    assert verdict.exit_code == 1, verdict.lines()
    assert verdict.journey is None
    assert isinstance(verdict.failure, error), verdict.failure
    assert text in str(verdict.failure)


# A stranger on the way.


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


def changes(raw: Any) -> Iterator[tuple[str, Any]]:
    """Every change of one character, number, member or element; disclosures that may be withheld stay."""
    chance = random.Random(1)
    for path in paths(raw):
        value = at(raw, path)
        where = "/".join(map(str, path))
        if isinstance(value, str):
            for position in positions(len(value), chance):
                other = "B" if value[position] == "A" else "A"
                yield (
                    f"{where}[{position}]",
                    changed(raw, path, value[:position] + other + value[position + 1 :]),
                )
            yield f"{where} shortened", changed(raw, path, value[:-1])
        elif isinstance(value, int):
            yield f"{where} + 1", changed(raw, path, value + 1)
            yield f"{where} - 1", changed(raw, path, value - 1)
            yield f"{where} as truth", changed(raw, path, True)
        elif isinstance(value, dict):
            yield f"{where} with another member", changed(raw, path, value | {"extra": "x"})
            for name in value:
                yield (
                    f"{where} without {name}",
                    changed(raw, path, {k: v for k, v in value.items() if k != name}),
                )
        elif isinstance(value, list):
            yield from list_changes(raw, path, where, value)


def list_changes(raw: Any, path: tuple[Any, ...], where: str, value: list[Any]) -> Iterator[tuple[str, Any]]:
    for i in range(len(value)):
        if path[:1] != ("disclosures",):
            yield f"{where} without {i}", changed(raw, path, value[:i] + value[i + 1 :])
        yield f"{where} with {i} twice", changed(raw, path, [*value[: i + 1], *value[i:]])
        if i and value[i] != value[i - 1]:
            yield (
                f"{where} with {i} before",
                changed(raw, path, [*value[: i - 1], value[i], value[i - 1], *value[i + 1 :]]),
            )


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        yield from paths(item, (*path, name))


def at(raw: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        raw = raw[step]
    return raw


def changed(raw: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy along the path only, with another value at its end."""
    if not path:
        return value
    top = copy.copy(raw)
    top[path[0]] = changed(raw[path[0]], path[1:], value)
    return top


def positions(length: int, chance: random.Random) -> list[int]:
    if length <= 12:
        return list(range(length))
    edge, inner = (8, 24) if length > 64 else (1, 2)
    middle = range(edge, length - edge)
    return [*range(edge), *chance.sample(middle, min(inner, len(middle))), *range(length - edge, length)]


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


def name_in(disclosure: str) -> Any:
    """The member that a disclosure holds."""
    parts: Any = json_decode(jose.b64url_decode(disclosure))
    return parts[1] if len(parts) == 3 else None


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
    readings = [replace(r, value=r.value + 0.5) for r in statement.readings()]
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
        readings = [replace(r, value=4.0) for r in statement.readings()]
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


# A node that has its own log key.


def signed(story: Story, bundle: Bundle, **options: Any) -> bytes:
    return forge.sign(bundle, story.world.node, **options)


def replace_stream(bundle: Bundle, number: int, stretch: Stretch) -> Bundle:
    streams = list(bundle.streams)
    streams[number] = stretch
    return forge.with_streams(bundle, *streams)


def add_links(bundle: Bundle, number: int, *links: Link) -> Bundle:
    stretch = bundle.streams[number]
    newest = stretch.links[-1].time_ms
    late = (replace(link, time_ms=newest) for link in links)
    return replace_stream(bundle, number, replace(stretch, links=(*stretch.links, *late)))


def test_what_the_forger_signs_unchanged_is_accepted(story: Story, bundle: Bundle, policy: Policy):
    verdict = check(signed(story, bundle), policy)
    assert verdict.exit_code == 0, verdict.lines()


def test_a_genuine_frame_on_a_stream_it_does_not_speak_about(story: Story, bundle: Bundle, policy: Policy):
    frame = next(link for link in bundle.streams[TRUCK].links if link.media_type == media.FRAME)
    refused(check(signed(story, add_links(bundle, ROOM, frame)), policy), SubjectMismatchError)


def test_a_genuine_event_on_a_batch_it_does_not_name(story: Story, bundle: Bundle, policy: Policy):
    other = parse_bundle(story.world.bundle(story.opened))
    link = other.streams[BATCH].links[0]
    forged = add_links(bundle, BATCH, link)
    forged = replace(
        forged, disclosures=dict(forged.disclosures) | {link.sha256: other.disclosures[link.sha256]}
    )
    refused(check(signed(story, forged), policy), SubjectMismatchError)


def test_a_stay_of_another_batch(story: Story, bundle: Bundle, policy: Policy):
    other = parse_bundle(story.world.bundle(story.opened))
    link = next(link for link in other.streams[BATCH].links if link.media_type == media.STAY_OPEN)
    refused(check(signed(story, add_links(bundle, BATCH, link)), policy), SubjectMismatchError)


def test_a_statement_twice(story: Story, bundle: Bundle, policy: Policy):
    event = bundle.streams[BATCH].links[0]
    refused(check(signed(story, add_links(bundle, BATCH, event)), policy), ChainMismatchError, "stands twice")
    frame = next(link for link in bundle.streams[ROOM].links if link.media_type == media.FRAME)
    refused(check(signed(story, add_links(bundle, ROOM, frame)), policy), ChainMismatchError, "stands twice")


def test_a_key_statement_or_unknown_type_among_the_events(story: Story, bundle: Bundle, policy: Policy):
    key = bundle.streams[-1].links[0]
    refused(check(signed(story, add_links(bundle, BATCH, key)), policy), BundleError, "not checked")


def test_a_frame_under_the_name_of_a_gap(story: Story, bundle: Bundle, policy: Policy):
    asset = bundle.streams[ROOM]
    links = [replace(x, media_type=media.GAP) if x.media_type == media.FRAME else x for x in asset.links]
    forged = replace_stream(bundle, ROOM, replace(asset, links=tuple(links)))
    refused(check(signed(story, forged), policy), SubjectMismatchError, "type of record")


def test_an_asset_left_out_of_the_bundle(story: Story, bundle: Bundle, policy: Policy):
    forged = forge.with_streams(bundle, bundle.streams[BATCH], *bundle.streams[ROOM:])
    refused(check(signed(story, forged), policy), BundleError, "2 stays")


def test_a_stay_left_out_though_the_batch_entered(story: Story, bundle: Bundle, policy: Policy):
    forged = forge.edit_stays(bundle, lambda stay: None if stay.asset == story.truck else stay)
    forged = forge.with_streams(forged, forged.streams[BATCH], *forged.streams[ROOM:])
    refused(check(signed(story, forged), policy), TamperError, "a stay was left out")


def test_an_entering_event_that_hides_what_it_is(story: Story, bundle: Bundle, policy: Policy):
    """Stay and asset are gone, and with them the one member that says that the batch entered."""
    forged = forge.edit_stays(bundle, lambda stay: None if stay.asset == story.truck else stay)
    forged = forge.with_streams(forged, forged.streams[BATCH], *forged.streams[ROOM:])
    entering = bundle.streams[BATCH].links[1]
    texts = forged.disclosures[entering.sha256]
    for name in ("type", "action", "parentID"):
        fewer = tuple(t for t in texts if name_in(t) != name)
        assert len(fewer) == len(texts) - 1
        hiding = replace(forged, disclosures=dict(forged.disclosures) | {entering.sha256: fewer})
        refused(check(signed(story, hiding), policy), BundleError, "does not show what happened when")


def test_a_stay_in_another_asset_than_the_event_says(story: Story, bundle: Bundle, policy: Policy):
    elsewhere = story.world.asset("OTHER1")
    forged = forge.edit_stays(
        bundle, lambda stay: replace(stay, asset=elsewhere) if stay.asset == story.truck else stay
    )
    forged = replace_stream(forged, TRUCK, replace(forged.streams[TRUCK], uri=elsewhere))
    refused(check(signed(story, forged), policy), TraceabilityError)


def test_a_stay_that_begins_later_than_its_event(story: Story, bundle: Bundle, policy: Policy):
    def later(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, entered_ms=stay.entered_ms + 1) if isinstance(stay, StayOpen) else stay

    refused(check(signed(story, forge.edit_stays(bundle, later)), policy), TamperError, "entering time")


def test_a_stay_that_ends_earlier_than_its_event(story: Story, bundle: Bundle, policy: Policy):
    def earlier(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, left_ms=stay.left_ms - 1) if isinstance(stay, StayClose) else stay

    refused(check(signed(story, forge.edit_stays(bundle, earlier)), policy), TamperError, "leaving time")


def test_a_close_that_names_another_event(story: Story, bundle: Bundle, policy: Policy):
    def other(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, left_seq=stay.left_seq + 1) if isinstance(stay, StayClose) else stay

    refused(check(signed(story, forge.edit_stays(bundle, other)), policy), TamperError, "leaving event")


def test_a_close_though_the_batch_never_left(story: Story, bundle: Bundle, policy: Policy):
    close = next(x for x in bundle.streams[BATCH].links if x.media_type == media.STAY_CLOSE)
    stay = parse_stay_close(close.statement or b"")
    room = bundle.streams[ROOM]
    opened = max(i for i, x in enumerate(bundle.streams[BATCH].links) if x.media_type == media.STAY_OPEN)
    text = replace(
        stay,
        asset=story.room,
        open_seq=opened,
        asset_count=room.first + len(room.links),
        asset_head=b"?" * 32,
        left_ms=stay.left_ms + MINUTE_MS,
    )
    forged = add_links(
        bundle, BATCH, forge.link(media.STAY_CLOSE, text.encode(), close.time_ms + MINUTE_MS * 60)
    )
    forged = replace_stream(forged, ROOM, replace(room, place=None))
    refused(check(signed(story, forged), policy), TamperError, "no event says that the batch left")


def test_a_close_of_a_stay_that_was_never_opened(story: Story, bundle: Bundle, policy: Policy):
    close = next(x for x in bundle.streams[BATCH].links if x.media_type == media.STAY_CLOSE)
    text = replace(parse_stay_close(close.statement or b""), open_seq=0)
    forged = add_links(bundle, BATCH, forge.link(media.STAY_CLOSE, text.encode(), close.time_ms))
    refused(check(signed(story, forged), policy), TamperError, "opens no stay")


def test_a_second_close_instead_of_an_amendment(story: Story, bundle: Bundle, policy: Policy):
    def twice(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return (
            StayClose(*(getattr(stay, n) for n in StayClose.__slots__))
            if isinstance(stay, StayClose)
            else stay
        )

    refused(check(signed(story, forge.edit_stays(bundle, twice)), policy), TamperError)


def test_a_device_left_out(story: Story, bundle: Bundle, policy: Policy):
    def without(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        if stay.asset != story.truck:
            return stay
        if isinstance(stay, StayOpen):
            return replace(stay, devices=())
        return replace(stay, devices=(), series=())

    refused(
        check(signed(story, forge.edit_stays(bundle, without)), policy), TamperError, "a device was left out"
    )


def test_a_device_left_out_of_the_summary_only(story: Story, bundle: Bundle, policy: Policy):
    def without(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, devices=(), series=()) if isinstance(stay, StayClose) else stay

    refused(
        check(signed(story, forge.edit_stays(bundle, without)), policy), TamperError, "a device was left out"
    )


def test_a_summary_that_is_better_than_its_frames(story: Story, bundle: Bundle, policy: Policy):
    def better(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        if not isinstance(stay, StayClose):
            return stay
        series = tuple(replace(s, max_milli_c=s.min_milli_c, above_ms=0) for s in stay.series)
        assert series != stay.series
        return replace(stay, series=series)

    refused(
        check(signed(story, forge.edit_stays(bundle, better)), policy), TamperError, "summary of the stay"
    )


def test_limits_that_are_wider_than_the_producers(story: Story, bundle: Bundle, policy: Policy):
    def wider(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, high_milli_c=9000) if isinstance(stay, StayClose) else stay

    refused(check(signed(story, forge.edit_stays(bundle, wider)), policy), TamperError, "limits of a stay")


def test_hot_hours_before_the_first_record_shown(story: Story, bundle: Bundle, policy: Policy):
    """The stay-open points behind the hot frames; the summary fits what is left."""
    asset = bundle.streams[TRUCK]
    frames = [i for i, link in enumerate(asset.links, asset.first) if link.media_type == media.FRAME]
    behind = frames[3]
    forged = forge.cut_asset(bundle, TRUCK, behind)

    def later(stay: StayOpen | StayClose) -> StayOpen | StayClose | None:
        if stay.asset == story.truck and isinstance(stay, StayOpen):
            return replace(stay, asset_count=behind)
        return stay

    forged = resummed(story, forge.edit_stays(forged, later))
    refused(check(signed(story, forged), policy), TamperError, "begins behind the beginning of the stay")


def test_hot_hours_behind_the_last_record_shown(story: Story, bundle: Bundle, policy: Policy):
    """The stay is closed early, with the word that the device had delivered everything."""
    asset = bundle.streams[TRUCK]
    frames = [i for i, link in enumerate(asset.links, asset.first) if link.media_type == media.FRAME]
    end = frames[2]
    forged = forge.cut_asset(bundle, TRUCK, asset.first, end)

    def early(stay: StayOpen | StayClose) -> StayOpen | StayClose | None:
        if stay.asset != story.truck or isinstance(stay, StayOpen):
            return stay
        if stay.MEDIA_TYPE == media.STAY_AMEND:
            return None
        devices = tuple(replace(d, end=DELIVERED) for d in stay.devices)
        return replace(stay, asset_count=end, devices=devices)

    forged = resummed(story, forge.edit_stays(forged, early))
    refused(check(signed(story, forged), policy), TamperError, "did not deliver past the end")


def resummed(story: Story, bundle: Bundle) -> Bundle:
    """Summaries as the frames that are left would give them."""
    from traceability.sensing.coldchain import Limits
    from traceability.verification.stays import curves, series_of

    asset = bundle.streams[TRUCK]
    entered = [0]

    def fitting(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        if stay.asset != story.truck:
            return stay
        if isinstance(stay, StayOpen):
            entered[0] = stay.entered_ms
            return stay
        said = [
            parse_statement(link.statement or b"")
            for link in asset.links[: stay.asset_count - asset.first]
            if link.media_type in media.DEVICE_STATEMENTS
        ]
        limits = Limits(stay.low_milli_c, stay.high_milli_c, stay.max_gap_ms)
        found = curves(said, {d.device for d in stay.devices}, limits, entered[0], stay.left_ms)
        series: tuple[Series, ...] = tuple(series_of(c) for c in found)
        return replace(stay, series=series)

    return forge.edit_stays(bundle, fitting)


def test_the_forger_of_summaries_makes_good_ones(story: Story, bundle: Bundle, policy: Policy):
    """Else the two tests above would show nothing."""
    assert check(signed(story, resummed(story, bundle)), policy).exit_code == 0


def test_a_frame_withheld_inside_a_closed_stay(story: Story, bundle: Bundle, policy: Policy):
    asset = bundle.streams[TRUCK]
    links = list(asset.links)
    hot = [i for i, link in enumerate(links) if link.media_type == media.FRAME][2]
    links[hot] = forge.withhold(links[hot])
    forged = replace_stream(bundle, TRUCK, replace(asset, links=tuple(links)))
    refused(check(signed(story, forged), policy), TamperError, "summary of the stay")


def test_a_withheld_statement_leaves_completeness_unknown(story: Story, bundle: Bundle, policy: Policy):
    asset = bundle.streams[ROOM]
    links = (*asset.links[:-1], forge.withhold(asset.links[-1]))
    verdict = check(signed(story, replace_stream(bundle, ROOM, replace(asset, links=links))), policy)
    assert verdict.exit_code == 2
    assert "1 statements are withheld" in {p.name: p.text for p in verdict.parts}["complete"]


def test_an_asset_of_an_open_stay_cut_before_the_state(story: Story, bundle: Bundle, policy: Policy):
    asset = bundle.streams[ROOM]
    cut = replace(asset, links=asset.links[:-1], place=None)
    refused(check(signed(story, replace_stream(bundle, ROOM, cut)), policy), BundleError, "up to the state")


def test_an_asset_that_goes_on_behind_the_close(story: Story, bundle: Bundle, policy: Policy):
    def shorter(stay: StayOpen | StayClose) -> StayOpen | StayClose | None:
        return None if stay.MEDIA_TYPE == media.STAY_AMEND else stay

    refused(
        check(signed(story, forge.edit_stays(bundle, shorter)), policy), TamperError, "end of an asset's part"
    )


def test_a_batch_that_does_not_begin(story: Story, bundle: Bundle, policy: Policy):
    batch = bundle.streams[BATCH]
    links = (forge.withhold(batch.links[0]), *batch.links[1:])
    forged = replace_stream(bundle, BATCH, replace(batch, links=links))
    refused(check(signed(story, forged), policy), BundleError, "how it began")


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


def test_a_second_beginning_with_wider_limits(story: Story, bundle: Bundle, policy: Policy):
    event = looked_at(story, action="ADD", ilmd={"ft:product": {"en": "x", "zh": "x"}})
    forged = with_event(bundle, *issued(story, party_key(story, story.farm), story.farm, event))
    refused(check(signed(story, forged), policy), BundleError, "how it began, not 2")


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
        {"eventTime": ["2026"]},
        {"type": ["ObjectEvent"]},
        {"action": {"ADD": 1}},
        {"bizStep": None},
        {"quantityList": 5},
        {"quantityList": [5]},
        {"type": "AggregationEvent", "parentID": ["x"]},
        {"type": "AggregationEvent", "action": "ADD", "parentID": "x"},
    ],
)
def test_a_malformed_event_signed_by_a_real_party_never_breaks_the_verifier(
    story: Story, bundle: Bundle, policy: Policy, odd: dict[str, Any]
):
    key = party_key(story, story.farm)
    forged = with_event(bundle, *issued(story, key, story.farm, looked_at(story, **odd)))
    refused(check(signed(story, forged), policy))


@pytest.mark.parametrize("temperature", [5, [1], {"lowMilliCelsius": 0}, {"lowMilliCelsius": "0"}])
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
    refused(check(signed(story, forged), policy), SignatureMismatchError, "another key is named")


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
        refused(check(signed(story, forged), policy), SignatureMismatchError)
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


def test_a_state_leaf_that_the_checkpoint_does_not_cover(bundle: Bundle, policy: Policy):
    leaf = parse_state_leaf(bundle.state_leaf)
    later = replace(leaf, time_ms=leaf.time_ms + 1)
    refused(check(encode_bundle(replace(bundle, state_leaf=later.text())), policy), ProofMismatchError)


def test_another_assets_part_in_the_place_of_a_stays(story: Story, bundle: Bundle, policy: Policy):
    batch, truck, room, *keys = bundle.streams
    swapped = replace(bundle, streams=(batch, room, truck, *keys))
    refused(check(signed(story, swapped, follow=False), policy), TamperError, "asset of a stay")


def test_a_part_that_begins_elsewhere_than_the_stay_says(story: Story, bundle: Bundle, policy: Policy):
    cut = forge.cut_asset(bundle, TRUCK, bundle.streams[TRUCK].first + 1)
    refused(check(signed(story, cut, follow=False), policy), TamperError, "first record of an asset's part")


def test_a_part_that_hangs_on_another_past_than_the_stay_says(story: Story, bundle: Bundle, policy: Policy):
    cut = forge.cut_asset(bundle, TRUCK, bundle.streams[TRUCK].first + 1)
    behind = cut.streams[TRUCK].first

    def later(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        moved = stay.asset == story.truck and isinstance(stay, StayOpen)
        return replace(stay, asset_count=behind, asset_head=b"?" * 32) if moved else stay

    forged = forge.edit_stays(cut, later)
    refused(check(signed(story, forged, follow=False), policy), TamperError, "record hash before")


def test_a_stay_in_a_real_asset_that_the_batch_did_not_enter(story: Story, bundle: Bundle, policy: Policy):
    truck = replace(bundle.streams[TRUCK], place=bundle.streams[BATCH].place)
    head = truck.prev if truck.first else bytes(32)

    def moved(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        if stay.asset != story.room:
            return stay
        return replace(stay, asset=story.truck, asset_count=truck.first, asset_head=head)

    forged = replace_stream(forge.edit_stays(bundle, moved), ROOM, truck)
    refused(check(signed(story, forged), policy), TamperError, "asset that the batch entered")


def test_a_close_that_names_another_asset(story: Story, bundle: Bundle, policy: Policy):
    def elsewhere(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, asset=story.room) if isinstance(stay, StayClose) else stay

    refused(
        check(signed(story, forge.edit_stays(bundle, elsewhere)), policy),
        TamperError,
        "asset of a stay-close",
    )


def test_an_amendment_that_knows_less_or_more_than_there_is(story: Story, bundle: Bundle, policy: Policy):
    for count, text in ((-1, "knows less"), (50, "end of a stay's data")):

        def other(stay: StayOpen | StayClose, count: int = count) -> StayOpen | StayClose:
            if not isinstance(stay, StayClose) or stay.MEDIA_TYPE != media.STAY_AMEND:
                return stay
            return replace(stay, asset_count=stay.asset_count + count if count > 0 else 1)

        refused(check(signed(story, forge.edit_stays(bundle, other)), policy), TamperError, text)


def test_a_close_over_another_head_than_that_of_the_frames(story: Story, bundle: Bundle, policy: Policy):
    def other(stay: StayOpen | StayClose) -> StayOpen | StayClose:
        return replace(stay, asset_head=b"?" * 32) if isinstance(stay, StayClose) else stay

    forged = forge.edit_stays(bundle, other)
    refused(check(signed(story, forged, follow=False), policy), ChainMismatchError, "record hash of")
