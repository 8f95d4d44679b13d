"""Devices on the console: enrolled by code and fingerprint, installed, replaced, ended; each shown first."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from tests.support.people import form, sign_in
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.roles import Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.codes import apply
from traceability.operations.masterdata import Asset, save
from traceability.signing.application import encode_application, open_application, read_code
from traceability.signing.keys import PrivateKey
from traceability.signing.keystatement import device_request
from traceability.store import models
from traceability.store.accounts import TrailEntry


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owndevices")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    parties = {name: world.party(name) for name in ("Farm", "Shop")}
    by = Actor(None, parties["Farm"], "web")
    save(world.store, by, parties["Farm"], Asset(world.asset("ROOM1"), {"en": "Cold room", "zh": "冷库"}))
    with site_of(world) as app:
        yield world, app, parties
    world.store.close()


@pytest.fixture
def farm(place):
    world, app, parties = place
    return sign_in(app.test_client(), world.store, world.node, parties["Farm"])


def count(world, model=models.Record):
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(model)).scalar_one()


def change(client, probe, **fields):
    return client.post(f"/console/devices/{probe.device}?lang=en", data=form(client, **fields))


def test_a_device_applies_with_a_code_and_is_enrolled_by_its_fingerprint(place, farm):
    world, app, parties = place
    page = farm.post("/console/devices?lang=en", data=form(farm, do="code", model="FT-9"))
    code = re.findall(r'class="code whole">([^<]+)<', page.text)[0]
    assert code not in farm.get("/console/devices").text, "it is shown once"
    key = PrivateKey.generate()
    request = device_request(key, node=world.node.name, owner=parties["Farm"], model="FT-9", iat=1)
    sent = encode_application(key, request, read_code(code), 0)
    apply(world.store, world.node, open_application(sent))
    device = key.public.device_id
    shown = farm.get("/console/devices?lang=en").text
    assert "-".join(re.findall("....", device)) in shown
    shop = sign_in(app.test_client(), world.store, world.node, parties["Shop"])
    assert "waits for you" not in shop.get("/console/devices?lang=en").text
    for do in ("approve", "reject"):
        assert shop.post("/console/devices", data=form(shop, do=do, device=device)).status_code == 409
    answer = farm.post("/console/devices", data=form(farm, do="approve", device=device))
    assert answer.status_code == 303
    assert device[:8] in farm.get("/console/devices").text
    assert farm.post("/console/devices", data=form(farm, do="approve", device=device)).status_code == 409
    wrong = farm.post("/console/devices?lang=en", data=form(farm, do="code", model=" "))
    assert wrong.status_code == 409


def test_each_change_is_shown_first_and_made_when_it_is_confirmed(place, farm):
    world, _, parties = place
    probe, spare = world.device(parties["Farm"]), world.device(parties["Farm"])
    target = world.asset("ROOM1")
    for probe_of, fields, says in (
        (probe, {"do": "install", "target": target}, "From now on the device measures"),
        (probe, {"do": "replace", "by": spare.device}, "Another device takes its place"),
        (spare, {"do": "remove"}, "does not measure"),
        (probe, {"do": "end"}, "cannot be undone"),
    ):
        world.wait(minutes=1)
        before, trail = count(world), count(world, TrailEntry)
        page = change(farm, probe_of, **fields)
        assert page.status_code == 200, page.text
        assert says in page.text
        assert (count(world), count(world, TrailEntry)) == (before, trail), "a preview keeps nothing"
        assert change(farm, probe_of, **fields, confirm="1").status_code == 303
        assert count(world) > before
        assert count(world, TrailEntry) == trail + 1
    assert "nothing that it says is taken" in farm.get(f"/console/devices/{probe.device}?lang=en").text
    refused = change(farm, probe, do="install", target="no asset\n", confirm="1")
    assert refused.status_code == 409
    assert change(farm, probe, do="dance").status_code == 400


def test_what_a_device_says_of_itself_is_shown(place, farm):
    world, _, parties = place
    probe = world.device(parties["Farm"])
    world.install(parties["Farm"], probe, world.asset("ROOM2"))
    world.wait(minutes=5)
    world.measure(probe, 4.0)
    page = farm.get(f"/console/devices/{probe.device}?lang=en").text
    assert "never calibrated" in page
    assert re.search(r"Messages taken</dt><dd>[1-9]", page)
    assert "ROOM2" in farm.get("/console/devices?lang=zh").text


def test_another_s_device_is_not_there_and_a_worker_has_no_such_page(place, farm):
    world, app, parties = place
    theirs = world.device(parties["Shop"])
    assert theirs.device[:8] not in farm.get("/console/devices").text
    assert farm.get(f"/console/devices/{theirs.device}").status_code == 404
    assert change(farm, theirs, do="end", confirm="1").status_code == 404
    own = world.device(parties["Farm"])
    world.install(parties["Farm"], own, world.asset("ROOM3"))
    assert change(farm, own, do="replace", by=theirs.device).status_code == 409
    worker = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.WORKER)
    assert worker.get("/console/devices").status_code == 403
