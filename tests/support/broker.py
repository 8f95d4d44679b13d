"""A real MQTT broker that a test can stop, kill and start again on the same port and data."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from traceability.broker import nats_url, prepare_broker, wait_until_ready
from traceability.doorkeeper.config import admission_config
from traceability.operations.node import Node

HOST = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0


def free_port() -> int:
    """A port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """One broker process with a folder of its own.

    Attributes:
        port: its MQTT port, the same for its whole life.
        data: the folder that outlives ``stop`` and ``kill``.
    """

    def __init__(self, node: Node | None = None) -> None:
        """
        Args:
            node: whose doorkeeper says who may connect; everybody may if not given.
        """
        self.node = node
        self.port = free_port()
        self.data = Path(tempfile.mkdtemp(prefix="ft-broker-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    @property
    def nats_url(self) -> str:
        return nats_url(self.data)

    @property
    def host(self) -> str:
        return HOST

    @property
    def log(self) -> str:
        """What the broker has printed so far."""
        path = self.data / "broker.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start the process and return once it answers MQTT."""
        if self._process is not None:
            raise RuntimeError("the broker is running already")
        admission = "" if self.node is None else admission_config(self.node)
        command = prepare_broker(self.data, HOST, self.port, admission=admission)
        with (self.data / "broker.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._process = process
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            wait_until_ready(self.data, deadline, lambda: process.poll() is None)
        except BaseException as error:
            self.kill()
            error.add_note(self.log[-4000:])
            raise

    def stop(self) -> None:
        """End the process as an operator does (SIGTERM)."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """End the process as a crash does (SIGKILL)."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop it and delete its data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.data, ignore_errors=True)
