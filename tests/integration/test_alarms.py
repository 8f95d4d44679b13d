"""Alarms from the first reading that is too warm to the word that somebody gets, once, whatever happens."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from email import message_from_string

import pytest
from sqlalchemy import select

from gateway.watchman import Watchman
from tests.support.telling import Taker, http_server, mail_server
from tests.support.world import LIMITS, MINUTE_MS, Probe, World, make_world
from traceability.__main__ import main
from traceability.errors import (
    ConflictError,
    SettingsError,
    StatementError,
    UnknownSubjectError,
    UnreachableError,
)
from traceability.operations import webhook as webhooks
from traceability.operations.alarmletters import ALARMS, alarm_letter
from traceability.operations.alarms import Shown, acknowledge, list_alarms, look
from traceability.operations.mail import Mail
from traceability.operations.outbox import FIRST_DELAY_MS, deliver
from traceability.operations.senders import senders_of
from traceability.operations.watching import Watch
from traceability.operations.webhook import Webhook
from traceability.sensing.frame import Gap
from traceability.sensing.rollup import CELL_MS
from traceability.sensing.senml import Reading
from traceability.settings import GatewaySettings, load
from traceability.store.alarms import Delivery

SECRET = "sixteen letters!"


@pytest.fixture
def watched(tmp_path, database_url) -> Iterator[tuple[World, Probe]]:
    """A batch of 0 to 5 degrees in a room with one device."""
    world = make_world(tmp_path / "node", database_url)
    yield world, _room(world)
    world.store.close()


@pytest.fixture
def lite(tmp_path) -> Iterator[tuple[World, Probe]]:
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'node.sqlite'}")
    yield world, _room(world)
    world.store.close()


def _room(world: World) -> Probe:
    farm, room = world.party("Farm"), world.asset("ROOM1")
    probe = world.device(farm)
    world.install(farm, probe, room)
    world.wait(minutes=1)
    batch = world.harvest(farm, "L1")
    world.event("store", farm, batch, asset=room)
    return probe


def measured(world: World, probe: Probe, *values: float, name: str = "air", unit: str = "Cel") -> None:
    """One reading every five minutes."""
    for value in values:
        world.wait(minutes=5)
        world.take(probe, probe.frame([Reading(name, unit, world.now_ms, value)]))


def changes(world: World, watch: Watch, by: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(change.event, change.alarm.kind) for change in look(world.store, watch, by)]


def open_alarms(world: World) -> list[Shown]:
    with world.store.reading() as connection:
        return list_alarms(connection)


def test_a_room_that_is_too_warm_is_said_once_and_ends_when_it_is_back_by_the_hysteresis(watched):
    world, probe = watched
    watch = Watch()
    measured(world, probe, 4, 6, 6)
    assert changes(world, watch) == [], "not ten minutes yet"
    measured(world, probe, 7)
    assert changes(world, watch) == [("raised", "excursion")]
    measured(world, probe, 6)
    assert changes(world, watch) == []
    assert changes(world, Watch()) == [], "another gateway, or this one after a restart"
    (alarm,) = open_alarms(world)
    assert (alarm.device, alarm.stream) == (probe.device, probe.stream)
    said = {"channel": "air", "low_milli_c": 0, "high_milli_c": 5000, "extreme_milli_c": 7000}
    assert alarm.detail == said
    measured(world, probe, 4.8, 4.8)
    assert changes(world, watch) == [], "below the limit, but not by half a degree"
    measured(world, probe, 4.4)
    assert changes(world, watch) == [("ended", "excursion")]
    assert open_alarms(world) == []
    measured(world, probe, 6, 6, 6)
    assert changes(world, watch) == [("raised", "excursion")], "the next one"


def test_of_two_gateways_that_see_it_at_one_moment_one_says_it(watched):
    """Both have looked before either writes."""
    world, probe = watched
    measured(world, probe, 9, 9, 9)
    said: list[list[tuple[str, str]]] = []

    class Slow(Watch):
        def look(self, connection, now_ms):
            found = super().look(connection, now_ms)
            said.append(changes(world, Watch(), ("webhook",)))
            return found

    said.append(changes(world, Slow(), ("webhook",)))
    assert said == [[("raised", "excursion")], []]
    assert len(open_alarms(world)) == 1
    with world.store.reading() as connection:
        assert len(connection.execute(select(Delivery)).all()) == 1


def test_the_farthest_value_is_told_and_a_silence_in_between_ends_nothing(lite):
    world, probe = lite
    watch = Watch()
    world.wait(minutes=30)
    begin_ms = world.now_ms - world.now_ms % CELL_MS - 2 * CELL_MS
    world.take(
        probe,
        probe.frame(
            [Reading("air", "Cel", begin_ms + m * MINUTE_MS, v) for m, v in enumerate((6, 8, 6, 6, 6))]
        ),
    )
    measured(world, probe, 6, 6)
    assert changes(world, watch) == [("raised", "excursion")]
    assert open_alarms(world)[0].detail["extreme_milli_c"] == 8000
    world.wait(minutes=40)
    measured(world, probe, 4.8)
    assert changes(world, watch) == [], "not known to have been back by half a degree"
    measured(world, probe, 4.5)
    assert changes(world, watch) == [("ended", "excursion")]


@pytest.mark.parametrize("switch", ["door", "defrost"])
def test_goods_may_not_be_outside_at_all_and_an_open_door_or_a_defrost_excuses_the_air_alone(lite, switch):
    world, probe = lite
    watch = Watch()
    measured(world, probe, 4)
    measured(world, probe, 1, name=switch, unit="/")
    measured(world, probe, 9, 9, 9)
    assert changes(world, watch) == []
    measured(world, probe, 4, 5.5, name="probe")
    assert changes(world, watch) == [("raised", "excursion")]


def test_limits_are_those_of_the_lots_that_are_there_and_without_any_nothing_is_too_warm(lite):
    world, probe = lite
    watch, party = Watch(), world.party("Keeper")
    measured(world, probe, 9, 9, 9, 9)
    assert changes(world, watch) == [("raised", "excursion")]
    world.event("retrieve", party, world.batch("L1"), asset=probe.stream)
    assert changes(world, watch) == [("ended", "excursion")]
    warm = world.harvest(party, "L2", **{"ft:temperature": LIMITS | {"highMilliCelsius": 12_000}})
    world.event("store", party, warm, asset=probe.stream)
    measured(world, probe, 9)
    assert changes(world, watch) == []


def test_a_logger_packed_with_a_lot_watches_it_too(lite):
    world, _ = lite
    farm = world.party("Packer")
    batch, logger = world.harvest(farm, "L3"), world.device(farm)
    world.install(farm, logger, batch)
    measured(world, logger, 9, 9, 9)
    assert ("raised", "excursion") in changes(world, Watch())


def test_what_is_long_past_wakes_nobody(lite):
    world, probe = lite
    measured(world, probe, 9, 9, 9, 9)
    world.wait(minutes=31)
    assert changes(world, Watch()) == []


def test_silence_is_said_after_half_an_hour_and_not_when_the_gateway_itself_was_away(watched):
    world, probe = watched
    measured(world, probe, 4)
    watch = Watch()
    changes(world, watch)
    world.wait(minutes=29)
    assert changes(world, watch) == []
    world.wait(minutes=2)
    assert changes(world, Watch()) == [], "just started"
    assert changes(world, watch) == [("raised", "silence")]
    measured(world, probe, 4)
    assert changes(world, watch) == [("ended", "silence")]


def test_a_device_whose_clock_is_ahead_is_said_until_it_is_set(watched):
    world, probe = watched
    watch = Watch()
    measured(world, probe, 4)
    world.take(probe, probe.frame([Reading("air", "Cel", world.now_ms + 20 * MINUTE_MS, 4)]))
    assert changes(world, watch) == [("raised", "clock")]
    measured(world, probe, 4)
    assert changes(world, watch) == [("ended", "clock")]


def test_a_battery_is_low_at_a_fifth_and_well_again_at_a_quarter(lite):
    world, probe = lite
    watch, found = Watch(), []
    for percent in (21, 20, 24, 25):
        measured(world, probe, 4)
        measured(world, probe, percent, name="battery", unit="%EL")
        found.append(changes(world, watch))
    assert found == [[], [("raised", "battery")], [], [("ended", "battery")]]


def test_lost_messages_are_said_until_they_come_or_are_declared_lost(watched):
    world, probe = watched
    watch = Watch()
    measured(world, probe, 4)
    changes(world, watch)
    lost = probe.counter
    world.frame(probe, 4)
    measured(world, probe, *[4] * 6)
    assert changes(world, watch) == []
    measured(world, probe, 4, 4)
    assert changes(world, watch) == [("raised", "gap")]
    assert open_alarms(world)[0].detail == {"first": lost, "last": lost}
    world.take(probe, probe.gap(world.now_ms, Gap(lost, lost, "corrupt")))
    assert changes(world, watch) == [("ended", "gap")]


def warm(world: World, probe: Probe, by: tuple[str, ...]) -> Shown:
    """An open alarm, of which word is left."""
    measured(world, probe, 9, 9, 9)
    assert changes(world, Watch(), by) == [("raised", "excursion")]
    return open_alarms(world)[0]


def test_who_has_seen_an_alarm_is_noted_once(lite):
    world, probe = lite
    alarm = warm(world, probe, ())
    for who, note in (("", "x"), ("n" * 201, ""), ("Li Wei", "x" * 2001)):
        with pytest.raises(StatementError):
            acknowledge(world.store, alarm.id, who, note)
    seen = acknowledge(world.store, alarm.id, " Li Wei ", "door closed")
    assert (seen.acknowledged_by, seen.note, seen.acknowledged_ms) == ("Li Wei", "door closed", world.now_ms)
    assert open_alarms(world) == [seen], "it goes on until it is over"
    with pytest.raises(ConflictError):
        acknowledge(world.store, alarm.id, "Wang", "")
    with pytest.raises(UnknownSubjectError):
        acknowledge(world.store, "0" * 32, "Wang", "")


def test_the_command_line_lists_and_acknowledges(lite, tmp_path, monkeypatch, capsys):
    world, probe = lite
    alarm = warm(world, probe, ())
    monkeypatch.setenv("FT_DATA", str(tmp_path / "node"))
    assert main(["alarm", "acknowledge", alarm.id, "--by", "Li Wei", "--note", "door closed"]) == 0
    assert "seen by Li Wei: door closed" in capsys.readouterr().out
    measured(world, probe, 4)
    changes(world, Watch())
    assert main(["alarm", "list"]) == 0
    assert capsys.readouterr().out == "no alarm is open\n"
    assert main(["alarm", "list", "--all", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["alarms"]
    assert (shown["kind"], shown["acknowledged_by"]) == ("excursion", "Li Wei")
    assert shown["ended"] > shown["began"]


def hook(taker: Taker, *, private: bool = True) -> Webhook:
    return Webhook(taker.url, SECRET, "node.example", private)


def test_a_webhook_is_signed_and_told_once_of_each_change(lite):
    world, probe = lite
    with http_server() as taker:
        alarm = warm(world, probe, ("webhook",))
        senders = {"webhook": hook(taker).send}
        assert deliver(world.store, ALARMS, senders) == []
        assert deliver(world.store, ALARMS, senders) == []
        measured(world, probe, 4)
        changes(world, Watch(), ("webhook",))
        deliver(world.store, ALARMS, senders)
    raised, ended = taker.given
    said = json.loads(raised.body)
    assert (said["event"], said["id"], said["kind"]) == ("raised", alarm.id, "excursion")
    assert json.loads(ended.body)["event"] == "ended"
    keys = [posted.headers["idempotency-key"] for posted in taker.given]
    assert keys == [f"{alarm.id}-raised", f"{alarm.id}-ended"]
    at, mac = (part.partition("=")[2] for part in raised.headers["ft-signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{at}.".encode() + raised.body, hashlib.sha256).hexdigest()
    assert mac == expected
    assert raised.path == "/alarms"


def test_what_cannot_be_told_is_told_later_and_later_and_then_once(lite):
    world, probe = lite
    with http_server() as taker:
        warm(world, probe, ("webhook",))
        senders = {"webhook": hook(taker).send}
        taker.status = 500
        for _ in range(3):
            deliver(world.store, ALARMS, senders)
        assert len(taker.given) == 1, "not before it is due"
        for waits in (1, 2, 4):
            world.wait(ms=waits * FIRST_DELAY_MS - 1)
            deliver(world.store, ALARMS, senders)
            world.wait(ms=1)
            assert [error.code for error in deliver(world.store, ALARMS, senders)] == ["unreachable"]
        assert len(taker.given) == 4
        taker.status = 200
        world.wait(minutes=10)
        deliver(world.store, ALARMS, senders)
        deliver(world.store, ALARMS, senders)
    assert len(taker.given) == 5
    assert len({posted.headers["idempotency-key"] for posted in taker.given}) == 1
    with world.store.reading() as connection:
        row = connection.execute(select(Delivery)).one()
    assert (row.tries, row.error, row.done_ms) == (5, None, world.now_ms)


def test_one_channel_that_fails_is_asked_once_a_turn_and_hinders_no_other(lite):
    world, probe = lite
    told = []
    warm(world, probe, ("webhook", "email"))
    measured(world, probe, 4)
    changes(world, Watch(), ("webhook", "email"))

    def fails(*_):
        told.append("webhook")
        raise UnreachableError("no")

    deliver(
        world.store, ALARMS, {"webhook": fails, "email": lambda letter: told.append(letter.data["event"])}
    )
    assert told.count("webhook") == 1
    assert [word for word in told if word != "webhook"] == ["raised", "ended"]


KILLED = """
import os, signal, sys
from traceability.operations import outbox
from traceability.operations.alarmletters import ALARMS
from traceability.operations.webhook import Webhook
from traceability.store.engine import Store
outbox._mark = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store = Store(sys.argv[1])
outbox.deliver(store, ALARMS, {"webhook": Webhook(sys.argv[2], sys.argv[3], "node.example", True).send})
"""


def test_a_gateway_killed_between_telling_and_noting_it_tells_it_again_under_the_same_key(lite):
    world, probe = lite
    with http_server() as taker:
        warm(world, probe, ("webhook",))
        command = [sys.executable, "-c", KILLED, world.store.url, taker.url, SECRET]
        assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
        assert len(taker.given) == 1
        Watchman(world.store, {"webhook": hook(taker).send}, Watch()).turn()
        Watchman(world.store, {"webhook": hook(taker).send}, Watch()).turn()
    assert len(taker.given) == 2
    assert taker.given[0].headers["idempotency-key"] == taker.given[1].headers["idempotency-key"]


def test_word_that_was_left_before_a_restart_is_told_after_it(lite):
    world, probe = lite
    with http_server() as taker:
        warm(world, probe, ("webhook",))
        watchman = Watchman(world.store, {"webhook": hook(taker).send}, Watch())
        watchman.start()
        watchman.stop()
    assert len(taker.given) == 1


def sent(webhook: Webhook) -> None:
    alarm = Shown("a" * 32, "gap", "https://x/8004/R", "d" * 32, 0, 0, None, {}, None, None, None)
    webhook.send(alarm_letter("key", "raised", alarm))


def test_a_webhook_follows_no_redirect_and_reads_only_so_much_for_so_long(monkeypatch):
    with http_server() as elsewhere, http_server() as taker:
        taker.status, taker.headers = 307, {"Location": elsewhere.url}
        with pytest.raises(UnreachableError, match="answers 307"):
            sent(hook(taker))
        assert elsewhere.given == []
        taker.status, taker.headers, taker.body = 200, {}, bytes(200_000)
        with pytest.raises(UnreachableError, match="too much"):
            sent(hook(taker))
        taker.body, taker.hold = b"", threading.Event()
        monkeypatch.setattr(webhooks, "SECONDS", 0.1)
        with pytest.raises(UnreachableError):
            sent(hook(taker))
        taker.hold.set()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.251", "[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[ff02::1]"),
    ],
)
def test_a_webhook_does_not_go_into_the_own_network_unless_that_is_allowed(host):
    with pytest.raises(SettingsError, match="private network"):
        sent(Webhook(f"https://{host}:1/x", SECRET, "n"))


def test_only_a_loopback_address_may_do_without_tls():
    with pytest.raises(SettingsError, match="not https"):
        sent(Webhook("http://10.1.2.3:1/x", SECRET, "n", private=True))


def test_tls_is_checked_for_the_name():
    with http_server() as taker, pytest.raises(UnreachableError, match="SSL"):
        sent(Webhook(taker.url.replace("http://", "https://"), SECRET, "n", private=True))


def test_an_alarm_is_written_to_people_in_both_languages(lite):
    world, probe = lite
    with mail_server() as taker:
        alarm = warm(world, probe, ("email",))
        mail = Mail(taker.url, "node@example.org", "cold@example.org", "node.example")
        assert deliver(world.store, ALARMS, {"email": mail.send}) == []
        taker.status = 550
        with pytest.raises(UnreachableError):
            mail.send(alarm_letter("key", "ended", alarm))
    message = message_from_string(taker.mails[0])
    assert message["Message-ID"] == f"<{alarm.id}-raised@node.example>"
    assert message["To"] == "cold@example.org"
    payload = message.get_payload(decode=True)
    assert isinstance(payload, bytes)
    text = payload.decode()
    assert "outside its limits / 超出温度范围" in text
    assert f"alarm acknowledge {alarm.id}" in text
    assert len(taker.mails) == 1


def test_a_password_is_not_sent_without_tls():
    with mail_server() as taker:
        url = taker.url.replace("//", "//user:secret@")
        alarm = Shown("a" * 32, "gap", "https://x/8004/R", "d" * 32, 0, 0, None, {}, None, None, None)
        with pytest.raises(UnreachableError, match="STARTTLS"):
            Mail(url, "a@b", "c@d", "n").send(alarm_letter("key", "raised", alarm))
    assert taker.mails == []


@pytest.mark.parametrize(
    ("given", "ways"),
    [
        ({}, []),
        ({"FT_WEBHOOK_URL": "https://x.example/a", "FT_WEBHOOK_SECRET": SECRET}, ["webhook"]),
        ({"FT_SMTP_URL": "smtps://u:p@x:465", "FT_MAIL_FROM": "a@b", "FT_MAIL_TO": "c@d"}, ["email"]),
    ],
)
def test_settings_say_by_which_ways_alarms_are_told(given, ways):
    assert list(senders_of("n", load(GatewaySettings, given))) == ways


@pytest.mark.parametrize(
    "given",
    [
        {"FT_WEBHOOK_URL": "https://x.example/a"},
        {"FT_WEBHOOK_URL": "ftp://x.example/a"},
        {"FT_WEBHOOK_SECRET": "short"},
        {"FT_SMTP_URL": "smtps://x:465"},
        {"FT_SMTP_URL": "http://user:hidden-word@x"},
        {"FT_MAIL_TO": "nobody"},
    ],
)
def test_a_setting_that_cannot_work_is_refused_and_no_secret_is_shown(given):
    with pytest.raises(SettingsError) as refused:
        senders_of("n", load(GatewaySettings, given))
    assert "hidden-word" not in str(refused.value)
    assert "short" not in str(refused.value)
