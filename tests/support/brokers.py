"""Other brokers than the embedded one, as ``deploy/`` describes them: three NATS servers, and Mosquitto."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.broker import HOST, STOP_TIMEOUT_S, free_port
from tests.support.gateway import wait_until
from traceability.broker import answers_mqtt, find_broker
from traceability.doorkeeper.config import admission_config
from traceability.operations.credentials import Credential
from traceability.operations.node import Node

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SBIN = "/usr/sbin"
"""Where Debian keeps Mosquitto, and not every search path looks."""


class Process:
    """A program with a log, ended at the end."""

    def __init__(self, command: Sequence[str], log: Path, environ: dict[str, str] | None = None) -> None:
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environ
            )

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_TIMEOUT_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Server:
    """One NATS server of ``deploy/nats``: of a cluster, if its ports are given, or alone."""

    def __init__(self, folder: Path, name: str, cluster: Sequence[int] = (), own: int = 0) -> None:
        self.nats_port, self.mqtt_port = free_port(), free_port()
        routes = ",".join(f"nats://{HOST}:{port}" for port in cluster)
        settings = {
            "NATS_NAME": name,
            "NATS_PORT": str(self.nats_port),
            "NATS_DATA": str(folder / name),
            "NATS_MAX_BYTES": "1073741824",
            "NATS_MQTT_HOST": HOST,
            "NATS_MQTT_PORT": str(self.mqtt_port),
            "NATS_REPLICAS": str(len(cluster) or 1),
            "NATS_CLUSTER": f"{HOST}:{own}",
            "NATS_ROUTES": f"[{routes}]",
        }
        config = folder / ("cluster.conf" if cluster else "node.conf")
        command = [str(find_broker()), "-c", str(config)]
        self.running = Process(command, folder / f"{name}.log", os.environ | settings)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.mqtt_port}"

    @property
    def nats_url(self) -> str:
        return f"nats://{HOST}:{self.nats_port}"


@contextmanager
def one_server(folder: Path, node: Node, tls: Path) -> Iterator[Server]:
    """A single server that asks for certificates of an authority's folder."""
    text = (DEPLOY / "nats" / "node.conf").read_text("utf-8").replace("/etc/food-traceability/tls", str(tls))
    begin = text.index("  # tls {")
    lines, rest = text[begin:].split("\n}", 1)
    text = text[:begin] + lines.replace("  #", "  ") + "\n}" + rest
    (folder / "node.conf").write_text(text, "utf-8")
    (folder / "admission.conf").write_text(admission_config(node), "utf-8")
    server = Server(folder, "n0")
    try:
        wait_until(lambda: "Server is ready" in server.running.log, "the server")
        yield server
    finally:
        server.running.kill()


@contextmanager
def three_servers(folder: Path, node: Node) -> Iterator[list[Server]]:
    """A cluster that keeps everything three times, once it has a leader."""
    for name in ("node.conf", "cluster.conf"):
        shutil.copy(DEPLOY / "nats" / name, folder)
    (folder / "admission.conf").write_text(admission_config(node), "utf-8")
    ports = [free_port() for _ in range(3)]
    servers = [Server(folder, f"n{number}", ports, port) for number, port in enumerate(ports)]
    try:
        leader = "Self is new JetStream cluster metadata leader"
        wait_until(lambda: any(leader in s.running.log for s in servers), "the cluster's leader")
        yield servers
    finally:
        for server in servers:
            server.running.kill()


class Mosquitto:
    """A Mosquitto as ``deploy/mosquitto`` describes it, on free ports and in a folder of its own."""

    def __init__(self, folder: Path, program: str, tls: Path | None = None) -> None:
        self._program, self._folder = program, folder
        self._secure = tls is not None
        self.devices, self.gateways = free_port(), free_port()
        text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text("utf-8")
        for there, here in (
            ("/etc/food-traceability/mosquitto", str(folder)),
            ("/var/lib/food-traceability/mosquitto", str(folder)),
            ("listener 1883 0.0.0.0", f"listener {self.devices} {HOST}"),
            ("listener 1884", f"listener {self.gateways}"),
        ):
            assert there in text
            text = text.replace(there, here)
        if tls is not None:
            text = text.replace("#cafile", "cafile").replace("#certfile", "certfile")
            text = text.replace("#keyfile", "keyfile").replace("#require_", "require_")
            text = text.replace("/etc/food-traceability/tls", str(tls))
        (folder / "mosquitto.conf").write_text(f"{text}\nuser root\n", "utf-8")
        shutil.copy(DEPLOY / "mosquitto" / "acl", folder)
        (folder / "passwords").touch(mode=0o600)
        self.running: Process | None = None

    @property
    def url(self) -> str:
        return f"mqtt{'s' if self._secure else ''}://{HOST}:{self.devices}"

    @property
    def gateway_url(self) -> str:
        return f"mqtt://{HOST}:{self.gateways}"

    def know(self, shown: Credential) -> None:
        """Give a user a password."""
        words = ["mosquitto_passwd", "-b", str(self._folder / "passwords"), shown.username, shown.password]
        subprocess.run(words, check=True, capture_output=True)

    def start(self) -> None:
        command = [self._program, "-c", str(self._folder / "mosquitto.conf")]
        self.running = Process(command, self._folder / "mosquitto.log")
        wait_until(lambda: answers_mqtt(HOST, self.gateways), "Mosquitto")

    def close(self) -> None:
        if self.running is not None:
            self.running.kill()


def find_mosquitto() -> str | None:
    """The program, if it is on this machine."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:{SBIN}")
