"""What speaks against the records of a lot is said on its page and in the verdict."""

from __future__ import annotations

from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.support.recalls import LOT, lots, make, say
from tests.support.web import site_of
from tests.support.world import World, make_world
from traceability.identifiers import parse_stream
from traceability.operations.enrol import signing_key
from traceability.operations.keyring import revoke_key
from traceability.supply.epcis.events import format_event_time
from traceability.verification.verdict import check

BERRIES, JAM = LOT + "BERRIES", LOT + "JAM"
RIVALS = {
    "en": "More than one firm says that it made this lot: Farm, Liar.",
    "zh": "不止一家企业称本批次由自己生产：Farm（中）、Liar（中）。",
}
SUSPECTED = {
    "en": "Recorded when this firm’s key may have been in wrong hands.",
    "zh": "登记时，该企业的密钥可能已落入他人之手。",
}


@pytest.fixture
def world(tmp_path: Path):
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def begin(world: World, party: str, **more: Any) -> None:
    say(world, party, action="ADD", bizStep="creating_class_instance", quantityList=lots(BERRIES), **more)


def pages(world: World, uri: str) -> dict[str, str]:
    with site_of(world) as app:
        path = parse_stream(uri).batch.path
        return {lang: unescape(app.test_client().get(f"{path}?lang={lang}").text) for lang in ("en", "zh")}


def signed(world: World, uri: str) -> str:
    verdict = check(world.bundle(uri), world.node.policy)
    assert verdict.exit_code == 0
    return verdict.parts[0].text


def test_two_firms_that_each_say_they_made_a_lot_are_both_named(world):
    farm, liar, dairy = (world.party(name) for name in ("Farm", "Liar", "Dairy"))
    begin(world, farm, eventID="urn:uuid:1")
    begin(world, farm, eventID="urn:uuid:2")
    make(world, dairy, [BERRIES], JAM, 10)
    world.publish()
    assert not any(RIVALS[lang] in page for lang, page in pages(world, BERRIES).items())
    assert "firms say" not in signed(world, BERRIES)
    begin(world, liar, eventID="urn:uuid:3")
    world.publish()
    for uri in (BERRIES, JAM):
        for lang, page in pages(world, uri).items():
            assert RIVALS[lang] in page
    assert signed(world, BERRIES).startswith(
        "2 firms say that they made it (Farm, Liar): the first is followed"
    )
    declared = {"declarationTime": format_event_time(world.now_ms), "reason": "incorrect_data"}
    begin(world, liar, eventID="urn:uuid:3", errorDeclaration=declared)
    world.publish()
    assert not any(RIVALS[lang] in page for lang, page in pages(world, BERRIES).items())
    assert "firms say" not in signed(world, BERRIES)


def test_what_was_recorded_with_a_key_that_may_have_been_stolen_is_marked(world):
    farm, shop = world.party("Farm"), world.party("Shop")
    begin(world, farm)
    world.wait(minutes=1)
    with world.store.reading() as connection:
        kid = signing_key(connection, world.node, farm).public.kid
    since_s = world.now_ms // 1000
    say(world, farm, minutes=1, bizStep="packing", quantityList=lots(BERRIES))
    say(world, shop, minutes=2, bizStep="receiving", quantityList=lots(BERRIES))
    world.publish()
    assert not any(SUSPECTED[lang] in page for lang, page in pages(world, BERRIES).items())
    revoke_key(world.store, world.node, kid, since_s, "lost")
    world.publish()
    for lang, page in pages(world, BERRIES).items():
        assert page.count(SUSPECTED[lang]) == 1
