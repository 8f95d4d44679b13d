"""A fleet without a broker: when frames are due, what a device keeps, what is said of it all."""

from __future__ import annotations

import io
import json
import resource
import socket
import time
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest
from rich.console import Console

from firmware_sim.enrolment import Enrolment
from firmware_sim.fleet.connections import OTHER_FILES, Coming, Connections, allow_files
from firmware_sim.fleet.folder import (
    ENROLLED,
    FRAMES,
    REQUESTS,
    TRUTH,
    Fleet,
    Frames,
    read_enrolments,
    read_fleet,
    use_up,
)
from firmware_sim.fleet.member import Answered, Member, Signed
from firmware_sim.fleet.play import Now, Play, Shape
from firmware_sim.fleet.program import main, parser
from firmware_sim.fleet.schedule import Pace, schedule
from firmware_sim.fleet.signing import sign_fleet
from firmware_sim.fleet.view import board, closing, viewing
from firmware_sim.sender import FIRST_WAIT_S, LONGEST_WAIT_S, Verdict
from tests.support.broker import HOST
from tests.support.fakenode import NODE, SITE, FakeNode
from traceability.errors import ConflictError, FileError, SettingsError
from traceability.sensing.frame import NO_PREVIOUS, parse_statement
from traceability.sensing.receipt import Receipt, encode_receipt
from traceability.signing.keystatement import parse_key_statement

FLEET = Fleet(NODE, f"https://{NODE}/party/0123456789abcdef", 3, 4, 2, 2, 600_000, 1_764_000_000_000, 1)
NOW = Now(
    seconds=10.0,
    devices=3,
    frames=12,
    due=12,
    sent=14,
    acknowledged=13,
    received=9,
    refused={"not-installed": 1},
    waiting=3,
    resends=2,
    connected=2,
    dropped=1,
    failed=4,
    trouble="Not authorized",
    behind_s=2.25,
    worst_behind_s=3.5,
    p50_ms=41.0,
    p99_ms=802.0,
    clones=0,
    forged=0,
    forgotten=0,
)
BEFORE = replace(NOW, seconds=8.0, due=8, sent=9)


@pytest.fixture
def folder(tmp_path):
    sign_fleet(FLEET, tmp_path / "fleet")
    return tmp_path / "fleet"


@pytest.fixture
def frames(folder):
    opened = Frames(folder / FRAMES, FLEET)
    yield opened
    opened.close()


@pytest.fixture
def answered():
    return Answered()


@pytest.fixture
def member(frames, answered):
    said = parse_statement(frames.body(1, 0))
    told = Enrolment(said.device, said.issuer, NODE, SITE, FakeNode().key_of(said.device))
    return Member(Signed(frames, 1, answered), told)


def answer_to(request):
    asked = parse_key_statement(request)
    told = {"device": asked.key.device_id, "uri": asked.subject, "node": NODE, "site": SITE}
    return json.dumps(told | {"receipt_key": bytes(32).hex()})


def test_the_frames_of_every_device_are_chained_and_their_truth_is_written(folder, frames):
    rows = [json.loads(line) for line in (folder / TRUTH).read_text("utf-8").splitlines()]
    assert len(rows) == FLEET.devices * FLEET.frames
    for place in range(FLEET.devices):
        prev = NO_PREVIOUS
        for counter in range(FLEET.frames):
            said, row = parse_statement(frames.body(place, counter)), rows[counter * FLEET.devices + place]
            assert (said.counter, said.prev, said.sha256.hex()) == (counter, prev, row["sha256"])
            assert [reading.value for reading in said.readings()] == row["measured"]["air"]
            assert said.device == row["device"]
            prev = said.sha256


def test_a_fleet_is_signed_once_and_played_once(folder):
    with pytest.raises(FileError):
        sign_fleet(FLEET, folder)
    use_up(folder)
    with pytest.raises(ConflictError, match="used up"):
        use_up(folder)


def test_answers_to_other_requests_are_refused(folder):
    assert read_fleet(folder) == FLEET
    with pytest.raises(SettingsError, match="enrolled"):
        read_enrolments(folder, FLEET)
    (folder / ENROLLED).write_text("{}\n", "utf-8")
    with pytest.raises(SettingsError):
        read_enrolments(folder, FLEET)
    answers = [answer_to(line) for line in (folder / REQUESTS).read_bytes().splitlines()]
    (folder / ENROLLED).write_text("\n".join(answers), "utf-8")
    assert len(read_enrolments(folder, FLEET)) == FLEET.devices
    for wrong in (answers[:2], answers[::-1]):
        (folder / ENROLLED).write_text("\n".join(wrong), "utf-8")
        with pytest.raises(SettingsError, match="other requests"):
            read_enrolments(folder, FLEET)


