"""A node that has its own log key and lies about stays: the verifier recomputes, and refuses."""

from __future__ import annotations

from dataclasses import replace

from tests.support import forge
from tests.support.forgery import BATCH, ROOM, TRUCK, add_links, name_in, refused, replace_stream, signed
from tests.support.world import MINUTE_MS, Story
from traceability import media
from traceability.errors import (
    BundleError,
    ChainMismatchError,
    ProofMismatchError,
    SubjectMismatchError,
    TamperError,
    TraceabilityError,
)
from traceability.ledger.state import parse_state_leaf
from traceability.ledger.stay import Series, StayClose, StayOpen, parse_stay_close
from traceability.ledger.staydevice import DELIVERED
from traceability.sensing.frame import parse_statement
from traceability.verification.bundle import Bundle, encode_bundle, parse_bundle
from traceability.verification.policy import Policy
from traceability.verification.verdict import check


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
