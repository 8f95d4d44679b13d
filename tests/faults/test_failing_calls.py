"""The n-th system call fails, whatever n is: what was answered for is there, and the rest comes again.

A gateway takes two handfuls, and each is published, in a process of its own; one of its calls fails once.
Nothing more is acknowledged than what is committed, and no checkpoint is shown that is not the log's.
"""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import count, product
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.gateway import DEADLINE_S
from tests.support.outcome import Outcome
from tests.support.sensor import Sensor, World, make_world
from tests.support.strace import failing
from tests.support.witnessed import Witnessed, doubled
from traceability.operations.audit import audit
from traceability.operations.ingest import Ingest
from traceability.operations.node import load_node
from traceability.operations.publish import publish
from traceability.store.engine import Store

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "openat", "ftruncate", "unlink", "fallocate")
ERRORS = ("EIO", "ENOSPC")
HANDFUL = 3
HANDFULS = 2
WHERE_MOST_ARE = 12

ZYGOTE = """
import os, socket, sys
from collections import deque
from pathlib import Path
from gateway import service
from gateway.link import Delivery
from traceability.errors import SurroundingsError
from traceability.operations.ingest import Ingest, Message
from traceability.operations.node import load_node
from traceability.operations.publish import publish
from traceability.store.engine import Store

TRIES = 3

class Link:
    subscribed = True

    def __init__(self, report):
        self.report, self.waiting, self.taken = report, deque(), 0

    def turn(self, wait_s, enough):
        pass

    def publish(self, topic, payload):
        pass

    def acknowledge(self, deliveries):
        self.taken += len(deliveries)
        self.report.send(b"frames %d\\n" % self.taken)

class Careless(service.Gateway):
    def _hinder(self, error):
        super()._hinder(error)
        self.link.acknowledge(self.link.waiting)
        self.link.waiting.clear()

def stubbornly(work):
    for _ in range(TRIES):
        try:
            return work()
        except SurroundingsError:
            pass

def work(folder, report, messages, handful):
    node, store = load_node(folder / "node"), Store(f"sqlite:///{folder / 'node.sqlite'}", checkpoints=True)
    gateway = (Careless if sys.argv[2:] else service.Gateway)(Ingest(store, node), Link(report))
    service.HANDFUL, service.FIRST_RETRY_S, service.LONGEST_RETRY_S = handful, 0.0, 0.0
    gateway._retry_s = 0.0
    for at in range(0, len(messages), handful):
        gateway.link.waiting.extend(Delivery(m, 1, 0) for m in messages[at : at + handful])
        for _ in range(TRIES):
            gateway.turn()
        published = stubbornly(lambda: publish(store, node))
        if published:
            report.send(published.note.hex().encode() + b"\\n")
        stubbornly(store.scrub)
    store.close()

for line in sys.stdin:
    folder, handful, *sent = line.split()
    pairs = zip(sent[::2], sent[1::2], strict=True)
    messages = [Message(topic, bytes.fromhex(body)) for topic, body in pairs]
    if os.fork() == 0:
        report = socket.socket(socket.AF_UNIX)
        report.connect(sys.argv[1])
        report.send(b"%d\\n" % os.getpid())
        report.recv(1)
        work(Path(folder), report, messages, int(handful))
        os._exit(0)
    os.wait()
"""
"""Forks a worker for each line: the gateway's own loop, over a link that tells what is acknowledged.

It begins when it is told to, and tells by ``send``, which never fails here.
"""


class Zygote:
    """What workers are forked from, all imports done."""

    def __init__(self, folder: Path, *more: str) -> None:
        self._listening = socket.create_server(str(folder / "report"), family=socket.AF_UNIX)
        self._listening.settimeout(DEADLINE_S)
        self._trace = folder / "trace"
        with (folder / "workers.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", ZYGOTE, str(folder / "report"), *more],
                stdin=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def work(self, folder: Path, sensor: Sensor, call: str, error: str, number: int) -> Said | None:
        """Let a worker take a sensor's frames; what it said, or None if it never came to that call."""
        assert self._process.stdin is not None
        sent = " ".join(f"{sensor.topic} {body.hex()}" for body in sensor.made)
        self._process.stdin.write(f"{folder} {HANDFUL} {sent}\n")
        self._process.stdin.flush()
        with self._listening.accept()[0] as report, report.makefile("rb") as lines:
            report.settimeout(DEADLINE_S)
            with failing(int(lines.readline()), call, error, number, self._trace) as injection:
                report.send(b"!")
                said = Said([line.split() for line in lines])
        return said if injection.fired else None

    def close(self) -> None:
        self._process.communicate()
        self._listening.close()