def test_a_frame_too_few_is_noticed(folder):
    path = folder / FRAMES
    with pytest.raises(SettingsError, match="does not hold"):
        Frames(path, replace(FLEET, frames=5))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SettingsError, match="does not hold"):
        Frames(path, FLEET)
    path.write_bytes(b"")
    with pytest.raises(SettingsError, match="holds no frames"):
        Frames(path, FLEET)


@pytest.mark.parametrize("jitter_s", [0.0, 3.0])
def test_every_device_comes_as_often_and_the_rate_rises_evenly(jitter_s):
    due = list(schedule(Pace(10, ramp_s=4, jitter_s=jitter_s), 5, 20))
    assert sorted(place for _, place in due) == sorted(list(range(5)) * 20)
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(due))
    for until_s, count in ((2, 5), (4, 20), (6, 40)):
        come = sum(at_s < until_s - 1e-9 for at_s, _ in due)
        assert count - 10 * jitter_s <= come <= count + 1
    assert due == list(schedule(Pace(10, ramp_s=4, jitter_s=jitter_s), 5, 20))


def test_a_burst_brings_all_of_its_time_at_its_end():
    due = list(schedule(Pace(10, burst_s=2), 5, 20))
    assert {at_s for at_s, _ in due} == {0.0, 2.0, 4.0, 6.0, 8.0, 10.0}


def test_a_device_forgets_only_on_a_receipt_with_its_own_hash(member, frames, answered):
    node = FakeNode()
    for due_ms in (100, 200, 300):
        member.flash.measure(due_ms)
    bodies = member.due(0.0)
    assert bodies == [frames.body(1, counter) for counter in range(3)]
    receipt = node.take(bodies[0])
    other = Receipt(member.enrolment.device, 1, 1, sha256(b"another").digest())
    assert member.receive(encode_receipt(member.enrolment.receipt_key, other), 1.0, 1000) is Verdict.CLONE
    assert member.receive(b"noise", 1.0, 1000) is Verdict.FORGED
    assert answered.took_ms == []
    assert member.receive(receipt, 1.0, 1000) is Verdict.SETTLED
    assert answered.took_ms == [900]
    assert member.due(1.0 + FIRST_WAIT_S) == bodies[1:]


def test_what_a_node_refused_is_counted_and_what_it_lost_is_sent_again(member, frames, answered):
    node = FakeNode()
    node.refuse = {1: "not-installed"}
    for due_ms in range(4):
        member.flash.measure(due_ms)
    receipts = [node.take(body) for body in member.due(0.0)[:3]]
    assert member.receive(receipts[-1], 1.0, 10) is Verdict.SETTLED
    assert answered.refused == {"not-installed": 1}
    node.restore(member.enrolment.device, 0)
    for round_s in range(1, 4):
        member.due(1.0 + round_s * LONGEST_WAIT_S)
    assert member.receive(node.receipt(member.enrolment.device), 2000.0, 20) is Verdict.STALE
    assert answered.forgotten == 2
    member.connected(2000.0)
    assert member.due(2000.0) == [frames.body(1, counter) for counter in (1, 2, 3)]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_every_figure_in_its_width(columns):
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=True, color_system=None)
    console.print(board(NOW, BEFORE))
    shown = out.getvalue()
    for words in (
        "sent",
        "2.5",
        "acknowledged",
        "received",
        "waiting",
        "dropped",
        "2 of 3 are up",
        "OVERLOADED",
    ):
        assert words in shown
    assert max(map(len, shown.splitlines())) <= columns
    assert "…" not in shown


def test_at_a_terminal_one_table_stays_and_its_rates_are_of_the_last_five_seconds():
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, color_system=None)
    with viewing(console) as view:
        assert view.every_s < 1
        for second in range(20):
            view.show(replace(NOW, seconds=float(second) / 2, sent=5 * second + 100 * max(second - 9, 0)))
    last = out.getvalue().rpartition("a second")[2]
    (sent,) = (line.split() for line in last.splitlines() if line.startswith("sent"))
    assert sent[1:3] == ["1,095", "210.0"]
    assert out.getvalue().count("OVERLOADED") >= 20


def test_without_a_terminal_there_are_plain_lines():
    out = io.StringIO()
    with viewing(Console(file=out, width=40)) as view:
        view.show(NOW)
    (line,) = out.getvalue().splitlines()
    assert line == (
        "10 s: 12 due, 14 sent, 13 acknowledged, 9 received, 3 waiting, 1 refused, "
        "2 of 3 connected, 1 dropped, behind by 2.2 s: OVERLOADED"
    )


