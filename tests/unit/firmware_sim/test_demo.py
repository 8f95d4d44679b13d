"""The folder in which devices and parties leave things for each other."""

from __future__ import annotations

import json
import stat

import pytest

from firmware_sim.demo import Demo, load_enrolment, load_or_make_plan, node_name, open_flashes
from firmware_sim.flash import write_file
from tests.support.fakenode import NODE, SITE
from traceability.errors import SettingsError
from traceability.signing.keystatement import parse_key_statement

NOW_MS = 1_764_000_000_000


@pytest.fixture
def demo(tmp_path):
    return Demo(tmp_path / "demo")


def answer(demo: Demo, name: str, flash, **more: str) -> None:
    device = flash.key.public.device_id
    told = {"device": device, "uri": f"https://{NODE}/device/{device}", "node": NODE, "site": SITE}
    whole = {"receipt_key": "ab" * 32, "username": f"{SITE}/{device}", "password": "x"} | more
    demo.enrolled(name).write_text(json.dumps(told | whole))


def test_node_name_is_none_until_there_is_a_node(tmp_path):
    assert node_name(tmp_path) is None
    (tmp_path / "node.json").write_text(json.dumps({"format": 1, "name": NODE}))
    assert node_name(tmp_path) == NODE


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "Not A Host"}'])
def test_unreadable_node_is_refused(tmp_path, text):
    (tmp_path / "node.json").write_text(text)
    with pytest.raises(SettingsError, match=r"node\.json does not name a node"):
        node_name(tmp_path)


def test_plan_is_made_once_and_kept(demo):
    first = load_or_make_plan(demo, NODE, NOW_MS)
    assert load_or_make_plan(demo, NODE, NOW_MS + 999_999) == first
    assert sorted(path.name for path in demo.folder.iterdir()) == ["plan.json"]


def test_plan_of_another_node_is_refused(demo):
    load_or_make_plan(demo, NODE, NOW_MS)
    with pytest.raises(SettingsError, match=r"not other\.example"):
        load_or_make_plan(demo, "other.example", NOW_MS)


def test_every_device_asks_once_with_its_own_key_and_its_owners_name(demo):
    planned = load_or_make_plan(demo, NODE, NOW_MS)
    with open_flashes(demo, planned, NOW_MS) as flashes:
        keys = {name: flash.key for name, flash in flashes.items()}
    with open_flashes(demo, planned, NOW_MS + 1_000_000) as flashes:
        assert {name: flash.key for name, flash in flashes.items()} == keys
    for device in planned.devices:
        request = parse_key_statement((demo.device(device.key) / "request.json").read_bytes())
        request.message.verify(0, keys[device.key].public)
        assert request.owner == planned.party(device.party).uri
        assert request.issued_at == NOW_MS // 1000
        assert request.voucher is None


def test_devices_wait_until_all_are_answered_and_the_parties_are_ready(demo):
    planned = load_or_make_plan(demo, NODE, NOW_MS)
    with open_flashes(demo, planned, NOW_MS) as flashes:
        for name, flash in flashes.items():
            assert not demo.is_answered(planned)
            answer(demo, name, flash)
        assert not demo.is_answered(planned)
        (demo.folder / "ready").touch()
        assert demo.is_answered(planned)
        name, flash = next(iter(flashes.items()))
        answer(demo, name, flash, password="")  # of a version before there were passwords
        assert not demo.is_answered(planned)


def test_answer_for_another_device_is_refused(demo):
    planned = load_or_make_plan(demo, NODE, NOW_MS)
    with open_flashes(demo, planned, NOW_MS) as flashes:
        first, second = list(flashes)[:2]
        answer(demo, first, flashes[second])
        with pytest.raises(SettingsError, match="is for another device"):
            load_enrolment(demo, first, flashes[first])
        answer(demo, first, flashes[first])
        assert load_enrolment(demo, first, flashes[first]).receipt_key == bytes.fromhex("ab" * 32)


def test_file_is_written_whole_and_with_its_mode(tmp_path):
    path = tmp_path / "secret"
    (tmp_path / "secret.new").write_text("left by a crash")
    write_file(path, b"one", mode=0o600)
    write_file(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
