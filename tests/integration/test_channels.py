"""A reefer with a supply and a return probe: what goods are judged by, everywhere that something is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.web import site_of
from tests.support.world import Probe, World, make_world
from traceability.__main__ import main
from traceability.errors import EventError
from traceability.operations import stays
from traceability.operations.alarms import list_alarms, look
from traceability.operations.audit import audit
from traceability.operations.replace import replace_device
from traceability.operations.watching import Watch
from traceability.sensing.channels import Role
from traceability.sensing.senml import Reading
from traceability.verification.journey import Journey, StayView
from traceability.verification.verdict import check
from webapp.consumer.chart import draw

REEFER = {"return": "air-return", "supply": "air-supply"}


@dataclass
class Truck:
    """A lot in a truck; the device was installed, with what is said of its channels, a while before."""

    world: World
    carrier: str
    uri: str
    probe: Probe
    batch: str = ""

    def load(self) -> None:
        self.batch = self.world.harvest(self.carrier, "L1")
        self.world.event("load", self.carrier, self.batch, asset=self.uri)

    def drive(self, *hourly: dict[str, float], probe: Probe | None = None) -> None:
        """Six readings of each channel, every ten minutes."""
        for values in hourly:
            for _ in range(6):
                self.world.wait(minutes=10)
                now_ms, by = self.world.now_ms, probe or self.probe
                readings = [Reading(name, "Cel", now_ms, value) for name, value in values.items()]
                self.world.take(by, by.frame(readings))

    def arrive(self) -> StayView:
        self.world.event("unload", self.carrier, self.batch, asset=self.uri)
        self.drive({"return": 3.0})
        return self.stay()

    def stay(self) -> StayView:
        self.world.publish()
        assert audit(self.world.store, self.world.node).lines()[:-1] == []
        return self.journey().stays[0]

    def journey(self) -> Journey:
        verdict = check(self.world.bundle(self.batch), self.world.node.policy)
        assert verdict.exit_code == 0, verdict.lines()
        assert verdict.journey is not None
        return verdict.journey


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    yield world
    world.store.close()


def truck(world: World, **roles: str) -> Truck:
    carrier = world.party("Carrier")
    made = Truck(world, carrier, world.asset("TRUCK1"), world.device(carrier))
    world.install(carrier, made.probe, made.uri, roles=roles or None)
    made.drive({"return": 3.0, "supply": 1.0})
    return made


def outside_ms(stay: StayView) -> int:
    """By the worst of the sensors that goods are judged by."""
    return max(curve.exposure.above_ms + curve.exposure.below_ms for curve in stay.judging)


def warmest(stay: StayView) -> int:
    return max(sample.milli_c for curve in stay.judging for sample in curve.samples)


DEFROST = ({"return": 3.0, "supply": -2.0}, {"return": 4.0, "supply": 14.0}, {"return": 3.0, "supply": -2.0})


def test_supply_air_makes_no_excursion_and_is_shown_beside_the_return_air(world: World):
    made = truck(world, **REEFER)
    made.load()
    made.drive(*DEFROST)
    stay = made.arrive()
    assert [curve.name for curve in stay.judging] == ["return"]
    assert len(stay.curves) == 2, "every channel has its series, as before"
    assert (outside_ms(stay), warmest(stay)) == (0, 4000)
    with site_of(world) as app:
        with app.test_request_context():
            drawn = draw(made.journey(), "+00:00")
        assert drawn is not None
        assert (len(drawn.lines), len(drawn.beside), drawn.hot) == (1, 1, ())
        page = app.test_client().get("/01/" + made.batch.partition("/01/")[2]).text
    assert "Never measured outside its limits." in page
    assert "judged by: return air" in page
    assert "not counted: supply air" in page


def test_without_roles_everything_counts_as_before(world: World):
    made = truck(world)
    made.load()
    made.drive(*DEFROST)
    stay = made.arrive()
    assert stay.roles == {}
    assert outside_ms(stay) > 0
    assert stay.opened is not None
    assert [device.channels for device in stay.opened.devices] == [()]


def test_probes_in_the_goods_are_asked_before_the_air(world: World):
    made = truck(world, **REEFER, core="product")
    made.load()
    made.drive({"return": 9.0, "supply": 9.0, "core": 4.0})
    assert outside_ms(made.stay()) == 0
    made.drive({"return": 3.0, "supply": 1.0, "core": 6.0})
    assert outside_ms(made.stay()) > 0


def test_a_device_that_comes_during_the_stay_is_believed_by_its_own_event(world: World):
    made = truck(world, **REEFER)
    made.load()
    late = world.device(made.carrier)
    world.install(made.carrier, late, made.uri, roles={"outside": "ambient"})
    made.drive({"outside": 30.0}, probe=late)
    made.drive({"return": 3.0, "supply": 1.0})
    stay = made.stay()
    assert stay.roles[late.device, "outside"] is Role.AMBIENT
    assert warmest(stay) == 3000


def test_what_is_said_twice_and_differs_is_not_said(world: World):
    made = truck(world, **REEFER)
    made.load()
    made.drive({"return": 3.0, "supply": 1.0})
    world.remove(made.carrier, made.probe)
    world.install(made.carrier, made.probe, made.uri, roles={"return": "ambient", "supply": "air-supply"})
    made.drive({"return": 9.0, "supply": 1.0})
    stay = made.stay()
    assert set(stay.roles) == {(made.probe.device, "supply")}
    assert outside_ms(stay) > 0


def test_a_logger_packed_with_a_lot_has_the_roles_of_its_own_event(world: World):
    farm = world.party("Farm")
    made = Truck(world, farm, world.asset("NOWHERE"), world.device(farm), world.harvest(farm, "L1"))
    world.install(farm, made.probe, made.batch, roles={"t1": "product", "t2": "ambient"})
    made.drive({"t1": 4.0, "t2": 25.0})
    stay = made.stay()
    assert [curve.name for curve in stay.judging] == ["t1"]
    assert outside_ms(stay) == 0


def test_the_device_that_takes_the_place_takes_the_roles(world: World):
    made = truck(world, **REEFER)
    made.load()
    made.drive(*DEFROST)
    new = world.device(made.carrier)
    replace_device(world.store, world.node, made.probe.device, new.device, world.now_ms)
    new.stream = made.uri
    made.drive(*DEFROST, probe=new)
    stay = made.stay()
    assert stay.roles[new.device, "supply"] is Role.AIR_SUPPLY
    assert outside_ms(stay) == 0


def test_a_node_that_says_other_roles_than_the_events_is_found(world: World, monkeypatch: pytest.MonkeyPatch):
    made = truck(world, **REEFER)
    monkeypatch.setattr(stays, "channels_at", lambda *_: (("return", "ambient"), ("supply", "air-supply")))
    made.load()
    made.drive({"return": 9.0, "supply": 1.0})
    world.publish()
    report = audit(world.store, world.node)
    assert "roles of the channels of " + made.probe.device in "\n".join(report.lines())
    monkeypatch.setattr(stays, "channels_at", lambda *_: ())
    world.event("unload", made.carrier, made.batch, asset=made.uri)
    world.event("load", made.carrier, made.batch, asset=made.uri)
    assert len([line for line in audit(world.store, world.node).lines() if "roles" in line]) == 1


def test_an_installation_that_is_recorded_late_for_a_time_before_the_stay_is_no_lie(world: World):
    made = truck(world, **REEFER)
    before_ms = world.now_ms + 60_000
    world.wait(minutes=10)
    made.load()
    world.remove(made.carrier, made.probe, before_ms)
    world.install(made.carrier, made.probe, made.uri, before_ms + 1, {"supply": "product"})
    made.drive({"return": 3.0, "supply": 1.0})
    assert made.stay().roles[made.probe.device, "supply"] is Role.AIR_SUPPLY


def test_another_form_is_refused_when_it_is_recorded(world: World):
    carrier = world.party("Carrier")
    with pytest.raises(EventError, match="ft:channels"):
        world.install(carrier, world.device(carrier), world.asset("TRUCK1"), roles={"supply": "cold"})


def changes(world: World, watch: Watch) -> list[tuple[str, str, str]]:
    said = look(world.store, watch, ())
    with world.store.reading() as connection:
        details = {a.id: a.detail.get("channel", "") for a in list_alarms(connection, ended=True)}
    return [(c.event, c.alarm.kind, details.get(c.alarm.id, "")) for c in said]


def test_alarms_go_by_the_return_air_and_by_a_probe_as_long_as_it_measures(world: World):
    made, watch = truck(world, **REEFER, core="product"), Watch()
    made.load()
    made.drive({"return": 3.0, "supply": 14.0, "core": 4.0})
    assert changes(world, watch) == []
    made.drive({"return": 9.0, "supply": 1.0, "core": 4.0})
    assert changes(world, watch) == []
    made.drive({"return": 9.0, "supply": 1.0})
    assert changes(world, watch) == [("raised", "excursion", "return")], "the probe is silent"
    made.drive({"return": 3.0, "supply": 14.0})
    assert [each[:2] for each in changes(world, watch)] == [("ended", "excursion")]


def test_the_command_line_shows_first_and_readings_say_what_counts(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    made = truck(world)
    world.remove(made.carrier, made.probe)
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    install = ["device", "install", made.probe.device, "--on", "TRUCK1", "--at", "2026-01-01T02:00:00Z"]
    install += ["--channel", "return=air-return", "--channel", "supply=air-supply"]
    assert main(install) == 1
    shown = capsys.readouterr().out
    assert "supply: the air that is blown in; goods are not judged by it\n" in shown
    assert "nothing was recorded: add --yes to do it" in shown
    assert main([*install, "--yes", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["done"]
    assert [(c["name"], c["role"], c["judges"]) for c in answer["channels"]] == [
        ("return", "air-return", True),
        ("supply", "air-supply", False),
    ]
    assert main(install) == 1
    assert "recorded already" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*install, "--channel", "supply=cold"])
    assert main([*install, "--channel", "return=other"]) != 0
    capsys.readouterr()
    made = replace(made, probe=replace(made.probe))
    assert main(["readings", "TRUCK1", "--by", "day", "--last", "400", "--json"]) == 0
    channels = json.loads(capsys.readouterr().out)["channels"]
    assert [(c["name"], c["role"], c["counts"]) for c in channels] == [
        ("return", "air-return", True),
        ("supply", "air-supply", False),
    ]
    assert main(["readings", "TRUCK1", "--profile", "strawberry"]) == 0
    assert "(Cel, air-supply) not counted for goods" in capsys.readouterr().out
