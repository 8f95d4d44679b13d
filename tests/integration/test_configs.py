"""A configuration on its way: set by somebody, sent when the device speaks, until it says that it has it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from tests.support.world import Probe, World, make_world
from traceability.__main__ import main
from traceability.errors import ConflictError, UnknownSubjectError
from traceability.operations.configs import AGAIN_MS, configs_of, next_version, set_config
from traceability.operations.ingest import Ingested
from traceability.operations.watching import Watch
from traceability.sensing.config import Config, open_config
from traceability.sensing.frame import U32
from traceability.sensing.senml import Reading
from traceability.signing.keys import receipt_key
from traceability.store.configs import DeviceConfig


@pytest.fixture
def room(tmp_path, database_url) -> Iterator[tuple[World, Probe]]:
    world = make_world(tmp_path / "node", database_url)
    yield world, _fitted(world)
    world.store.close()


@pytest.fixture
def lite(tmp_path) -> Iterator[tuple[World, Probe]]:
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    yield world, _fitted(world)
    world.store.close()


def _fitted(world: World) -> Probe:
    farm = world.party("Farm")
    probe = world.device(farm)
    world.install(farm, probe, world.asset("ROOM1"))
    return probe


def spoken(world: World, probe: Probe, version: int | None = None, after_ms: int = AGAIN_MS) -> Ingested:
    """A frame, in which the device says by which version it works."""
    world.wait(ms=after_ms)
    readings = [Reading("air", "Cel", world.now_ms, 4.5)]
    said = [] if version is None else [Reading("config", "count", world.now_ms, version)]
    return world.take(probe, probe.frame(readings + said))


def sent(world: World, probe: Probe, done: Ingested) -> list[int]:
    """The versions that go out to the device, on its own topic alone."""
    down = [answer for answer in done.answers if answer.topic.endswith("/config")]
    assert {answer.topic for answer in down} <= {f"ft/v1/test/{probe.device}/config"}
    secret = receipt_key(world.node.secret, probe.device)
    return [open_config(secret, answer.payload).version for answer in down]


def wanted(probe: Probe, version: int = 1) -> Config:
    return Config(probe.device, version, 300, 3600, {"air": (0, 8000)})


def state(world: World, probe: Probe) -> list[tuple[int, int | None, int | None]]:
    with world.store.reading() as connection:
        known = configs_of(connection, world.node, probe.device)
    return [(each.config.version, each.sent_ms, each.in_force_ms) for each in known]


def test_it_is_sent_when_the_device_speaks_and_until_the_device_says_that_it_works_by_it(room):
    world, probe = room
    assert sent(world, probe, spoken(world, probe)) == []
    set_config(world.store, world.node, wanted(probe))
    assert state(world, probe) == [(1, None, None)]
    assert sent(world, probe, spoken(world, probe)) == [1]
    first_ms = world.now_ms
    assert state(world, probe) == [(1, first_ms, None)]
    assert sent(world, probe, spoken(world, probe, after_ms=1000)) == [], "its answer may be on the way"
    assert sent(world, probe, spoken(world, probe)) == [1], "the device was asleep, or lost it"
    assert sent(world, probe, spoken(world, probe, 1)) == []
    assert state(world, probe) == [(1, first_ms + AGAIN_MS + 1000, world.now_ms)]
    assert sent(world, probe, spoken(world, probe, 1)) == []


def test_a_later_one_takes_the_place_of_one_that_is_on_its_way(room):
    world, probe = room
    set_config(world.store, world.node, wanted(probe))
    spoken(world, probe)
    set_config(world.store, world.node, wanted(probe, 2))
    with world.store.reading() as connection:
        query = select(DeviceConfig.version).where(DeviceConfig.pending)
        assert connection.execute(query).scalars().all() == [2]
    assert sent(world, probe, spoken(world, probe, 1)) == [2]
    said_ms = world.now_ms
    assert sent(world, probe, spoken(world, probe, 2)) == []
    assert [(version, since) for version, _, since in state(world, probe)] == [
        (1, said_ms),
        (2, world.now_ms),
    ]


def test_what_another_device_says_of_itself_does_not_count(lite):
    world, probe = lite
    firm = world.party("Other")
    other = world.device(firm)
    world.install(firm, other, world.asset("ROOM2"))
    set_config(world.store, world.node, wanted(probe))
    done = spoken(world, other, 1)
    assert [answer.topic for answer in done.answers if answer.topic.endswith("/config")] == []
    assert state(world, probe) == [(1, None, None)]


def test_what_a_frame_says_that_is_not_believed_does_not_count(lite):
    world, probe = lite
    set_config(world.store, world.node, wanted(probe))
    ahead_ms = world.now_ms + 3_600_000
    readings = [Reading("air", "Cel", ahead_ms, 4.5), Reading("config", "count", ahead_ms, 1)]
    done = world.take(probe, probe.frame(readings))
    assert [outcome.word for outcome in done.outcomes] == ["quarantined"]
    assert sent(world, probe, done) == [1]
    assert state(world, probe) == [(1, world.now_ms, None)]


def test_versions_go_on_from_what_the_device_says_if_the_database_was_put_back(lite):
    world, probe = lite
    spoken(world, probe, 7)
    with world.store.reading() as connection:
        assert next_version(connection, probe.device) == 8
    with pytest.raises(ConflictError, match="look again"):
        set_config(world.store, world.node, wanted(probe, 1))
    spoken(world, probe, U32 - 1)
    with world.store.reading() as connection, pytest.raises(ConflictError, match="highest"):
        next_version(connection, probe.device)


def test_who_was_told_to_send_seldom_is_silent_only_after_two_frames(lite):
    world, probe = lite
    watch = Watch(since_ms=world.now_ms)
    set_config(world.store, world.node, wanted(probe))
    spoken(world, probe)
    spoken(world, probe, 1)

    def silent(minutes: int) -> bool:
        world.wait(minutes=minutes)
        with world.store.reading() as connection:
            found = watch.look(connection, world.now_ms)
        return any(kind == "silence" for _, _, kind in found)

    assert [silent(60), silent(59), silent(2)] == [False, False, True]


def test_a_device_that_is_not_enrolled_is_told_nothing(lite):
    world, _ = lite
    with pytest.raises(UnknownSubjectError):
        set_config(world.store, world.node, Config("0" * 32, 1, 60, 600))


@pytest.fixture
def cli(lite, monkeypatch, capsys):
    world, probe = lite
    monkeypatch.setenv("FT_DATA", str(world.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", world.store.url)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["config", words[0], probe.device, *words[1:]])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_command_line_shows_before_it_sends_and_then_what_became_of_it(lite, cli):
    world, probe = lite
    code, out, _ = cli("set", "--frame", "1800", "--limit", "air=0:5.5")
    assert (code, state(world, probe)) == (1, [])
    assert "version 1: a reading every 60 s, a frame every 1800 s, alarm outside of air 0 to 5.5 °C" in out
    code, out, _ = cli("set", "--frame", "1800", "--limit", "air=0:5.5", "--yes")
    assert code == 0
    assert "not sent yet" in out
    spoken(world, probe)
    assert "no word from the device since" in cli("show")[1]
    spoken(world, probe, 1)
    assert "in force since 2026-01-01T00:02:01.000Z" in cli("show")[1]
    code, out, _ = cli("set", "--reading", "120", "--json")
    told = json.loads(out)
    assert (told["version"], told["reading_s"], told["frame_s"]) == (2, 120, 1800)
    assert told["limits_milli_c"] == {"air": [0, 5500]}, "what is not named stays"
    assert json.loads(cli("set", "--no-limits", "--json")[1])["limits_milli_c"] == {}


def test_absurd_values_are_refused_before_they_are_sent(lite, cli):
    for name, value in (("reading", "5"), ("frame", "100"), ("limit", "air=5:0"), ("limit", "air=-200:0")):
        code, _, err = cli("set", f"--{name}", value, "--yes")
        assert (code, "[bad-config]" in err) == (1, True)
    assert state(*lite) == []
