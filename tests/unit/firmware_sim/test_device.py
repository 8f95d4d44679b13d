"""What a device signs, sends, and makes of receipts: without a broker."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from firmware_sim.device import Device, Pack
from firmware_sim.enrolment import read_enrolment
from firmware_sim.flash import Flash
from firmware_sim.sender import FIRST_WAIT_S, LONGEST_WAIT_S, Verdict
from tests.support.fakenode import NODE, SITE, FakeNode
from traceability import media
from traceability.errors import SettingsError
from traceability.identifiers import asset_uri
from traceability.sensing.frame import NO_PREVIOUS, Clock, Gap, parse_statement
from traceability.sensing.receipt import encode_receipt, open_receipt
from traceability.sensing.senml import Reading

STREAM = asset_uri("9520002TRUCKA")
START_MS = 1_764_000_000_000
WINDOW = 4
FIRST, SECOND = b"\x11" * 32, b"\x22" * 32


def pack(number: int) -> Pack:
    to_ms = START_MS + (number + 1) * 600_000
    return Pack(to_ms, (Reading("air", "Cel", to_ms - 600_000, 2.5 + number),))


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def make_device(tmp_path, node):
    opened: list[Flash] = []

    def make(folder: str = "flash", capacity: int = 64, measured: int = 0) -> Device:
        flash = Flash(tmp_path / folder, capacity=capacity)
        opened.append(flash)
        flash.start(flash.memory.measured_ms or START_MS)
        device = Device(flash, node.enrol(flash.key.public), STREAM, window=WINDOW)
        device.measure([pack(i) for i in range(measured)])
        return device

    yield make
    for flash in opened:
        flash.close()


def waiting(device: Device) -> list[int]:
    return sorted(kept.counter for kept in device.flash.next_to_send(1000))


def sent(device: Device, now_s: float = 0.0) -> list[int]:
    return [parse_statement(body).counter for body in device.due(now_s)]


def test_frames_are_signed_chained_and_counted(make_device, node):
    device = make_device(measured=3)
    statements = [parse_statement(kept.body) for kept in device.flash.next_to_send(10)]
    for statement in statements:
        statement.verify(device.flash.key.public)
    assert [s.counter for s in statements] == [0, 1, 2]
    assert [s.prev for s in statements] == [NO_PREVIOUS, statements[0].sha256, statements[1].sha256]
    assert [s.uptime_s for s in statements] == [600, 1200, 1800]
    assert [s.issued_at for s in statements] == [pack(i).to_ms // 1000 for i in range(3)]
    assert {s.clock for s in statements} == {Clock.NETWORK}
    assert {s.stream for s in statements} == {STREAM}
    assert [s.readings() for s in statements] == [pack(i).readings for i in range(3)]


def test_boot_counts_up_and_the_chain_goes_on_after_a_restart(make_device):
    device = make_device(measured=2)
    before = device.flash.memory
    device.flash.close()
    again = make_device()
    again.measure([pack(2)])
    newest = parse_statement(again.flash.next_to_send(10)[-1].body)
    assert (newest.counter, newest.prev, newest.boot) == (2, before.prev, 2)
    assert newest.uptime_s == 600


def test_interval_without_readings_makes_no_frame_but_counts_as_measured(make_device):
    device = make_device()
    device.measure([Pack(START_MS + 600_000, ())])
    assert waiting(device) == []
    assert device.flash.memory.measured_ms == START_MS + 600_000


def test_receipt_lets_the_device_forget_up_to_its_counter(make_device, node):
    device = make_device(measured=3)
    receipts = [node.take(body) for body in device.due(0)]
    assert device.receive(receipts[1], 1) is Verdict.SETTLED
    assert waiting(device) == [2]


def test_hole_in_the_counters_keeps_everything_behind_it(make_device, node):
    device = make_device(measured=3)
    bodies = device.due(0)
    assert node.take(bodies[2]) is None
    receipt = node.take(bodies[0])
    assert device.receive(receipt, 1) is Verdict.SETTLED
    assert waiting(device) == [1, 2]
    assert device.receive(node.take(bodies[1]), 1) is Verdict.SETTLED
    assert waiting(device) == []


def test_forged_receipt_is_counted_and_changes_nothing(make_device, node):
    device = make_device(measured=2)
    genuine = node.take(device.due(0)[0])
    for position in range(len(genuine)):
        forged = bytearray(genuine)
        forged[position] ^= 1
        assert device.receive(bytes(forged), 1) is Verdict.FORGED
    stranger = encode_receipt(bytes(32), open_receipt(device.enrolment.receipt_key, genuine))
    assert device.receive(stranger, 1) is Verdict.FORGED
    assert device.receive(b"", 1) is Verdict.FORGED
    assert device.counts[Verdict.FORGED] == len(genuine) + 2
    assert waiting(device) == [0, 1]
    assert not device.cloned


def beacons(device: Device) -> list[bytes | None]:
    return [parse_statement(kept.body).beacon for kept in device.flash.next_to_send(100)]


def test_the_newest_beacon_stands_in_every_following_frame_even_after_a_restart(make_device, node):
    device = make_device(measured=2)
    node.beacon = FIRST
    first = node.take(device.due(0)[0])
    assert device.receive(first, 1) is Verdict.SETTLED
    device.measure([pack(2), pack(3)])
    assert beacons(device) == [None, FIRST, FIRST]
    device.flash.close()
    again = make_device()
    again.measure([pack(4)])
    assert beacons(again)[-1] == FIRST
    node.beacon = SECOND
    assert again.receive(node.take(again.due(0)[0]), 1) is Verdict.SETTLED
    again.measure([pack(5)])
    assert beacons(again)[-1] == SECOND


def test_only_a_receipt_that_settles_something_brings_a_beacon(make_device, node):
    device = make_device(measured=2)
    node.beacon = FIRST
    older, newer = (node.take(body) for body in device.due(0))
    assert device.receive(newer, 1) is Verdict.SETTLED
    key = device.enrolment.receipt_key
    changed = replace(open_receipt(key, older), beacon=SECOND)
    assert device.receive(encode_receipt(key, changed), 1) is Verdict.STALE
    assert device.receive(encode_receipt(bytes(32), changed), 1) is Verdict.FORGED
    clones = replace(open_receipt(key, newer), beacon=SECOND, sha256=bytes(32))
    assert device.receive(encode_receipt(key, clones), 1) is Verdict.CLONE
    device.measure([pack(2)])
    assert beacons(device) == [FIRST]


def test_what_is_made_up_for_names_no_beacon_that_came_later(make_device, node):
    device = make_device(measured=1)
    node.beacon = FIRST
    heard_ms = pack(2).to_ms
    assert device.receive(node.take(device.due(0)[0]), 1, heard_ms) is Verdict.SETTLED
    device.measure([pack(1), pack(2)])
    assert beacons(device) == [None, FIRST]


def test_a_receipt_of_an_older_node_leaves_the_beacon(make_device, node):
    device = make_device(measured=2)
    first, second = device.due(0)
    node.beacon = FIRST
    assert device.receive(node.take(first), 1) is Verdict.SETTLED
    node.beacon = None
    assert device.receive(node.take(second), 1) is Verdict.SETTLED
    device.measure([pack(2)])
    assert beacons(device) == [FIRST]


def test_repeated_and_older_receipts_are_stale(make_device, node):
    device = make_device(measured=2)
    first, second = (node.take(body) for body in device.due(0))
    assert device.receive(second, 1) is Verdict.SETTLED
    assert device.receive(second, 1) is Verdict.STALE
    assert device.receive(first, 1) is Verdict.STALE
    assert not device.cloned


def restored(make_device, node) -> Device:
    """Four statements have their receipts; then the node has two of them; a fifth was measured."""
    device: Device = make_device(measured=4)
    for body in device.due(0):
        device.receive(node.take(body) or b"", 0)
    node.restore(device.enrolment.device, 1)
    device.measure([pack(4)])
    return device


def answered(device: Device, node: FakeNode, now_s: float) -> Verdict:
    return [device.receive(node.take(body) or b"", now_s) for body in device.due(now_s)][-1]


def test_what_a_restored_node_lost_is_declared_after_two_rounds_and_all_else_is_settled(make_device, node):
    device = restored(make_device, node)
    for now_s in (0, FIRST_WAIT_S, 3 * FIRST_WAIT_S):
        assert device.flash.undeclared() == ()
        assert answered(device, node, now_s) is Verdict.STALE
    assert device.flash.undeclared() == (Gap(2, 3, "receipted"),)
    assert answered(device, node, 3 * FIRST_WAIT_S) is Verdict.SETTLED
    assert (waiting(device), device.flash.undeclared()) == ([], ())
    (gap,) = (s for s in node.received if s.media_type == media.GAP)
    assert gap.gaps() == (Gap(2, 3, "receipted"),)


def test_it_is_declared_once_however_often_the_node_says_so(make_device, node):
    device = restored(make_device, node)
    old = node.receipt(device.enrolment.device)
    for now_s in (0, FIRST_WAIT_S, 3 * FIRST_WAIT_S):
        device.due(now_s)
        device.receive(old, now_s)
    for _ in range(3):
        device.due(4 * FIRST_WAIT_S)
        device.receive(old, 4 * FIRST_WAIT_S)
    kept = [parse_statement(each.body) for each in device.flash.next_to_send(10)]
    assert [s.counter for s in kept if s.media_type == media.GAP] == [5]


def test_an_older_receipt_that_comes_late_declares_nothing(make_device, node):
    device = restored(make_device, node)
    old = node.receipt(device.enrolment.device)
    device.due(0)
    for _ in range(3):
        assert device.receive(old, 1) is Verdict.STALE
    assert device.flash.undeclared() == ()


@pytest.mark.parametrize(
    "change",
    [{"sha256": bytes(32)}, {"device": "0" * 32}, {"counter": 2}, {"counter": 2**63}],
    ids=["other hash", "other device", "counter not used yet", "counter far ahead"],
)
def test_receipt_for_something_else_is_a_clone_and_nothing_is_forgotten(make_device, node, change):
    device = make_device(measured=2)
    genuine = [node.take(body) for body in device.due(0)][1]
    told = replace(open_receipt(device.enrolment.receipt_key, genuine), **change)
    verdict = device.receive(encode_receipt(device.enrolment.receipt_key, told), 1)
    assert verdict is Verdict.CLONE
    assert device.cloned
    assert waiting(device) == [0, 1]
    assert json.loads(device.status) == {"state": "clone", "boot": 1}


def test_clone_is_remembered_over_restarts_and_later_receipts_move_aside(make_device, node):
    device = make_device(measured=1)
    key = device.enrolment.receipt_key
    genuine = node.take(device.due(0)[0])
    device.receive(encode_receipt(key, replace(open_receipt(key, genuine), sha256=bytes(32))), 1)
    device.flash.close()
    again = make_device()
    assert again.cloned
    assert again.receive(genuine, 1) is Verdict.SETTLED
    assert [(counter, code) for counter, code, _ in again.flash.aside()] == [(0, "cloned")]


def test_copied_device_is_found_out_by_both_copies(tmp_path, make_device, node):
    device = make_device(measured=1)
    device.flash.close()
    (tmp_path / "flash").rename(tmp_path / "original")
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    original, copy = make_device("original"), make_device("copy")
    original.measure([pack(1)])
    copy.measure([pack(5)])
    receipt = [node.take(body) for body in original.due(0)][-1]
    assert original.receive(receipt, 1) is Verdict.SETTLED
    receipt = [node.take(body) for body in copy.due(0)][-1]
    assert copy.receive(receipt, 1) is Verdict.CLONE
    assert waiting(copy) == [0, 1]


def test_refused_statements_are_moved_aside_with_their_code(make_device, node):
    device = make_device(measured=3)
    node.refuse = {1: "not-installed"}
    bodies = device.due(0)
    receipt = [node.take(body) for body in bodies][-1]
    assert device.receive(receipt, 1) is Verdict.SETTLED
    assert device.flash.aside() == [(1, "not-installed", bodies[1])]
    assert waiting(device) == []


def test_only_a_window_is_under_way_and_receipts_open_it(make_device, node):
    device = make_device(measured=7)
    bodies = device.due(0)
    assert [parse_statement(body).counter for body in bodies] == [0, 1, 2, 3]
    assert device.due(1) == []
    node.take(bodies[0])
    device.receive(node.take(bodies[1]), 2)
    assert sent(device, 2) == [4, 5]


def test_silence_has_everything_under_way_sent_again_after_ever_longer_waits(make_device, node):
    device = make_device(measured=2)
    assert sent(device, 0) == [0, 1]
    assert sent(device, FIRST_WAIT_S - 0.1) == []
    now_s, wait_s = 0.0, FIRST_WAIT_S
    for _ in range(8):
        now_s += wait_s
        assert device.next_due_s == now_s
        bodies = device.due(now_s)
        assert len(bodies) == 2
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)
    assert device.resends == 8
    device.measure([pack(2)])
    device.receive(node.take(device.flash.next_to_send(1)[0].body), now_s)
    assert device.next_due_s == now_s + FIRST_WAIT_S


def test_nothing_under_way_is_never_overdue(make_device, node):
    device = make_device(measured=1)
    assert device.next_due_s == float("inf")
    device.receive(node.take(device.due(0)[0]), 1)
    assert device.next_due_s == float("inf")


def test_new_connection_has_everything_without_receipt_sent_again(make_device):
    device = make_device(measured=3)
    assert sent(device) == [0, 1, 2]
    assert sent(device, 1) == []
    device.connected(2)
    assert sent(device, 2) == [0, 1, 2]
    assert device.resends == 0


def test_full_flash_declares_a_gap_before_the_backlog_and_the_node_can_settle(make_device, node):
    device = make_device(capacity=8)
    device.measure([pack(i) for i in range(20)])
    bodies = device.due(0)
    gap = parse_statement(bodies[0])
    assert gap.media_type == media.GAP
    assert gap.gaps() == (Gap(0, 12, "flash-full"),)
    assert gap.counter == 20
    assert [parse_statement(body).counter for body in bodies[1:]] == [13, 14, 15]
    now_s = 0.0
    while bodies:
        for body in bodies:
            receipt = node.take(body)
            if receipt is not None:
                device.receive(receipt, now_s)
        bodies = device.due(now_s)
    assert waiting(device) == []
    assert device.flash.memory.settled == 20
    assert device.flash.undeclared() == ()


def test_receipt_for_a_statement_that_was_dropped_since_is_stale_not_a_clone(make_device, node):
    device = make_device(capacity=4, measured=4)
    receipt = node.take(device.due(0)[0])
    device.measure([pack(4)])
    assert device.receive(receipt, 1) is Verdict.STALE
    assert not device.cloned


def test_status_names_state_and_boot(make_device):
    assert json.loads(make_device().status) == {"state": "online", "boot": 1}


def answer(**changes: object) -> dict[str, object]:
    device = "ab" * 16
    return {
        "device": device,
        "uri": f"https://{NODE}/device/{device}",
        "node": NODE,
        "site": SITE,
        "receipt_key": "00" * 32,
    } | changes


def test_enrolment_is_read_from_its_file(tmp_path):
    path = tmp_path / "enrolled.json"
    path.write_text(json.dumps(answer()))
    enrolment = read_enrolment(path)
    assert (enrolment.device, enrolment.node, enrolment.site) == ("ab" * 16, NODE, SITE)
    assert enrolment.receipt_key == bytes(32)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps(answer(device="AB" * 16)),
        json.dumps(answer(uri=f"https://{NODE}/device/{'cd' * 16}")),
        json.dumps(answer(node="Not A Host")),
        json.dumps(answer(site="no/slash")),
        json.dumps(answer(receipt_key="00")),
        json.dumps(answer(receipt_key="zz" * 32)),
        json.dumps(answer(receipt_key=None)),
    ],
)
def test_file_that_is_no_enrolment_is_refused_by_name(tmp_path, text):
    path = tmp_path / "enrolled.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"enrolled\.json is not the answer"):
        read_enrolment(path)
