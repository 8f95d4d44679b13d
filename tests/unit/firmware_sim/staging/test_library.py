"""Scenarios and profiles are read strictly: what is wrong is named with its place and what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from firmware_sim.staging.library import load_scenario, shipped, shipped_profiles
from tests.support.scenarios import small, written
from traceability.errors import FileError, ScenarioError


def refusal(tmp_path, document) -> str:
    path = written(tmp_path, document)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(str(path))
    assert str(path) in str(caught.value)
    assert "docs/simulator.md" in caught.value.remedy()
    return str(caught.value)


def test_seven_scenarios_come_with_the_simulator_and_load():
    assert shipped() == [
        "chilled-pork",
        "clone-and-thief",
        "frozen-shrimp-rail",
        "milk-to-yoghurt",
        "reefer-fails-at-night",
        "strawberries",
        "warehouse-offline",
    ]
    assert {load_scenario(name).key for name in shipped()} == set(shipped())


def test_seed_can_be_another(tmp_path):
    path = written(tmp_path, small())
    assert load_scenario(str(path)).seed == 7
    assert load_scenario(str(path), seed=9).seed == 9


def test_own_profile_takes_the_place_of_the_shipped_one(tmp_path):
    own = {"mean_c": -10, "swing_c": 1, "source": "assumed"}
    scenario = load_scenario(str(written(tmp_path, small(climates={"hall": own}))))
    assert scenario.library.climates["hall"].mean_c == -10
    assert scenario.library.products == shipped_profiles().products


BATTERY = {"full_v": 3.6, "empty_v": 3.0}
DRAIN = {"capacity_mah": 100, "sleep_ua": 10, "reading_mas": 10, "sending_mas": 100}


def told(**changes: Any) -> dict[str, Any]:
    """A scenario whose logger is told something over the air."""
    order = {"device": "logger", "from": "1h", "reading_s": 60, "frame_s": 600} | changes
    return {"configs": [order]}


def profile(**changes: Any) -> dict[str, Any]:
    """A scenario with a profile of its own, which says how much is left of a battery."""
    channels = {"charge": {"measures": "charge"}}
    own = {"model": "x", "reading_s": 60, "frame_s": 600, "channels": channels, "source": "x"}
    return {"device_profiles": {"tried": own | changes}}


@pytest.mark.parametrize(
    ("changes", "pointer", "expected"),
    [
        ({"lasts": 4}, "/lasts", "a time such as 45m"),
        ({"lasts": "90d"}, "/lasts", "at most 60d"),
        ({"start": "2026-03-20T07:00:00"}, "/start", "a time with its zone"),
        ({"start": "2026-03-20T07:00:10Z"}, "/start", "on a whole minute"),
        ({"seed": True}, "/seed", "a whole number"),
        ({"format": 2}, "/format", "from 1 to 1"),
        ({"colour": "red"}, "/colour", "one of the keys asset_profiles, assets"),
        ({"names": {"en": "only"}}, "/names", "texts {en: ..., zh: ...}"),
        ({"show": {"device": "logger"}}, "/show/channel", "a name"),
        ({"faults": [{"fault": "fire"}]}, "/faults/0/fault", "one of door-open, unit-off"),
        (
            {"faults": [{"fault": "reboot", "device": "logger", "from": "1h", "until": "2h"}]},
            "/faults/0/until",
            "one of the keys",
        ),
        (
            {"faults": [{"fault": "dead", "device": "logger", "from": "2h", "until": "1h"}]},
            "/faults/0/until",
            "after from",
        ),
        (
            {"faults": [{"fault": "dead", "device": "spy", "from": "1h", "until": "2h"}]},
            "/faults/0/device",
            "one of logger",
        ),
        (
            {"faults": [{"fault": "stuck", "device": "logger", "channel": "x", "from": "1h", "until": "2h"}]},
            "/faults/0/channel",
            "one of air, humidity",
        ),
        (
            {"faults": [{"fault": "door-open", "asset": "room", "from": "1h", "until": "5h"}]},
            "/faults/0/until",
            "within the scenario",
        ),
        (
            {
                "attacks": [
                    {"attack": "cloned-logger", "device": "logger", "from": "1h", "until": "9h", "says_c": 2}
                ]
            },
            "/attacks/0/from",
            "within the scenario",
        ),
        (
            {
                "attacks": [
                    {"attack": "stolen-key", "device": "logger", "from": "1h", "until": "2h", "says_c": 2}
                ]
            },
            "/attacks/0/revoked",
            "a time",
        ),
        (
            {"climates": {"hall": {"mean_c": "warm", "swing_c": 1, "source": "x"}}},
            "/climates/hall/mean_c",
            "a number from -60 to 60",
        ),
        (told(device="spy"), "/configs/0/device", "one of logger"),
        (told(reading_s=5), "/configs/0/reading_s", "a whole number from 10 to 3600 s"),
        (told(reading_s=65), "/configs/0/reading_s", "a multiple of 10 s"),
        (told(frame_s=100), "/configs/0/frame_s", "after a whole number of readings"),
        (told(limits={"air": [5, 0]}), "/configs/0/limits", "the first below the second"),
        (told(limits={"air": [0, 9e9]}), "/configs/0/limits", "channels with [coldest, warmest]"),
        (told(limits={"door": [0, 5]}), "/configs/0/limits", "one of air, humidity"),
        (told(**{"from": "9h"}), "/configs/0/from", "within the scenario"),
        (
            told(reading_s=10, frame_s=3000)
            | profile(channels={name: {"measures": "air"} for name in "abc"})
            | {"devices": {"logger": {"profile": "tried", "asset": "room"}}},
            "/configs/0/frame_s",
            "at most 600 readings",
        ),
        (profile(wakes="15m"), "/device_profiles/tried/wakes", "a multiple of frame_s"),
        (profile(flash=1), "/device_profiles/tried/flash", "from 2 to"),
        (profile(clock={"set_by": "sun"}), "/device_profiles/tried/clock/set_by", "network, gnss, nobody"),
        (profile(battery=BATTERY), "/device_profiles/tried/battery/lasts", "either a time"),
        (
            profile(battery=BATTERY | {"lasts": "9h", "drain": DRAIN}),
            "/device_profiles/tried/battery/lasts",
            "either a time",
        ),
        (
            {**profile(), "devices": {"logger": {"profile": "tried", "asset": "room"}}},
            "/devices/logger/profile",
            "a profile with a battery",
        ),
        ({"climates": {"hall": {"mean_c": 1, "swing_c": 1}}}, "/climates/hall/source", "a text"),
        (
            {"climates": {"Hall": {"mean_c": 1, "swing_c": 1, "source": "x"}}},
            "/climates/Hall",
            "small letters",
        ),
        (
            {"climates": {"hall": {"mean_c": float("nan"), "swing_c": 1, "source": "x"}}},
            "/climates/hall/mean_c",
            "a number",
        ),
        (
            {"devices": {"logger": {"profile": "tracker", "asset": "room"}}},
            "/devices/logger/profile",
            "unlike lat",
        ),
        (
            {"devices": {"logger": {"profile": "field-station", "asset": "room"}}},
            "/devices/logger/profile",
            "unlike soil",
        ),
        (
            {"devices": {"logger": {"profile": "logger", "asset": "room", "until": "9h"}}},
            "/devices/logger",
            "within the scenario",
        ),
    ],
)
def test_wrong_value_is_refused_with_its_place_and_what_was_expected(tmp_path, changes, pointer, expected):
    told = refusal(tmp_path, small(**changes))
    assert f"  {pointer}: expected " in told
    assert expected in told


def test_all_that_is_wrong_is_named_at_once(tmp_path):
    told = refusal(tmp_path, small(lasts=1, seed="x", assets=3))
    assert [line.split(":")[0].strip() for line in told.splitlines()[1:]] == ["/lasts", "/seed", "/assets"]
    assert "got 'x'" in told


def goods(**changes):
    return {**small()["goods"]["pork"], **changes}


@pytest.mark.parametrize(
    ("batches", "pointer"),
    [
        (
            {"pork": goods(stays=[{"asset": "attic", "from": "0h", "until": "1h"}])},
            "/goods/pork/stays/0/asset",
        ),
        ({"pork": goods(begins="1h")}, "/goods/pork/stays/0/from"),
        (
            {"pork": goods(stays=[{"asset": "room", "from": "0h", "until": "9h"}])},
            "/goods/pork/stays/0/until",
        ),
        ({"pork": goods(), "more": goods()}, "/goods/more/stays/0/from"),
        (
            {"pork": goods(), "ham": goods(begins="2h", stays=[], made_of={"pork": 10})},
            "/goods/ham/made_of/pork",
        ),
    ],
)
def test_goods_that_cannot_be_there_are_refused(tmp_path, batches, pointer):
    assert f"  {pointer}: expected" in refusal(tmp_path, small(goods=batches))


def test_load_that_the_step_of_the_physics_cannot_follow_is_refused(tmp_path):
    van = {"room": {"names": {"en": "Van", "zh": "车"}, "profile": "van", "climate": "hall"}}
    told = refusal(tmp_path, small(assets=van, goods={"pork": goods(mass_kg=900_000)}))
    assert "  /goods/pork/stays/0/asset: expected a box with more air or lining, or less goods" in told


def test_unit_that_is_not_there_cannot_fail(tmp_path):
    tank = {"names": {"en": "Tank", "zh": "罐"}, "profile": "insulated-tank", "climate": "hall"}
    fault = {"fault": "unit-off", "asset": "tank", "from": "1h", "until": "2h"}
    told = refusal(tmp_path, small(assets={**small()["assets"], "tank": tank}, faults=[fault]))
    assert "/faults/0/asset: expected an asset with a unit" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("format: 1\nformat: 1\n", "2:1: the key 'format' is there twice"),
        ("a: {b: 1, b: 2}\n", "1:11: the key 'b' is there twice"),
        ("a: &x [1]\nb: *x\n", "2:4: aliases are not read here"),
        ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
        ("1: 2\n", "the key 1 is no text"),
        ("a: [1\n", "expected ',' or ']'"),
        ("a: 1\n---\nb: 2\n", "but found another document"),
        ("[" * 1200, "1:17: deeper than 16 levels"),
        ("a: " + "x" * 300_000, "at most 262144 are read"),
        ("a: \0\n", "is not YAML"),
        ("- 1\n", "expected a mapping"),
        ("", "expected a mapping, got nothing"),
    ],
)
def test_yaml_beyond_what_is_meant_is_refused(tmp_path, text, expected):
    assert expected in refusal(tmp_path, text)


def test_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ScenarioError, match="not UTF-8: byte 3"):
        load_scenario(str(path))


def test_scenario_that_does_not_exist_names_those_that_do(tmp_path):
    with pytest.raises(FileError) as caught:
        load_scenario("bananas")
    assert "strawberries" in caught.value.remedy()
    with pytest.raises(FileError, match="cannot be read"):
        load_scenario(str(tmp_path / "none.yaml"))
