"""TLS with client certificates, from `traceability broker certificates` to NATS and Mosquitto."""

from __future__ import annotations

import json
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.brokers import Mosquitto, find_mosquitto, one_server
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.sensor import SITE, World, make_world
from tests.support.visitor import keeping, visits
from traceability.__main__ import main
from traceability.broker import answers_at
from traceability.operations.credentials import GATEWAY, Credential, add_credential, own_credential
from traceability.sensing.receipt import open_receipt
from traceability.sensing.topics import receipt_topic
from traceability.settings import tls_context


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


@contextmanager
def nats(world: World, folder: Path, tls: Path, _: list[Credential]) -> Iterator[str]:
    with one_server(folder, world.node, tls) as server, keeping(world, server.nats_url):
        yield server.url.replace("mqtt:", "mqtts:")


@contextmanager
def mosquitto(_: World, folder: Path, tls: Path, known: list[Credential]) -> Iterator[str]:
    program = find_mosquitto()
    if program is None:
        pytest.skip("no Mosquitto on this machine")
    running = Mosquitto(folder, program, tls)
    for shown in known:
        running.know(shown)
    running.start()
    try:
        yield running.url
    finally:
        running.close()


@pytest.mark.parametrize("start", [nats, mosquitto])
def test_only_who_shows_a_certificate_of_the_authority_speaks_over_tls(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], start: Callable[..., Any]
):
    sensor = world.sensor()
    with world.store.transaction() as tx:
        shown = add_credential(tx, sensor.device, world.party, SITE)
    tls, client = tmp_path / "tls", f"{SITE}/{sensor.device}"
    server = ["--server", "broker.example", "--server", "127.0.0.1"]
    certificates = ["broker", "certificates", str(tls), *server, "--client", GATEWAY, "--client", client]
    assert main([*certificates, "--json"]) == 0
    _, gateways, device = json.loads(capsys.readouterr().out)["made"]
    assert main(["broker", "certificates", str(tmp_path / "foreign"), "--client", GATEWAY]) == 0
    stranger = ssl.create_default_context(cafile=tls / "ca.pem")
    foreigner = ssl.create_default_context(cafile=tls / "ca.pem")
    foreign = tmp_path / "foreign" / "clients" / GATEWAY
    foreigner.load_cert_chain(foreign / "client.pem", foreign / "client.key")
    folder = tmp_path / "broker"
    folder.mkdir()
    known = [shown, own_credential(world.node, GATEWAY)]
    with start(world, folder, tls, known) as url:
        with GatewayProcess(world, url, tmp_path, FT_MQTT_TLS=gateways) as gateway, visits(url) as come:
            gateway.wait_connected()
            visitor = come(sensor.device, shown, tls=tls_context(Path(device)))
            assert visitor.may_subscribe(receipt_topic(SITE, sensor.device))
            visitor.publish(sensor.topic, sensor.frame())
            assert open_receipt(sensor.receipt_key, visitor.next()[1]).counter == 0
        for refused in (lambda: stranger, lambda: foreigner, partial(tls_context, foreign)):
            assert not answers_at(url, 5.0, tls=refused)
        assert not answers_at(url.replace("mqtts:", "mqtt:"), 5.0)
        assert answers_at(url, 5.0, tls=partial(tls_context, Path(device)))
    wait_until(lambda: world.accepted(sensor) == sensor.made, "the frame")


def test_the_authority_is_kept_and_keys_are_their_owners_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["broker", "certificates", str(tmp_path / "tls"), "--server", "127.0.0.1", "--client", GATEWAY]
    assert main(words) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "tls").iterdir() if path.is_file()}
    assert main(words) == 0
    after = {name: (tmp_path / "tls" / name).read_bytes() for name in before}
    changed = sorted(name for name in before if before[name] != after[name])
    assert changed == ["server.key", "server.pem"]
    for path in (tmp_path / "tls").rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for wrong in (["--days", "0"], ["--days", "5000"], ["--client", "../up"], ["--server", "münchen"]):
        assert main([*words, *wrong]) == 1
    (tmp_path / "tls" / "authority.key").chmod(0o644)
    assert main(words) == 1
    assert "chmod 600" in capsys.readouterr().err
