"""The parts of an event: how they are named, and which of them last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.errors import ConflictError, StatementError
from traceability.signing.parts import (
    MAX_PART,
    Audience,
    changeable,
    format_part,
    kept,
    parse_part,
    part_of,
    require_erasable,
)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("readPoint", ("readPoint",)),
        ("ilmd/ft:person", ("ilmd", "ft:person")),
        ("quantityList/uom", ("quantityList", "uom")),
        ("errorDeclaration/x:by", ("errorDeclaration", "x:by")),
        ("https://x.example/member", ("https://x.example/member",)),
        ("ilmd/https://x.example/member", ("ilmd", "https://x.example/member")),
        ("@context", ("@context",)),
    ],
)
def test_a_part_is_named_by_its_steps(text, part):
    assert parse_part(text) == part
    assert format_part(part) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not name a part"),
        ("read point", "does not name a part"),
        ("note\x00", "does not name a part"),
        ("x" * (MAX_PART + 1), "does not name a part"),
        ("readPoint/id", "readPoint is not divided: name it whole"),
        ("ft:region/en", "ft:region is not divided"),
        ("epcList/x", "epcList is not divided"),
        ("ilmd/ft:parents/quantity", "not divided"),
        ("quantityList/epcClass", "not a part of its own"),
    ],
)
def test_what_is_never_shown_or_withheld_alone_is_no_part(text, message):
    with pytest.raises(StatementError, match=message) as caught:
        parse_part(text)
    assert len(str(caught.value)) < 2 * MAX_PART


@given(st.text(max_size=40))
def test_every_text_is_a_part_or_is_refused(text):
    try:
        part = parse_part(text)
    except StatementError:
        return
    assert format_part(part) == text


@pytest.mark.parametrize("part", [format_part(part) for part in changeable()])
def test_what_a_policy_may_change_is_a_part_and_not_kept(part):
    parsed = parse_part(part)
    assert not kept(parsed)
    assert changeable()[parsed] in Audience


@pytest.mark.parametrize(
    "part",
    ["eventTime", "bizStep", "epcList", "inputQuantityList", "ilmd", "ilmd/ft:temperature", "ft:recall"],
)
def test_which_batch_and_what_happened_when_is_never_erased(part):
    with pytest.raises(ConflictError, match="which batch and what happened"):
        require_erasable(parse_part(part))


@pytest.mark.parametrize("part", ["ilmd/ft:parents", "transformationID", "ft:channels"])
def test_what_recalls_and_stays_go_by_is_never_erased(part):
    with pytest.raises(ConflictError, match="recalls or stays go by"):
        require_erasable(parse_part(part))


@pytest.mark.parametrize(
    "part", ["ilmd/ft:person", "readPoint", "quantityList/quantity", "@context", "eventID", "x:anything"]
)
def test_everything_else_can_be_erased(part):
    require_erasable(parse_part(part))


def test_a_part_stands_in_every_element():
    assert part_of(("quantityList", 7, "uom")) == ("quantityList", "uom")
    assert part_of(("ilmd", "ft:parents", 0)) == ("ilmd", "ft:parents")