class Said:
    """What a worker answered for.

    Attributes:
        frames: how many frames, from the first on.
        notes: the checkpoints that it showed.
    """

    def __init__(self, lines: Sequence[Sequence[bytes]]) -> None:
        self.frames = max((int(words[1]) for words in lines if len(words) == 2), default=0)
        self.notes = [bytes.fromhex(words[0].decode()) for words in lines if len(words) == 1]


@pytest.fixture
def template(tmp_path: Path) -> tuple[World, Sensor]:
    """A node that every worker gets a copy of, and a sensor with the frames that it is sent."""
    world = make_world(tmp_path / "template" / "node", f"sqlite:///{tmp_path / 'template' / 'node.sqlite'}")
    sensor = world.sensor()
    sensor.frames(HANDFUL * HANDFULS)
    world.store.close()
    return world, sensor


@contextmanager
def copied(template: World, folder: Path) -> Iterator[World]:
    """A copy of the template's folder, opened when somebody asks for it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template.node.folder.parent, folder)
    store = Store(f"sqlite:///{folder / 'node.sqlite'}", checkpoints=True)
    yield World(load_node(folder / "node"), store, template.party, template.asset)
    store.close()


def came_of(said: Said, there: World, sensor: Sensor) -> Came:
    """What a worker has answered for is there; the rest comes again, and then all of it is there once."""
    gone = set(sensor.made[: said.frames]) - set(there.accepted(sensor))
    seen = Witnessed(there.store, there.node)
    for signed in said.notes:
        seen.see(signed)
    seen.look()
    Ingest(there.store, there.node).ingest([sensor.message(body) for body in sensor.made])
    publish(there.store, there.node)
    seen.look()
    assert there.accepted(sensor) == sensor.made
    assert audit(there.store, there.node, workers=1).lines()[:-1] == []
    return Came("", 1, len(sensor.made), len(gone), doubled(there), seen.strays())


def numbers(rounds: int, dice: random.Random) -> Iterator[tuple[str, str, Iterator[int]]]:
    """What is to fail with what, and when: some by chance, or with no number of rounds every one."""
    kinds = list(product(CALLS, ERRORS))
    if not rounds:
        yield from ((call, error, count(1)) for call, error in kinds)
    for _ in range(rounds):
        call, error = dice.choice(kinds)
        yield call, error, iter([dice.randint(1, WHERE_MOST_ARE)])


@pytest.mark.fault("failing_calls", short=4, long=0)
def test_whatever_call_fails_what_was_answered_for_is_there(
    template: tuple[World, Sensor], tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    (world, sensor), all_came = template, list[Came]()
    with closing(Zygote(tmp_path)) as zygote:
        for call, error, chosen in numbers(rounds, dice):
            for number in chosen:
                with copied(world, tmp_path / "copy") as there:
                    said = zygote.work(tmp_path / "copy", sensor, call, error, number)
                    if said is None:
                        break
                    came = came_of(said, there, sensor)
                    assert came.harm == 0, (call, error, number, came)
                    all_came.append(came)
    what = f"the n-th of {', '.join(CALLS)} fails by {' or '.join(ERRORS)}, for every n"
    sent = sum(came.sent for came in all_came)
    outcome.held(Came(what, len(all_came), sent))


@pytest.mark.fault("failing_calls")
def test_acknowledging_what_the_store_refused_would_lose_it(
    template: tuple[World, Sensor], tmp_path: Path, outcome: Outcome
):
    """The negative control."""
    world, sensor = template
    with closing(Zygote(tmp_path, "careless")) as zygote, copied(world, tmp_path / "copy") as there:
        said = zygote.work(tmp_path / "copy", sensor, "pwrite64", "EIO", 1)
        assert said is not None
        gone = set(sensor.made[: said.frames]) - set(there.accepted(sensor))
    outcome.control(Came("acknowledged what the store refused", 1, len(sensor.made), lost=len(gone)))
