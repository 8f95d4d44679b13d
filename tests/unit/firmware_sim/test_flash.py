"""The flash: what is in it after a crash at any moment, and when it is full."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat

import pytest

from firmware_sim.flash import Flash, Memory
from traceability.errors import ConflictError, SettingsError
from traceability.sensing.frame import NO_PREVIOUS, Gap
from traceability.signing.keys import PrivateKey

BODIES = [f"statement {i}".encode() for i in range(20)]


def digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


@pytest.fixture
def flash(tmp_path):
    opened = Flash(tmp_path / "flash", capacity=8)
    yield opened
    opened.close()


def reopened(flash: Flash) -> Flash:
    flash.close()
    return Flash(flash.folder, capacity=flash.capacity)


def counters(flash: Flash) -> list[int]:
    return [kept.counter for kept in flash.next_to_send(100)]


def test_new_flash_has_a_random_key_that_only_its_user_can_read(tmp_path):
    first, second = Flash(tmp_path / "a"), Flash(tmp_path / "b")
    try:
        assert first.key.seed != second.key.seed
        for flash in (first, second):
            assert stat.S_IMODE((flash.folder / "key").stat().st_mode) == 0o600
            assert stat.S_IMODE(flash.folder.stat().st_mode) == 0o700
            assert flash.memory == Memory(prev=NO_PREVIOUS)
    finally:
        first.close()
        second.close()


def test_everything_is_there_again_after_a_restart(flash):
    flash.start(1000)
    flash.append(BODIES[:5], measured_ms=9000)
    flash.settle(1, digest(BODIES[1]), [(0, "clock-ahead")], b"\x11" * 32, 9001)
    flash.report_clone()
    again = reopened(flash)
    try:
        assert again.memory == flash.memory
        told = (1, digest(BODIES[1]), True, b"\x11" * 32, 9001)
        assert again.memory == Memory(5, 1, digest(BODIES[4]), 1000, 9000, *told)
        assert counters(again) == [2, 3, 4]
        assert again.aside() == [(0, "clock-ahead", BODIES[0])]
        assert again.key == flash.key
    finally:
        again.close()


def test_second_process_is_refused_while_the_first_has_the_flash(flash):
    with pytest.raises(ConflictError, match="another process"):
        Flash(flash.folder)


def test_key_that_others_can_read_is_refused(flash):
    flash.close()
    (flash.folder / "key").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        Flash(flash.folder)


def test_used_flash_without_its_key_is_refused_rather_than_given_a_new_one(flash):
    flash.start(1)
    flash.close()
    (flash.folder / "key").unlink()
    with pytest.raises(SettingsError, match="is missing"):
        Flash(flash.folder)


def test_crash_while_the_key_was_written_leaves_none(tmp_path):
    (tmp_path / "key.new").write_bytes(b"half")
    flash = Flash(tmp_path, key=PrivateKey.from_seed(bytes(32)))
    assert (tmp_path / "key").read_bytes() == bytes(32)
    flash.close()


def test_failed_write_changes_nothing_in_memory_or_on_disk(flash):
    flash.append(BODIES[:2], measured_ms=5)
    before = flash.memory
    flash._db.execute("INSERT INTO waiting VALUES (3, x'', 0, x'')")  # the second new row will collide
    with pytest.raises(sqlite3.IntegrityError):
        flash.append(BODIES[2:4], measured_ms=6)
    flash._db.execute("DELETE FROM waiting WHERE counter = 3")
    assert flash.memory == before
    assert counters(flash) == [0, 1]
    again = reopened(flash)
    assert again.memory == before
    again.close()


def test_full_flash_drops_the_oldest_and_remembers_their_counters(flash):
    flash.append(BODIES[:6], measured_ms=1)
    flash.append(BODIES[6:11], measured_ms=2)
    assert counters(flash) == list(range(3, 11))
    assert flash.undeclared() == (Gap(0, 2, "flash-full"),)


def test_gap_is_sent_first_and_its_counters_are_declared_until_it_is_settled(flash):
    flash.append(BODIES[:10], measured_ms=1)
    flash.make_room()
    assert flash.undeclared() == (Gap(0, 2, "flash-full"),)
    flash.append_gap(b"gap")
    assert flash.undeclared() == ()
    assert counters(flash) == [10, 3, 4, 5, 6, 7, 8, 9]
    flash.settle(10, digest(b"gap"), [])
    assert flash._db.execute("SELECT count(*) FROM dropped").fetchone() == (0,)


def test_gap_that_is_itself_dropped_leaves_its_counters_undeclared_again(flash):
    flash.append(BODIES[:10], measured_ms=1)
    flash.make_room()
    flash.append_gap(b"gap")
    flash.append(BODIES[11:19], measured_ms=2)
    assert flash.undeclared() == (Gap(0, 10, "flash-full"),)


def test_refused_statements_are_moved_aside_and_at_most_a_flash_full_of_them(flash):
    flash.append(BODIES[:8], measured_ms=1)
    flash.settle(7, digest(BODIES[7]), [(i, "not-installed") for i in range(6)])
    flash.append(BODIES[8:16], measured_ms=1)
    flash.settle(15, digest(BODIES[15]), [(i, "clock-ahead") for i in range(8, 14)])
    assert [(c, code) for c, code, _ in flash.aside()] == [
        *((i, "not-installed") for i in (4, 5)),
        *((i, "clock-ahead") for i in range(8, 14)),
    ]
    assert flash.waiting() == 0


def test_after_a_clone_was_seen_nothing_is_forgotten(flash):
    flash.append(BODIES[:3], measured_ms=1)
    flash.report_clone()
    flash.settle(1, digest(BODIES[1]), [(0, "clock-ahead")])
    assert flash.aside() == [(0, "clock-ahead", BODIES[0]), (1, "cloned", BODIES[1])]
    assert counters(flash) == [2]


def test_hash_is_known_for_what_waits_and_for_what_was_settled_last(flash):
    flash.append(BODIES[:4], measured_ms=1)
    flash.settle(1, digest(BODIES[1]), [])
    assert [flash.sha256_at(i) for i in range(5)] == [
        None,
        digest(BODIES[1]),
        digest(BODIES[2]),
        digest(BODIES[3]),
        None,
    ]


def test_power_cut_before_any_step_leaves_a_whole_flash_and_never_repeats_a_counter(tmp_path):
    """The folder is copied before every single statement to the database, and each copy opened."""
    flash = Flash(tmp_path / "flash", capacity=4)
    shown: dict[int, bytes] = {}
    copies: list[dict[int, bytes]] = []

    def cut(_sql: str) -> None:
        shutil.copytree(flash.folder, tmp_path / f"copy-{len(copies)}")
        copies.append(dict(shown))

    flash._db.set_trace_callback(cut)
    flash.start(1)
    for first in (0, 3, 6):
        flash.append(BODIES[first : first + 3], measured_ms=first)
        shown |= {kept.counter: kept.body for kept in flash.next_to_send(10)}
    flash.make_room()
    flash.append_gap(b"gap")
    shown |= {kept.counter: kept.body for kept in flash.next_to_send(10)}
    flash.settle(7, digest(BODIES[7]), [(7, "clock-ahead")])
    flash.report_clone()
    flash.close()
    assert len(copies) > 40
    for number, seen in enumerate(copies):
        check_whole(tmp_path / f"copy-{number}", seen)


def check_whole(folder, seen: dict[int, bytes]) -> None:
    copy = Flash(folder, capacity=4)
    kept = {k.counter: k.body for k in copy.next_to_send(100)}
    aside = {counter: body for counter, _, body in copy.aside()}
    dropped = {
        c
        for first, last in copy._db.execute("SELECT first, last FROM dropped")
        for c in range(first, last + 1)
    }
    assert all(counter < copy.memory.counter for counter in seen)
    unsettled = set(range(copy.memory.settled + 1, copy.memory.counter))
    assert unsettled == {c for c in {*kept, *aside, *dropped} if c > copy.memory.settled}
    assert len(kept) <= 4
    last = {**kept, **aside}.get(copy.memory.counter - 1)
    assert copy.memory.prev == (NO_PREVIOUS if last is None else digest(last))
    assert all(kept[c] == body for c, body in seen.items() if c in kept)
    copy.close()


def test_what_does_not_read_as_it_was_written_is_dropped_at_a_start_and_declared_as_corrupt(flash):
    flash.start(1000)
    flash.append(BODIES[:5], measured_ms=9000)
    flash.close()
    with sqlite3.connect(flash.folder / "flash.sqlite") as worn:
        worn.execute("UPDATE waiting SET body = ? WHERE counter IN (2, 3)", (b"worn",))
    worn.close()
    again = Flash(flash.folder, capacity=3)
    try:
        again.start(2000)
        assert counters(again) == [0, 1, 4]
        assert again.memory.counter == 5, "no counter is used twice"
        assert again.undeclared() == (Gap(2, 3, "corrupt"),)
        again.append(BODIES[5:8], measured_ms=9500)
        assert again.undeclared() == (Gap(0, 1, "flash-full"), Gap(2, 3, "corrupt"), Gap(4, 4, "flash-full"))
        again.append_gap(b"gap")
        assert again.undeclared() == ()
        again.settle(8, digest(b"gap"), [])
        assert again.memory.settled == 8
    finally:
        again.close()


def test_counters_reserved_by_the_block_are_skipped_at_a_start_and_declared(tmp_path):
    first = Flash(tmp_path / "blocks", block=4)
    first.start(1000)
    first.append(BODIES[:6], measured_ms=9000)
    first.close()
    second = Flash(tmp_path / "blocks", block=4)
    try:
        assert second.memory.counter == 6
        second.start(2000)
        assert (second.memory.counter, second.undeclared()) == (8, (Gap(6, 7, "corrupt"),))
        second.append(BODIES[6:7], measured_ms=9500)
        assert counters(second) == [0, 1, 2, 3, 4, 5, 8]
    finally:
        second.close()
    third = Flash(tmp_path / "blocks", block=4)
    try:
        third.start(3000)
        assert third.undeclared() == (Gap(6, 7, "corrupt"), Gap(9, 11, "corrupt"))
    finally:
        third.close()
