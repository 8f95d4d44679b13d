"""What a public bundle holds: its own batch and what that was made of, and nothing else that events name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.world import LIMITS, make_world
from traceability.operations.record import make_event, record_event
from traceability.signing.disclosure import Audience
from traceability.verification.verdict import check

# A dot stands in no base64: what has these names in it has them in words.
ILMD = {"ft:product": {"en": "Mix", "zh": "拼配"}, "ft:temperature": LIMITS}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    made = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, room = made.party("Farm"), made.asset("ROOM1")
    probe, logger = made.device(farm), made.device(farm)
    made.install(farm, probe, room)
    made.harvest(farm, "A.A.1", "A.A.2", "A.A.3")
    made.install(farm, logger, made.batch("A.A.1"))
    made.measure(logger, 3.0)
    made.event("store", farm, *(made.batch(f"A.A.{n}") for n in (1, 2, 3)), asset=room)
    # An asset that others name does not make its own records dubious: a truck on a ferry.
    record_event(made.store, made.node, farm, make_event("ship", made.now_ms, epcList=[room]))
    made.wait(minutes=10)
    made.measure(probe, 3.0)
    made.event("retrieve", farm, *(made.batch(f"A.A.{n}") for n in (1, 2, 3)), asset=room)
    made.wait(minutes=1)
    made.measure(probe, 3.0)
    mixed: dict[str, Any] = {
        "inputQuantityList": [{"epcClass": made.batch(f"A.A.{n}"), "quantity": n} for n in (1, 2)],
        "outputQuantityList": [{"epcClass": made.batch(f"B.B.{n}"), "quantity": 1} for n in (1, 2)],
        "ilmd": ILMD,
    }
    record_event(made.store, made.node, farm, make_event("make", made.now_ms, **mixed))
    made.event("ship", farm, made.batch("B.B.1"), made.batch("B.B.2"))
    made.publish()
    yield made
    made.store.close()


def opened(bundle: bytes) -> str:
    """The bundle as text, with everything in it that is base64 written out beside it."""
    layers, new = [], [bundle.decode("utf-8")]
    while new:
        layers += new
        words = {w for text in new for w in _strings(text)}
        new = [text for word in words for part in word.split(".") if (text := _decoded(part)) is not None]
    return "\n".join(layers)


def _strings(text: str) -> list[str]:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return [text] if "." in text or "~" in text else []
    found, waiting = [], [value]
    while waiting:
        match waiting.pop():
            case str(word):
                found.append(word.rstrip("~"))
            case list(items):
                waiting += items
            case dict(members):
                waiting += [*members.keys(), *members.values()]
    return found


def _decoded(word: str) -> str | None:
    if len(word) < 12:
        return None
    try:
        standard = word.translate(str.maketrans("-_", "+/"))
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).decode("utf-8")
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("lot", "seen"),
    [
        ("A.A.1", {"A.A.1"}),
        ("A.A.2", {"A.A.2"}),
        ("A.A.3", {"A.A.3"}),
        ("B.B.1", {"B.B.1", "A.A.1", "A.A.2"}),
        ("B.B.2", {"B.B.2", "A.A.1", "A.A.2"}),
    ],
)
def test_no_other_batch_of_an_event_is_in_the_bytes_of_a_public_bundle(world, lot, seen):
    bundle = world.bundle(world.batch(lot))
    verdict = check(bundle, world.node.policy)
    assert verdict.exit_code == 0, verdict.lines()
    assert {name for name in ("A.A.1", "A.A.2", "A.A.3", "B.B.1", "B.B.2") if name in opened(bundle)} == seen


def test_partners_see_the_other_batches_of_an_event(world):
    bundle = world.bundle(world.batch("B.B.1"), Audience.PARTNER)
    assert check(bundle, world.node.policy).exit_code == 0
    assert "B.B.2" in opened(bundle)


def test_a_logger_packed_with_a_batch_is_still_known_to_be_installed(world):
    journey = check(world.bundle(world.batch("A.A.1")), world.node.policy).journey
    assert journey is not None
    assert [stay.frames for stay in journey.stays if stay.opened is None] == [1]
