"""``traceability run``: a whole node under one supervisor.

    broker     nats-server, unless FT_MQTT_URL names another broker
    doorkeeper tells that broker who may connect, and to which topics
    publisher  signs checkpoints
    gateway    takes in what devices send
    web        the web site
    chongqing, chengdu, hangzhou
               witnesses of the log            (FT_DEMO=1)
    people     the people of the demonstration (FT_DEMO=1)
    devices    its simulated devices           (FT_DEMO=1)

They start in this order and end in the opposite one; the gateway waits until the doorkeeper
lets it in. A child that dies is started again;
if the supervisor dies, by whatever, the kernel ends its children. Each child's output goes to
``log/NAME.log`` in the data folder, and what in it speaks of trouble is shown as well.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from types import FrameType
from typing import Final, TextIO
from urllib.parse import urlsplit

from traceability.broker import STUCK, prepare_broker, wait_until_ready
from traceability.doorkeeper.config import admission_config
from traceability.doorkeeper.service import OPEN
from traceability.errors import SettingsError
from traceability.holding import holding
from traceability.operations.accounts.demonstration import end_demonstration
from traceability.operations.node import Node
from traceability.operations.prepare import prepare_node
from traceability.running.address import keep_address
from traceability.running.announcement import Announcement
from traceability.running.children import Child, Program
from traceability.running.neighbours import neighbour_programs, prepare_neighbours
from traceability.running.verifierfile import deposit_served
from traceability.settings import RunSettings, environment
from traceability.sitecertificate import authority_of, read_pair
from traceability.store.engine import Store

BROKER_START_S: Final = 15.0
TURN_S: Final = 0.2
END_S: Final = 4.0
"""All children together have this long to end; those that are left are killed."""

PATIENCE_S: Final = 10.0
"""So long the gateway waits for the doorkeeper at most, and witnesses and demo for the site."""

DOORKEEPER: Final = "doorkeeper"

THREADS: Final = 8
PYTHON: Final = (sys.executable, "-m")
NAME_WIDTH: Final = 10


def supervise(settings: RunSettings, *, embedded_broker: bool, out: TextIO = sys.stdout) -> None:
    """Run everything until a signal comes (SIGINT, SIGTERM, SIGHUP).

    Raises:
        SettingsError: a port is taken, the certificate is of no use, or another supervisor works here.
        SurroundingsError: the broker or the database does not start.
    """
    with _alone(settings):
        if settings.tls_cert is not None and settings.tls_key is not None:
            read_pair(settings.tls_cert, settings.tls_key, datetime.now(UTC))
        _check_ports(settings, embedded_broker)
        supervisor = Supervisor(settings, out)
        supervisor.catch_signals()
        try:
            supervisor.start(embedded_broker)
            supervisor.watch()
        finally:
            supervisor.end()


class Supervisor:
    """The children of a node, and what a person is told about them."""

    def __init__(self, settings: RunSettings, out: TextIO) -> None:
        self._settings, self._out = settings, out
        self._children: list[Child] = []
        self._later: list[Program] = []
        self._signals = 0
        self._began = time.monotonic()
        self._logs = settings.data / "log"
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def catch_signals(self) -> None:
        """Let a signal end the watch; a second one ends everything at once."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._count_signal)

    def start(self, embedded_broker: bool) -> None:
        """Start all children, the broker first, and make the node if there is none."""
        self._say(f"starting a node in {self._settings.data}")
        node, new = prepare_node(self._settings)
        if embedded_broker:
            self._start_broker(node)
        node = prepare_neighbours(self._settings, node)
        keep_address(self._settings.data, os.environ)
        self._say(f"{'made' if new else 'opened'} node {node.name}")
        self._bring_up(node)
        neighbours = neighbour_programs(node, authority_of(self._settings))
        for program in programs(self._settings):
            self._add(program)
        self._later = neighbours + (demo_programs() if self._settings.demo else [])
        self._say(f"started {', '.join(child.program.name for child in self._children)}")

    def watch(self) -> None:
        """Keep the children alive and say what there is to see, until a signal comes."""
        announcement = Announcement(self._settings, self._say, self._out, self._began)
        with selectors.DefaultSelector() as selector:
            while not self._signals:
                self._select(selector)
                for child in self._children:
                    self._look_after(child)
                announcement.turn()
                if self._later and (announcement.site or time.monotonic() > self._began + PATIENCE_S):
                    self._start_rest()

    def end(self) -> None:
        """End the children in the opposite order of their start; kill what does not end."""
        self._say("stopping")
        deadline = time.monotonic() + END_S
        for child in reversed(self._children):
            child.end()
            while not child.has_ended() and time.monotonic() < deadline and self._signals < 2:
                child.listen()
                time.sleep(0.02)
            if not child.has_ended():
                self._say(f"{child.program.name} did not end by itself and was killed")
                child.kill()
            child.close()

    def _bring_up(self, node: Node) -> None:
        """Let the log say which file the site serves for checking; lock invented people out, if need be."""
        store = Store(self._settings.database_url)
        try:
            if not self._settings.demo and (number := end_demonstration(store, node)):
                self._say(f"{number} people of the demonstration are let in no more")
            if said := deposit_served(store, node):
                self._say(said)
        finally:
            store.close()

    def _start_rest(self) -> None:
        """Start witnesses and demo behind the site, which a person is waiting for."""
        while self._later:
            self._add(self._later.pop(0))

    def _start_broker(self, node: Node) -> None:
        host, port = _mqtt_address(self._settings)
        data = self._settings.data / "broker"
        command = prepare_broker(data, host, port, admission=admission_config(node))
        child = self._add(broker_program(command))
        wait_until_ready(data, time.monotonic() + BROKER_START_S, child.runs)
        self._add(Program(DOORKEEPER, (*PYTHON, "traceability", "broker", "admit"), ready=OPEN))
        self._say(f"broker answers at {self._settings.mqtt_url}")

    def _add(self, program: Program) -> Child:
        child = Child(program, os.environ | environment(self._settings), self._logs)
        self._children.append(child)
        if self._may_start(child):
            child.start()
        return child

    def _may_start(self, child: Child) -> bool:
        """Whether what a child builds on is at work, if this node runs it, or was waited for long enough."""
        first = [other for other in self._children if other.program.name == child.program.after]
        return all(other.ready for other in first) or time.monotonic() > self._began + PATIENCE_S

    def _select(self, selector: selectors.BaseSelector) -> None:
        """Wait for output of any child, at most one turn."""
        for key in list(selector.get_map().values()):
            selector.unregister(key.fileobj)
        for child in self._children:
            if child.process is not None and child.process.stdout is not None:
                selector.register(child.process.stdout, selectors.EVENT_READ)
        selector.select(TURN_S)

    def _look_after(self, child: Child) -> None:
        for line in [*child.listen(), *child.settle()]:
            self._say_of(child, line)
        if child.due and self._may_start(child):
            child.start()

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)

    def _say_of(self, child: Child, line: str) -> None:
        self._say(f"{child.program.name:<{NAME_WIDTH}} {line}")

    def _count_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1