def test_the_end_says_what_is_missing_and_whose_figures_they_are():
    said = "\n".join(closing(NOW))
    assert "behind its schedule by up to 3.5 s" in said
    assert "3 frames have no receipt" in said
    assert "4 attempts to connect failed, the last of them: Not authorized" in said
    well = replace(NOW, received=12, waiting=0, behind_s=0.0, worst_behind_s=0.1, refused={}, failed=0)
    assert closing(well) == ["received: half in 41 ms, 99 % in 802 ms after they were due"]


def told(number):
    device = f"{number:032x}"
    return Enrolment(device, f"https://{NODE}/device/{device}", NODE, SITE, bytes(32))


@pytest.fixture
def closed_port():
    """Bound, so that nobody else gets it, and refusing connections."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]


class Watched(Connections):
    """Connections that tell after what waits they would be opened again."""

    waits: list[float]

    def open_later(self, place, wait_s):
        self.waits.append(wait_s)
        super().open_later(place, wait_s)


def test_devices_come_at_a_rate_and_lost_together_they_do_not_come_back_together(closed_port):
    now_s = [100.0]
    coming = Coming(f"mqtt://{HOST}:{closed_port}", rate=10, back_s=1.0, seed=1)
    fleet = Watched(coming, [told(n) for n in range(20)], print, print, clock_s=lambda: now_s[0])
    fleet.waits = []
    for at_s, come in ((100.0, 1), (100.05, 1), (100.25, 3)):
        now_s[0] = at_s
        fleet.turn(0.0)
        assert fleet.traffic.failed == come
    now_s[0] = 150.0
    assert fleet.behind_s(now_s[0]) == pytest.approx(150 - 100.3)
    assert "refused" in fleet.traffic.trouble
    fresh = Watched(coming, [told(n) for n in range(20)], print, print, clock_s=lambda: now_s[0])
    for least_s, most_s in ((0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (30, 60), (30, 60)):
        now_s[0] += 60
        fresh.waits = []
        fresh.turn(0.0)
        assert least_s <= min(fresh.waits) < max(fresh.waits) <= most_s
        assert len({round(wait, 3) for wait in fresh.waits}) > 15
    assert fresh.traffic.failed == 8 * 20
    fleet.close()
    fresh.close()


def test_a_program_that_cannot_keep_up_says_by_how_much_and_makes_up_for_it(frames, closed_port):
    now_s = [100.0]
    coming = Coming(f"mqtt://{HOST}:{closed_port}", rate=1000, back_s=60, seed=1)
    told_all = [told(n) for n in range(FLEET.devices)]
    play = Play(FLEET, frames, told_all, Shape(coming, Pace(10)), clock_s=lambda: now_s[0])
    for later_s in (0.01, 0.01, 0.0, 0.1):
        now_s[0] += later_s
        play.turn()
    before = play.now()
    now_s[0] += 7
    play.turn()
    late = play.now()
    play.turn()
    after = play.now()
    play.close()
    assert before.due < 3
    assert before.worst_behind_s < 0.5
    assert late.due == FLEET.devices * FLEET.frames
    assert late.behind_s == late.worst_behind_s == pytest.approx(7, abs=0.2)
    assert (after.behind_s, after.worst_behind_s) == (0.0, late.behind_s)
    assert (after.waiting, after.connected, after.failed) == (12, 0, 3)


def test_a_process_is_allowed_the_files_it_needs_or_says_what_to_do():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allow_files(100)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (256, hard)
        allow_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
        with pytest.raises(SettingsError, match="open files") as refused:
            allow_files(hard)
        assert f"LimitNOFILE={hard + OTHER_FILES}" in refused.value.remedy()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_command_line_signs_a_fleet_that_ends_now(tmp_path, capsys):
    words = ("--node", NODE, "--owner", FLEET.owner, "--devices", "2", "--frames", "3", "--interval", "60")
    assert main(["sign", str(tmp_path / "fleet"), *words], lambda: False) == 0
    assert "6 frames of 2 devices" in capsys.readouterr().out
    fleet = read_fleet(tmp_path / "fleet")
    assert abs(fleet.begins_ms + 3 * 60_000 - 1000 * time.time()) < 60_000
    with pytest.raises(SettingsError, match="--owner"):
        main(["sign", str(tmp_path / "other"), "--node", NODE, "--owner", "me"], lambda: False)


@pytest.mark.parametrize("words", [("--rate", "0"), ("--rate", "nan"), ("--connect", "0"), ("--storm", "-1")])
def test_numbers_that_mean_nothing_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(["play", "fleet", *words])
    assert words[0] in capsys.readouterr().err
