"""The units of ``deploy/systemd``, started by their own lines: a frame gets through, and each ends."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.broker import HOST, STOP_TIMEOUT_S, free_port
from tests.support.brokers import DEPLOY, Process
from tests.support.gateway import wait_until
from tests.support.sensor import SITE, World, make_world
from tests.support.visitor import visits
from traceability.__main__ import main
from traceability.doorkeeper.config import admission_config
from traceability.operations.credentials import add_credential
from traceability.operations.log import latest_checkpoint
from traceability.sensing.receipt import open_receipt
from traceability.sensing.topics import receipt_topic

INSTALLED = "/opt/food-traceability/.venv/bin"
ENDED_BY_SIGNAL = (0, 1, -signal.SIGTERM)
"""systemd takes an end by the signal that it sent for a success; NATS answers it with 1."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    yield made
    made.store.close()


def command_of(unit: str, here: Mapping[str, str]) -> list[str]:
    """What a unit starts, with files and ports of this test in the place of those of a machine."""
    text = (DEPLOY / "systemd" / f"food-traceability-{unit}.service").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    line = line.removeprefix("ExecStart=").replace(INSTALLED, str(Path(sys.executable).parent))
    for there, replaced in here.items():
        line = line.replace(there, replaced)
    return shlex.split(line)


@contextmanager
def started(unit: str, folder: Path, here: Mapping[str, str], environ: dict[str, str]) -> Iterator[Process]:
    running = Process(command_of(unit, here), folder / f"{unit}.log", environ)
    try:
        yield running
        assert running.process.poll() is None, running.log
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(STOP_TIMEOUT_S) in ENDED_BY_SIGNAL, running.log
    finally:
        running.kill()


def answer(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answered:
            return int(answered.status)
    except OSError:
        return 0


@pytest.mark.slow
def test_the_units_of_a_region_take_a_frame_publish_it_and_show_the_site(world: World, tmp_path: Path):
    nats, mqtt, web, beside = (free_port() for _ in range(4))
    etc = tmp_path / "etc"
    shutil.copytree(DEPLOY / "nats", etc / "nats")
    (etc / "nats" / "admission.conf").write_text(admission_config(world.node), "utf-8")
    here = {
        "/etc/food-traceability": str(etc),
        "/var/lib/food-traceability/witness": str(tmp_path / "witness"),
        "127.0.0.1:4222": f"{HOST}:{nats}",
        "127.0.0.1:8000": f"{HOST}:{web}",
        "--port=8100": f"--port={beside}",
    }
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FT_")}
    node = kept | {
        "FT_DATA": str(world.node.folder),
        "FT_DATABASE_URL": world.store.url,
        "FT_MQTT_URL": f"mqtt://{HOST}:{mqtt}",
        "FT_BASE_URL": f"http://{HOST}:{web}",
        "FT_DEMO": "0",
    }
    broker = kept | {
        "NATS_NAME": "n0",
        "NATS_PORT": str(nats),
        "NATS_DATA": str(tmp_path / "nats"),
        "NATS_MAX_BYTES": "1073741824",
        "NATS_MQTT_HOST": HOST,
        "NATS_MQTT_PORT": str(mqtt),
        "NATS_REPLICAS": "1",
    }
    assert main(["witness", "init", f"--data={tmp_path / 'witness'}", "--name", "w.example/w1"]) == 0
    sensor = world.sensor()
    with world.store.transaction() as tx:
        shown = add_credential(tx, sensor.device, world.party, SITE)
    with ExitStack() as stack:
        for unit, environ, said in (
            ("broker", broker, "Server is ready"),
            ("doorkeeper", node, "lets in"),
            ("gateway", node, "connected to the broker"),
            ("publisher", node, ""),
            ("web", node, ""),
            ("witness", kept, ""),
        ):
            process = stack.enter_context(started(unit, tmp_path, here, environ))
            wait_until(lambda p=process, said=said: said in p.log, unit)  # type: ignore[misc]
        with visits(f"mqtt://{HOST}:{mqtt}") as come:
            visitor = come(sensor.device, shown)
            assert visitor.may_subscribe(receipt_topic(SITE, sensor.device))
            visitor.publish(sensor.topic, sensor.frame())
            assert open_receipt(sensor.receipt_key, visitor.next()[1]).counter == 0

        def published() -> bool:
            with world.store.reading() as connection:
                return latest_checkpoint(connection) is not None

        wait_until(published, "a checkpoint")
        wait_until(lambda: answer(f"http://{HOST}:{web}/healthz") == 200, "the site")
        wait_until(lambda: answer(f"http://{HOST}:{beside}/") == 200, "the witness")
