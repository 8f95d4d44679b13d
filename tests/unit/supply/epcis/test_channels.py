"""``ft:channels``: what an installing event may say of a device's channels."""

from __future__ import annotations

from typing import Any

import pytest

from traceability.operations.record import make_event
from traceability.supply.epcis.channels import channels_of
from traceability.supply.epcis.vocabulary import check_vocabulary

DEVICE = "https://node.example/device/" + "0a" * 16
GOOD = {"supply": "air-supply", "return": "air-return"}


def installing(said: Any, step: str = "install") -> dict[str, Any]:
    return make_event(
        step, 0, parentID="https://node.example/8004/T1", childEPCs=[DEVICE], **{"ft:channels": said}
    )


def test_roles_are_read_in_order_of_their_channels():
    assert check_vocabulary(installing(GOOD)) == []
    assert list(channels_of(installing(GOOD)).items()) == sorted(GOOD.items())


def test_only_an_installation_of_devices_says_roles():
    assert channels_of(installing(GOOD, "remove")) == {}
    assert channels_of(installing(GOOD) | {"childEPCs": ["https://id.gs1.org/8004/95060001"]}) == {}
    assert channels_of(installing(None)) == {}


@pytest.mark.parametrize(
    "said",
    [
        "air-supply",
        ["supply"],
        {},
        {"supply": "cold"},
        {"supply": 1},
        {"supply": None},
        {"Supply": "air-supply"},
        {"s" * 33: "air-supply"},
        {"supply=air": "air-supply"},
        {f"c{n}": "other" for n in range(17)},
    ],
)
def test_another_form_is_refused_by_name_and_where_it_is_old_it_says_nothing(said: Any):
    problems = check_vocabulary(installing(said))
    assert problems
    assert all(problem.pointer.startswith("/ft:channels") for problem in problems)
    assert channels_of(installing(said)) == {}
