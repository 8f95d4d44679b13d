"""What the benchmark writes for the programs that it measures beside ours."""

from __future__ import annotations

import configparser
import json

import pytest

from bench.peers import MQTTWARN, THINGSBOARD, Package, numbers_in, text_of
from bench.platform import CONNACK, CONNECT, SUBSCRIBE, answer
from bench.world import measurements

PORT, TOPIC, SERVER_PORT = 1884, "peer/a", 1885


def files(package: Package) -> dict[str, str]:
    return package.configure(PORT, TOPIC, SERVER_PORT)


def test_mqttwarn_keeps_each_message_of_its_topic_in_the_file_that_is_looked_at():
    written = configparser.RawConfigParser()
    written.read_string(files(MQTTWARN)["mqttwarn.ini"])
    assert written["defaults"]["port"] == str(PORT)
    assert written["defaults"]["cleansession"] == "False"
    assert (written[TOPIC]["targets"], written[TOPIC]["qos"]) == ("sqlite:rows", "1")
    assert MQTTWARN.database in written["config:sqlite"]["targets"]
    assert written["defaults"]["launch"] == "sqlite"


def test_thingsboard_listens_to_its_topic_and_knows_its_server_and_its_storage():
    written = {name: json.loads(text) for name, text in files(THINGSBOARD).items()}
    main, connector = written["tb_gateway.json"], written["mqtt.json"]
    assert (main["thingsboard"]["port"], main["storage"]["type"]) == (SERVER_PORT, "sqlite")
    assert main["connectors"][0]["configuration"] in written
    assert (connector["broker"]["port"], connector["broker"]["cleanSession"]) == (PORT, False)
    assert [m["topicFilter"] for m in connector["mapping"]] == [TOPIC]


@pytest.mark.parametrize(("readings", "size"), [(10, 574), (60, 1253)])
def test_a_text_is_about_as_long_as_a_frame_and_is_known_by_its_number(readings: int, size: int):
    text = text_of(17, next(measurements(1, readings)), size)
    assert numbers_in(text.decode()) == [17]
    assert size <= len(text) < 1.25 * size
    assert len(json.loads(text)["data"].split()) == 2 + readings


def test_the_stand_in_for_a_server_takes_connections_and_subscriptions_and_confirms_nothing_else():
    assert answer(CONNECT, b"") == CONNACK
    two = b"\x00\x07" + b"\x02\x0b\x01" + b"\x00\x01a\x01" + b"\x00\x02bc\x00"
    assert answer(SUBSCRIBE, two) == bytes.fromhex("9005000700") + b"\0\0"
    assert answer(3, b"") == b""
