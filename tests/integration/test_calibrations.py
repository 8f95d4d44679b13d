"""Calibration certificates: deposited by a device's owner, and worth nothing for anything else."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from datetime import date, timedelta
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.watchman import watchman_of
from tests.support.telling import mail_server
from tests.support.world import MINUTE_MS, Probe, World
from traceability import media
from traceability.__main__ import main
from traceability.errors import ConflictError, EncodingError, StatementError, UnknownSubjectError
from traceability.identifiers import party_deposits
from traceability.operations.alarms import ENDED, RAISED, Shown, acknowledge, list_alarms, look
from traceability.operations.audit import audit
from traceability.operations.calibrations import (
    MEDIA_TYPE,
    Calibrated,
    Standing,
    add_certificate,
    day_of,
    describe_certificate,
    list_devices,
)
from traceability.operations.deposit import deposit
from traceability.operations.overdue import DUE, OVER, Overdue
from traceability.operations.watching import Watch
from traceability.sensing.calibration import (
    Certificate,
    Lack,
    Uncertified,
    parse_certificate,
    read_typed,
    uncertified,
)
from traceability.sensing.senml import Reading
from traceability.settings import GatewaySettings, load
from traceability.store import models

TODAY = date(2026, 1, 1)
DAY = 24 * 60
POINT = {"unit": "Cel", "reference": "0.0", "indicated": "0.12", "uncertainty": 0.05}


def typed(device: str, /, **changes: Any) -> dict[str, Any]:
    told = {
        "device": device,
        "number": "K-2025-17",
        "laboratory": "Yunnan Metrology",
        "accreditation": "CNAS L0000",
        "calibrated": "2025-06-01",
        "validUntil": "2026-06-01",
        "points": [POINT],
    }
    return {name: value for name, value in (told | changes).items() if value is not None}


def certificate(probe: Probe, until: date = date(2026, 6, 1), since: date = date(2025, 6, 1)) -> Certificate:
    return read_typed(typed(probe.device, calibrated=since.isoformat(), validUntil=until.isoformat()))


def add(world: World, probe: Probe, made: Certificate, **options: Any) -> None:
    add_certificate(world.store, world.node, probe.device, made, **options)


def standing(world: World, probe: Probe) -> Calibrated:
    with world.store.reading() as connection:
        found = list_devices(connection, world.node, world.now_ms)
        return next(each for each in found if each.device == probe.device)


def watching(world: World) -> Watch:
    return Watch(also=(Overdue(world.node),))


def changes(world: World, watch: Watch) -> set[tuple[str, str]]:
    """What was raised and ended of calibration alone: nobody measures here."""
    made = [(change.event, change.alarm.kind) for change in look(world.store, watch, ())]
    return {change for change in made if change[1] != "silence"}


def alarms(world: World) -> list[Shown]:
    with world.store.reading() as connection:
        return [alarm for alarm in list_alarms(connection) if alarm.kind != "silence"]


def file_of(world: World, made: Certificate) -> Path:
    sha256 = hashlib.sha256(made.encode()).hexdigest()
    return world.node.folder / "documents" / sha256[:2] / sha256


def test_a_device_stands_as_its_farthest_certificate_says(world: World):
    farm = world.party("Farm")
    probe, other = world.device(farm), world.device(farm)
    world.install(farm, probe, world.asset("ROOM1"))
    assert standing(world, probe).standing is Standing.NONE
    for days, word in ((-1, Standing.EXPIRED), (0, Standing.DUE), (30, Standing.DUE), (31, Standing.VALID)):
        made = certificate(probe, TODAY + timedelta(days=days))
        add(world, probe, made)
        assert (standing(world, probe).standing, standing(world, probe).certificate) == (word, made)
    add(world, probe, certificate(probe, TODAY))
    assert standing(world, probe).standing is Standing.VALID, "an older one changes nothing"
    assert standing(world, probe).place == world.asset("ROOM1")
    assert standing(world, other).standing is Standing.NONE
    world.publish()
    assert audit(world.store, world.node).lines()[:-1] == []


def test_the_laboratorys_document_is_kept_beside_it_by_its_hash(lone: World):
    probe, paper = lone.device(lone.party("Farm")), b"%PDF-1.7"
    made = replace(certificate(probe), file=hashlib.sha256(paper).hexdigest())
    with pytest.raises(ConflictError, match="another file"):
        add(lone, probe, made, file=("k.pdf", paper + b" "))
    assert standing(lone, probe).standing is Standing.NONE
    add(lone, probe, made, file=("k.pdf", paper))
    assert standing(lone, probe).certificate == made
    assert parse_certificate(made.encode()) == made


def test_a_certificate_for_another_device_or_of_tomorrow_is_refused(lone: World):
    farm = lone.party("Farm")
    probe, other = lone.device(farm), lone.device(farm)
    with pytest.raises(ConflictError, match="not for"):
        add(lone, probe, certificate(other))
    with pytest.raises(ConflictError, match="has not come"):
        add(lone, probe, read_typed(typed(probe.device, calibrated="2026-01-02")))
    with pytest.raises(UnknownSubjectError):
        add(lone, replace(probe, uri=probe.uri[:-32] + "0" * 32), certificate(probe))
    assert standing(lone, probe).standing is Standing.NONE


def test_a_certificate_that_was_altered_after_it_was_signed_counts_for_nothing(lone: World):
    probe = lone.device(lone.party("Farm"))
    made = certificate(probe)
    add(lone, probe, made)
    path = file_of(lone, made)
    path.write_bytes(replace(made, valid_until=date(2030, 1, 1)).encode())
    found = standing(lone, probe)
    assert (found.standing, found.unusable) == (Standing.NONE, 1)
    path.unlink()
    assert standing(lone, probe).unusable == 1


def test_what_another_party_deposits_about_a_device_says_nothing_of_it(lone: World):
    probe, stranger = lone.device(lone.party("Farm")), lone.party("Stranger")
    made = certificate(probe)
    notice = describe_certificate(lone.node, stranger, made)
    assert notice.media_type == MEDIA_TYPE
    deposit(lone.store, lone.node, stranger, made.encode(), notice)
    assert standing(lone, probe).standing is Standing.NONE
    theirs = replace(notice, subject=party_deposits(lone.node.name, lone.party("Third")))
    with pytest.raises(ConflictError):
        deposit(lone.store, lone.node, stranger, made.encode(), theirs)


def test_the_end_of_a_certificate_is_said_once_before_and_once_after_until_a_newer_is_deposited(world: World):
    farm, room = world.party("Farm"), world.asset("ROOM1")
    probe, bare, idle = (world.device(farm) for _ in range(3))
    world.install(farm, probe, room)
    world.install(farm, bare, room)
    watch = watching(world)
    assert changes(world, watch) == set(), "none of them ever had one"
    for each in (probe, idle):
        add(world, each, certificate(each, TODAY + timedelta(days=31)))
    assert changes(world, watch) == set()
    world.wait(minutes=DAY)
    assert changes(world, watch) == {(RAISED, DUE)}
    assert changes(world, watch) == changes(world, watching(world)) == set()
    (due,) = alarms(world)
    assert (due.device, due.stream, due.began_ms) == (probe.device, room, world.now_ms - 1000)
    assert due.detail == {"certificate": "K-2025-17", "valid_until": "2026-02-01"}
    assert acknowledge(world.store, due.id, "Li Wei", "sent to the laboratory").acknowledged_by == "Li Wei"
    world.wait(minutes=31 * DAY)
    assert changes(world, watch) == {(ENDED, DUE), (RAISED, OVER)}
    assert alarms(world)[0].began_ms == world.now_ms - 1000
    add(world, probe, certificate(probe, TODAY))
    assert changes(world, watch) == set(), "an older one ends nothing"
    add(world, probe, certificate(probe, TODAY + timedelta(days=365)))
    assert changes(world, watch) == {(ENDED, OVER)}
    assert alarms(world) == []


def test_a_certificate_that_cannot_be_read_any_more_raises_and_ends_nothing_but_by_its_return(lone: World):
    farm = lone.party("Farm")
    probe, bare = lone.device(farm), lone.device(farm)
    for each in (probe, bare):
        lone.install(farm, each, lone.asset("ROOM1"))
    made, watch = certificate(probe, TODAY + timedelta(days=9)), watching(lone)
    add(lone, probe, made)
    assert changes(lone, watch) == {(RAISED, DUE)}
    file_of(lone, made).unlink()
    lone.wait(minutes=60)
    assert changes(lone, watch) == {(ENDED, DUE), (RAISED, OVER)}
    assert [(alarm.device, alarm.detail) for alarm in alarms(lone)] == [(probe.device, {"unreadable": 1})]
    body = models.Statement.body
    with lone.store.transaction() as tx:
        spoilt = select(models.Record.statement).where(models.Record.media_type == media.NOTICE)
        tx.connection.execute(
            update(models.Statement).where(models.Statement.sha256.in_(spoilt)).values({body: b"x"})
        )
    assert changes(lone, watching(lone)) == set(), "what cannot be looked at goes on"
    file_of(lone, made).write_bytes(made.encode())
    assert changes(lone, watch) == {(ENDED, OVER), (RAISED, DUE)}


def test_the_watchman_of_a_gateway_writes_of_calibration_in_both_languages(lone: World):
    farm = lone.party("Farm")
    probe = lone.device(farm)
    lone.install(farm, probe, lone.asset("ROOM1"))
    add(lone, probe, certificate(probe, TODAY))
    with mail_server() as taker:
        given = {"FT_SMTP_URL": taker.url, "FT_MAIL_FROM": "a@b", "FT_MAIL_TO": "c@d"}
        watchman = watchman_of(lone.store, lone.node, load(GatewaySettings, given))
        watchman.turn()
        lone.wait(minutes=DAY)
        watchman.turn()
    texts = [message_from_string(mail).get_payload(decode=True) for mail in taker.mails]
    told = b"".join(text for text in texts if isinstance(text, bytes)).decode()
    for line in (
        "calibration due / 校准即将到期",
        "calibration expired / 校准已过期",
        "over: calibration due",
    ):
        assert line in told


def test_readings_say_who_measured_them_without_a_valid_certificate_then(lone: World, monkeypatch, capsys):
    monkeypatch.setenv("FT_DATA", str(lone.node.folder))
    monkeypatch.setenv("FT_DATABASE_URL", lone.store.url)
    farm, room = lone.party("Farm"), lone.asset("ROOM1")
    probe, bare, door = (lone.device(farm) for _ in range(3))
    lone.now[0] = int(time.time() * 1000) - 4 * DAY * MINUTE_MS
    for each in (probe, bare, door):
        lone.install(farm, each, room)
    lone.take(door, door.frame([Reading("door", "/", lone.now_ms, 1)]))
    days = []
    for _ in range(4):
        days.append(day_of(lone.now_ms))
        lone.measure(probe, 4.0)
        lone.wait(minutes=DAY)
    lone.measure(bare, 4.0)
    add(lone, probe, certificate(probe, days[2], days[1]))
    words = ("readings", "ROOM1", "--by", "day", "--last", "10")
    assert main([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["uncalibrated"]
    assert sorted((each["device"], each["lack"], each["first"]) for each in said) == sorted(
        [
            (probe.device, "not yet valid", days[0].isoformat()),
            (probe.device, "expired", days[3].isoformat()),
            (bare.device, "none", day_of(lone.now_ms).isoformat()),
        ]
    )
    assert main([*words]) == 0
    line = f"{probe.device} measured without a valid calibration certificate on {days[3]}: expired"
    assert line in capsys.readouterr().out.splitlines()
    add(lone, probe, certificate(probe, days[3], days[3]))
    assert main([*words]) == 0
    assert line not in capsys.readouterr().out.splitlines(), "a later certificate holds for its own days"


def test_days_without_a_certificate_are_told_apart_by_why():
    probe = "0" * 32
    first, second = (
        read_typed(typed(probe, calibrated=f"2026-01-{a:02}", validUntil=f"2026-01-{b:02}"))
        for a, b in ((3, 5), (8, 9))
    )
    days = [date(2026, 1, day) for day in (12, *range(1, 11))]
    assert uncertified([second, first], days) == [
        Uncertified(Lack.EARLY, date(2026, 1, 1), date(2026, 1, 2)),
        Uncertified(Lack.EXPIRED, date(2026, 1, 6), date(2026, 1, 7)),
        Uncertified(Lack.EXPIRED, date(2026, 1, 10), date(2026, 1, 12)),
    ]
    assert uncertified([], days[:2]) == [Uncertified(Lack.NONE, date(2026, 1, 1), date(2026, 1, 12))]
    assert uncertified([first], []) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"validUntil": "2025-05-31"},
        {"validUntil": None},
        {"calibrated": "yesterday"},
        {"device": "x"},
        {"number": ""},
        {"number": "a\nb"},
        {"more": 1},
        {"points": []},
        {"points": [POINT | {"unit": "K"}]},
        {"points": [POINT | {"uncertainty": 0}]},
        {"points": [POINT | {"reference": "0.0001"}]},
        {"file": "0"},
    ],
)
def test_what_is_no_certificate_is_refused_before_anything_is_signed(changes: dict[str, Any]):
    with pytest.raises(StatementError) as refused:
        read_typed(typed("0" * 32, **changes))
    assert refused.value.remedy()


def test_a_deposited_certificate_has_one_form():
    made = read_typed(typed("0" * 32))
    assert parse_certificate(made.encode()) == made
    loose = json.dumps(json.loads(made.encode()), indent=1).encode()
    for data in (loose, b"{}", b"[]", made.encode().replace(b'"Cel"', b'"K"')):
        with pytest.raises((StatementError, EncodingError)):
            parse_certificate(data)
