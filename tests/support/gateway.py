"""The gateway as a process, and devices' MQTT clients that publish at QoS 1 and keep their receipts."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.sensor import World
from traceability.operations.credentials import Credential

DEADLINE_S = 30.0
REAL = "import sys, gateway.__main__ as program; sys.stdin.readline(); sys.exit(program.main())"
"""The gateway's own ``main``, all imports done, waiting for a line before it begins."""


def tuned(program: str, function: str, **constants: object) -> str:
    """A program with other constants in the module of one of its functions, such as ``Gateway.run``."""
    change = f"program.{function}.__globals__.update({constants!r})"
    return program.replace("sys.stdin", f"{change}; sys.stdin", 1)


SMALL_HANDFULS = tuned(REAL, "Gateway.run", HANDFUL=4, QUEUED=8)
"""The real gateway, with many short transactions instead of few long ones to be killed between."""


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once a condition holds; it is asked again every few milliseconds."""
    until, pause = time.monotonic() + deadline_s, threading.Event()
    while not condition():
        assert time.monotonic() < until, f"waited in vain: {what}"
        pause.wait(0.005)


UNLIMITED: Final = {"FT_DEVICE_RATE": "1000000", "FT_DEVICE_BURST": "1000000"}
"""As much of each device as it sends: the clients here send every frame once, as fast as they can."""


class GatewayProcess:
    """One gateway process, taking all that comes unless told otherwise; it connects when ``go`` is called."""

    def __init__(self, world: World, mqtt_url: str, folder: Path, program: str = REAL, **more: str) -> None:
        settings = {
            "FT_DATA": str(world.node.folder),
            "FT_DATABASE_URL": world.store.url,
            "FT_MQTT_URL": mqtt_url,
            **UNLIMITED,
        } | more
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FT_")}
        self.log_path = folder / f"gateway-{time.monotonic_ns()}.log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program], stdin=subprocess.PIPE, stderr=log, env=kept | settings
            )

    def __enter__(self) -> GatewayProcess:
        self.go()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8")

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.close()

    def wait_connected(self) -> None:
        wait_until(lambda: "connected to the broker" in self.log, "the gateway connects")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(DEADLINE_S)


class Publisher:
    """One connection that speaks for several devices.

    Attributes:
        sent: how many messages were to be published.
        kept: how many of them the broker has acknowledged; the others go out again on the next connection.
    """

    def __init__(self, url: str, shown: Credential | None = None, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.sent, self.kept = 0, 0
        self.answers: list[str] = []
        self.receipts: dict[str, list[bytes]] = defaultdict(list)
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self._client.max_inflight_messages_set(0)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message, self._client.on_publish = self._hear, self._count
        if shown is not None:
            self._client.username_pw_set(shown.username, shown.password)
        if tls is not None:
            self._client.tls_set_context(tls)
        assert parts.hostname is not None
        assert parts.port is not None
        self._client.connect(parts.hostname, parts.port)
        self._client.loop_start()
        assert self._ready.wait(DEADLINE_S)

    def send(self, topic: str, payload: bytes) -> mqtt.MQTTMessageInfo:
        """Publish at QoS 1 without waiting for the broker."""
        self.sent += 1
        return self._client.publish(topic, payload, qos=1)

    def _subscribe(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("ft/v1/+/+/receipt", qos=1)

    def _count(self, *_: Any) -> None:
        self.kept += 1

    def _hear(self, _: mqtt.Client, __: Any, message: mqtt.MQTTMessage) -> None:
        self.answers.append(message.topic)
        self.receipts[message.topic.split("/")[3]].append(bytes(message.payload))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def publishing(url: str, **options: Any) -> Iterator[Publisher]:
    """A connected publisher, closed at the end."""
    publisher = Publisher(url, **options)
    try:
        yield publisher
    finally:
        publisher.close()
