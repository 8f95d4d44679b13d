"""The kinds of members: nothing is converted, and no list of faults grows without end."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from traceability.supply.epcis.members import (
    MAX_ELEMENTS,
    MAX_PROBLEMS,
    Each,
    Identifier,
    Part,
    Shape,
    Text,
    is_time,
)


class Pair(Shape):
    extensible = False
    left = Text(required=True)
    right = Text()


def messages(field, value):
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    return caught.value.messages


def test_a_value_that_is_right_comes_back_itself():
    value = [{"left": "a"}, {"left": "b", "right": "c"}]
    assert Each(Part(Pair)).deserialize(value) is value


def test_faults_stand_where_they_were_found():
    value = [{"left": "a"}, {"right": 5, "other": 1}, "x"]
    assert messages(Each(Part(Pair)), value) == {
        1: {"right": ["a text"], "other": ["one of left, right"], "left": ["a text"]},
        2: ["an object"],
    }


def test_of_many_wrong_elements_only_the_first_are_looked_at():
    assert len(messages(Each(Text()), [5] * MAX_ELEMENTS)) == MAX_PROBLEMS


def test_a_list_is_as_long_as_it_may_be():
    assert messages(Each(Text(), least=2), ["a"]) == ["a list of 2 to 1000 elements"]
    assert messages(Each(Text()), ["a"] * (MAX_ELEMENTS + 1)) == ["a list of at most 1000 elements"]


@pytest.mark.parametrize(
    "uri",
    [
        "https://shop.example/01/shoes",
        "https://shop.example/orders/402/7",
        "https://example.com/?q=/01/09521141123455",
        "urn:epc:id:gid:95100000.12345.400",
        "geo:47.506694,11.104301",
        "ni:///sha-256;00?ver=CBV2.0",
        "example:x",
    ],
)
def test_a_uri_that_is_no_gs1_key_is_somebodys_own(uri):
    assert Identifier().deserialize(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.gs1.org/01/shoes",
        "HTTPS://ID.GS1.ORG/01/09521141123455",
        "https://shop.example/de/01/09521141123455",
        "urn:epc:id:sgln:9521141.1.0",
        "URN:EPC:id:sgtin:1",
        "urn:epc:tag:sgtin-96:1.9521141.012345.4711",
    ],
)
def test_a_uri_that_looks_like_a_gs1_key_must_be_one(uri):
    (message,) = messages(Identifier(), uri)
    assert message.startswith("a well-formed GS1 key: ")


@pytest.mark.parametrize(
    "uri", ["no colon", "a:", "1a:b", "a:b c", "a:b\n", "a:<b>", "a:{b}", "a:\u00e4", ":b"]
)
def test_what_is_no_uri_is_refused(uri):
    assert messages(Identifier(), uri) == ["a URI of at most 512 visible ASCII characters"]


def test_a_time_is_a_text():
    assert not is_time(None)
    assert not is_time(1776410802)