def broker_program(command: Sequence[str]) -> Program:
    """The embedded broker, started again when it could not write."""
    return Program("broker", tuple(command), stuck=STUCK)


def programs(settings: RunSettings) -> list[Program]:
    """What runs beside the broker, in the order of starting."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    tls = (
        ()
        if settings.tls_cert is None
        else (f"--certfile={settings.tls_cert}", f"--keyfile={settings.tls_key}")
    )
    web = (
        *PYTHON,
        "gunicorn",
        "--no-control-socket",
        f"--bind={host}:{settings.port}",
        "--workers=1",
        "--worker-class=gthread",
        f"--threads={THREADS}",
        "--graceful-timeout=1",
        "--limit-request-line=8190",
        "--log-level=warning",
        # Only the application decides whose word counts on who asks: webapp.proxies.
        "--forwarded-allow-ips=",
        *tls,
        "webapp:create_app()",
    )
    return [
        Program("publisher", (*PYTHON, "traceability", "publish")),
        Program("gateway", (*PYTHON, "gateway"), after=DOORKEEPER),
        Program("web", web),
    ]


def demo_programs() -> list[Program]:
    """What plays the demo journey."""
    return [
        Program("people", (*PYTHON, "traceability", "demo"), ends=True),
        Program("devices", (*PYTHON, "firmware_sim")),
    ]


def _alone(settings: RunSettings) -> AbstractContextManager[None]:
    """Hold the data folder, so that two supervisors never run two publishers on it."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return holding(
        settings.data / "run.lock",
        f"another `traceability run` works in {settings.data}",
        "End it, or choose another FT_DATA.",
    )


def _check_ports(settings: RunSettings, embedded_broker: bool) -> None:
    """Refuse a port on which something else listens, before anything is started."""
    _check_port(settings.host, settings.port, "the web site", "choose another with FT_PORT")
    if embedded_broker:
        host, port = _mqtt_address(settings)
        hint = f"use that broker with FT_MQTT_URL=mqtt://{host}:{port}, or another port with embedded://{host}:PORT"
        _check_port(host, port, "the MQTT broker", hint)


def _check_port(host: str, port: int, what: str, hint: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise SettingsError(
                    f"port {port} for {what} is taken by another program: end that one, or {hint}"
                ) from error
            raise SettingsError(f"cannot listen on {host}:{port} for {what}: {error.strerror}") from error


def _mqtt_address(settings: RunSettings) -> tuple[str, int]:
    parts = urlsplit(settings.mqtt_url)
    return parts.hostname or "127.0.0.1", parts.port or 1883
