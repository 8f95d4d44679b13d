"""By which channels goods are judged: names, roles, and what is not said."""

from __future__ import annotations

from typing import get_args

import pytest

from traceability.ledger import staydevice
from traceability.sensing.channels import Channel, Role, channel_of, is_product, judging
from traceability.supply.epcis.channels import MAX_CHANNELS, ROLES

RETURN, SUPPLY, PRODUCT, AMBIENT, OTHER = Role


@pytest.mark.parametrize(
    ("roles", "counted"),
    [
        ({"a": None, "b": None}, "ab"),
        ({"a": RETURN, "b": SUPPLY}, "a"),
        ({"a": RETURN, "b": SUPPLY, "c": PRODUCT}, "c"),
        ({"a": SUPPLY, "b": AMBIENT, "c": OTHER}, ""),
        ({"a": PRODUCT, "b": None, "c": RETURN}, "ab"),
        ({}, ""),
    ],
)
def test_goods_are_judged_by_probes_else_by_the_return_air_and_by_what_nothing_is_said_of(roles, counted):
    assert judging(roles) == frozenset(counted)


def test_saying_less_never_makes_a_channel_count_less():
    """Who withholds what was said of a channel only adds curves by which goods are judged."""
    every = (None, *Role)
    for one in every:
        for other in every:
            said = judging({"a": one, "b": other})
            assert said <= judging({"a": None, "b": other})
            assert said <= judging({"a": one, "b": None})


def test_a_role_is_believed_before_a_name():
    assert channel_of("probe-2") is Channel.PRODUCT
    assert is_product("probe-2", None)
    assert not is_product("probe-2", SUPPLY)
    assert is_product("t1", PRODUCT)
    assert not is_product("t1", None)


def test_events_stays_and_readings_know_the_same_roles():
    assert tuple(Role) == ROLES
    assert MAX_CHANNELS == staydevice.MAX_CHANNELS
    for role in Role:
        staydevice.StayDevice("0a" * 16, 0, channels=(("t1", role),))
    assert get_args(staydevice.Channels)
