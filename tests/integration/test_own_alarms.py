"""Alarms of a firm on its console: its own alone; a record that is added to, verified by somebody else."""

from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import func, select

from tests.support.people import form, make_person, sign_in
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.errors import ConflictError, ForbiddenError, StatementError, UnknownSubjectError
from traceability.operations import corrective
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.trail import Actor
from traceability.operations.alarms import look
from traceability.operations.corrective import (
    FIELDS,
    Hand,
    record_of,
    see_alarm,
    verify_report,
    write_report,
)
from traceability.operations.correctivetext import batches_of, deposit_record, render_record
from traceability.operations.deposit import notices_on
from traceability.operations.ownalarms import Wanted, alarms_mark, count_open, list_own
from traceability.operations.watching import Watch
from traceability.sensing.senml import Reading
from traceability.store.accounts import TrailEntry

SAYS = {name: f"{name} said" for name in FIELDS}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A room of the farm and a truck of the carrier, both too warm, each with an alarm."""
    folder = tmp_path_factory.mktemp("ownalarms")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    parties = {name: world.party(name) for name in ("Farm", "Carrier")}
    batches = {}
    for name, asset in (("Farm", "ROOM1"), ("Carrier", "TRUCK1")):
        probe = world.device(parties[name])
        world.install(parties[name], probe, world.asset(asset))
        world.wait(minutes=1)
        batches[name] = world.harvest(parties[name], f"L-{name}")
        world.event("store", parties[name], batches[name], asset=world.asset(asset))
        for value in (4, 7, 7, 7):
            world.wait(minutes=5)
            world.take(probe, probe.frame([Reading("air", "Cel", world.now_ms, value)]))
    look(world.store, Watch(), ())
    with site_of(world) as app:
        yield world, app, parties, batches
    world.store.close()


def own(place, name="Farm", **wanted):
    world, _, parties, _ = place
    with world.store.reading() as connection:
        return list_own(connection, parties[name], Wanted(**wanted))


def hand(place, name="Farm", who=None):
    world, _, parties, _ = place
    person = make_person(world.store, world.node, parties[name], None if who else PartyKind.PRODUCER)
    return Hand(person.id, who or person.name, parties[name], Actor(person.id, parties[name], "web"))


def kind_of(place, name, kind):
    return next(alarm for alarm in own(place, name) if alarm.kind == kind)


def test_a_party_sees_its_own_alarms_and_acts_on_no_other(place):
    world, _, parties, batches = place
    farm, carrier = own(place), own(place, "Carrier")
    assert farm
    assert carrier
    assert not {a.id for a in farm} & {a.id for a in carrier}
    assert {a.stream for a in farm} == {world.asset("ROOM1")}
    with world.store.reading() as connection:
        assert count_open(connection, parties["Farm"]) == len(farm)
        assert batches_of(connection, kind_of(place, "Farm", "excursion")) == [batches["Farm"]]
    other = carrier[0].id
    one = hand(place)
    for act in (
        lambda: see_alarm(world.store, one, other, ""),
        lambda: write_report(world.store, one, other, SAYS),
        lambda: verify_report(world.store, one, other, 1, "x"),
        lambda: deposit_record(world.store, world.node, one, other, [batches["Carrier"]]),
    ):
        with pytest.raises(UnknownSubjectError):
            act()


def test_a_record_is_added_to_and_verified_by_a_second_person_alone(place):
    world, _, parties, batches = place
    number = kind_of(place, "Carrier", "excursion").id
    one, two = hand(place, "Carrier"), hand(place, "Carrier")
    for bad in (SAYS | {"cause": " "}, SAYS | {"cause": "x" * 2001}):
        with pytest.raises(StatementError, match="cause"):
            write_report(world.store, one, number, bad)
    with pytest.raises(ConflictError):
        verify_report(world.store, two, number, 1, "nothing to verify")
    write_report(world.store, one, number, SAYS)
    with pytest.raises(ForbiddenError, match="does not verify"):
        verify_report(world.store, one, number, 1, "fine")
    with pytest.raises(ConflictError, match="not verified"):
        deposit_record(world.store, world.node, one, number, [batches["Carrier"]])
    verify_report(world.store, two, number, 1, "back below 5")
    with pytest.raises(ConflictError, match="has verified"):
        verify_report(world.store, hand(place, "Carrier"), number, 1, "again")
    write_report(world.store, two, number, SAYS | {"cause": "door seal"})
    with pytest.raises(ForbiddenError):
        verify_report(world.store, one, number, 3, "who wrote any report does not")
    with pytest.raises(ConflictError, match="another report"):
        verify_report(world.store, hand(place, "Carrier"), number, 1, "of the old one")
    third = hand(place, "Carrier")
    verify_report(world.store, third, number, 3, "seal replaced")
    with pytest.raises(ConflictError, match="were there"):
        deposit_record(world.store, world.node, third, number, [batches["Farm"]])
    sha256 = deposit_record(world.store, world.node, third, number, [batches["Carrier"]])
    with world.store.reading() as connection:
        record = record_of(connection, number)
        assert [(e.kind, e.of) for e in record.entries] == [
            ("report", None),
            ("verification", 1),
            ("report", None),
            ("verification", 3),
        ]
        (found,) = notices_on(connection, batches["Carrier"])
        text = render_record(kind_of(place, "Carrier", "excursion"), record)
        noted = connection.execute(
            select(func.count()).select_from(TrailEntry).where(TrailEntry.subject == number)
        ).scalar_one()
    assert (found.notice.sha256, found.party) == (sha256, parties["Carrier"])
    assert noted == 5
    assert "door seal" in text
    assert "seal replaced" in text


def test_an_alarm_takes_so_many_entries(place, monkeypatch):
    world, _, _, _ = place
    monkeypatch.setattr(corrective, "MAX_ENTRIES", 0)
    with pytest.raises(ConflictError, match="at most"):
        write_report(world.store, hand(place), own(place)[0].id, SAYS)


def test_pages_follow_each_other_open_ones_first(place):
    everything = own(place)
    with place[0].store.reading() as connection:
        party = place[2]["Farm"]
        first = list_own(connection, party, Wanted(), 1)
        rest = list_own(connection, party, Wanted(after=first[0].id))
    assert [a.id for a in [*first, *rest]] == [a.id for a in everything]
    assert own(place, state="over") == []
    assert {a.kind for a in own(place, kind="excursion")} == {"excursion"}


def test_the_page_goes_from_an_alarm_to_its_deposit_and_the_mark_follows(place):
    world, app, parties, _ = place
    one = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.WORKER)
    two = sign_in(app.test_client(), world.store, world.node, parties["Farm"])
    number = kind_of(place, "Farm", "excursion").id
    address = f"/console/alarms/{number}?lang=en"
    page = one.get("/console/alarms?lang=en&state=open")
    assert number in page.text
    assert "nobody has seen it" in page.text
    mark = re.findall(r'data-live="/live/alarms/own" data-mark="(\w+)"', page.text)[0]
    assert one.get("/live/alarms/own").json == {"mark": mark}
    assert one.get("/live/alarms/other").status_code == 404

    def act(client, **fields):
        return client.post(address, data=form(client, **fields))

    assert act(one, do="see", note="door open").status_code == 303
    assert one.get("/live/alarms/own").json != {"mark": mark}
    assert act(one, do="see").status_code == 409
    shown = one.get(address).text
    assert "door open" in shown
    assert "0.0 °C – 5.0 °C" in shown
    kept = act(one, do="report", **SAYS | {"cause": ""}, note="")
    assert kept.status_code == 409
    assert "product said" in kept.text
    assert act(one, do="report", **SAYS).status_code == 303
    assert "a second person verifies it" in one.get(address).text
    assert act(one, do="verify", of="1", found="ok").status_code == 409
    assert act(two, do="verify", of="x", found="ok").status_code == 409
    assert act(two, do="verify", of="1", found="ok").status_code == 303
    batch = re.findall(r'name="batch" value="([^"]+)"', two.get(address).text)[0]
    assert act(two, do="deposit").status_code == 409
    assert act(two, do="deposit", batch=batch).status_code == 303
    assert act(two, do="nothing").status_code == 400
    rows = list(csv.DictReader(io.StringIO(two.get("/console/alarms.csv").text.removeprefix("\ufeff"))))
    assert {row["cause"] for row in rows} >= {"cause said"}
    assert "报警" in one.get("/console/alarms?lang=zh").text


def test_who_may_not_or_is_another_sees_nothing(place):
    world, app, parties, _ = place
    number = own(place)[0].id
    other = sign_in(app.test_client(), world.store, world.node, parties["Carrier"], PartyKind.CARRIER)
    viewer = sign_in(app.test_client(), world.store, world.node, parties["Farm"], role=Role.VIEWER)
    assert other.get(f"/console/alarms/{number}").status_code == 404
    assert other.post(f"/console/alarms/{number}", data=form(other, do="see")).status_code == 404
    assert viewer.get(f"/console/alarms/{number}").status_code == 403
    assert viewer.get("/live/alarms/own").status_code == 404
    with world.store.reading() as connection:
        assert alarms_mark(connection, parties["Farm"]) != alarms_mark(connection, parties["Carrier"])
