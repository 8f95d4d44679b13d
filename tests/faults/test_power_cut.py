"""The power is cut while a node writes: what it had answered for is on the disk.

The node's folder is on an ext4 in a file. Its writer is stopped, the file is copied as it stands, without
what the kernel still keeps back, and the copy is mounted: its journal is replayed, as after a power cut.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.faults import Came
from tests.support.disks import copy, image, mounted
from tests.support.gateway import DEADLINE_S
from tests.support.outcome import Outcome
from tests.support.sensor import Sensor, World, make_world
from tests.support.witnessed import Witnessed, doubled
from traceability.operations.audit import audit
from traceability.operations.lock import Lock
from traceability.operations.node import load_node
from traceability.operations.publish import publish
from traceability.store.engine import Store

BURST = 24
EVERY = 4

WRITER = """
import sys
from pathlib import Path
from sqlalchemy import event
from traceability.operations.ingest import Ingest, Message
from traceability.operations.lock import Lock
from traceability.operations.node import load_node
from traceability.operations.publish import publish
from traceability.store.engine import Store

folder, every = Path(sys.argv[1]), int(sys.argv[2])
node = load_node(folder / "node")
store = Store(f"sqlite:///{folder / 'node.sqlite'}", checkpoints=True)
if sys.argv[3:]:
    event.listen(store.engine, "connect", lambda c, _: c.execute(f"PRAGMA synchronous={sys.argv[3]}"))
ingest = Ingest(store, node)
for number, line in enumerate(sys.stdin):
    topic, body = line.split()
    ingest.ingest([Message(topic, bytes.fromhex(body))])
    print("frame", flush=True)
    if number % every == 0 and (published := publish(store, node)):
        print(published.note.hex(), flush=True)
"""
"""Commits frame by frame, and says of each that it is committed; publishes, and shows the checkpoint."""


class Writer:
    """A process that writes on a disk of ours, and what it has said.

    Attributes:
        frames: how many frames it has said to have committed.
        notes: the checkpoints that it has shown.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        command = [sys.executable, "-c", WRITER, str(folder), str(EVERY), *more]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.frames, self.notes, self._rest = 0, list[bytes](), b""

    def give(self, sensor: Sensor, bodies: Sequence[bytes]) -> None:
        """Let it write frames."""
        assert self.process.stdin is not None
        self.process.stdin.writelines(f"{sensor.topic} {body.hex()}\n".encode() for body in bodies)
        self.process.stdin.flush()

    def listen(self, frames: int) -> None:
        """Hear it until it has committed so many."""
        while self.frames < frames:
            assert self.hear(DEADLINE_S), "the writer ended"

    def hear(self, wait_s: float) -> bool:
        """Hear what it says within a time, if anything."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], wait_s)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65_536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.frames += lines.count(b"frame")
        self.notes += [bytes.fromhex(line.decode()) for line in lines if line != b"frame"]
        return bool(data)

    def stop(self) -> None:
        """Let it do nothing more for now, and hear the last that it said."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)
        while self.hear(0.0):
            pass

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def writing(folder: Path, *more: str) -> Iterator[tuple[Writer, World, Sensor]]:
    """A node on a disk of its own, ``folder/disk.img``, and a writer in it."""
    image(folder / "disk.img", 128)
    with mounted(folder / "disk", "-o", "loop", folder / "disk.img") as disk:
        world = make_world(disk / "node", f"sqlite:///{disk / 'node.sqlite'}")
        sensor = world.sensor()
        world.store.close()
        subprocess.run(("sync", "-f", disk), check=True)
        writer = Writer(disk, *more)
        try:
            yield writer, world, sensor
        finally:
            writer.end()


@contextmanager
def after_the_cut(folder: Path, writer: Writer, world: World) -> Iterator[World]:
    """Stop the writer; the node as a copy of its disk has it."""
    writer.stop()
    copy(folder / "disk.img", folder / "after.img")
    with mounted(folder / "after", "-o", "loop", folder / "after.img") as disk:
        store = Store(f"sqlite:///{disk / 'node.sqlite'}", checkpoints=True)
        try:
            yield World(load_node(disk / "node"), store, world.party, world.asset)
        finally:
            store.close()
    writer.go_on()


def missing(writer: Writer, sensor: Sensor, there: World) -> int:
    """How many frames are not there that the writer has said to have committed."""
    return len(set(sensor.made[: writer.frames]) - set(there.accepted(sensor)))


def test_the_newest_signed_checkpoint_outlives_a_power_cut(tmp_path: Path):
    """With synchronous=FULL the journal of its last change would be there again, and take it back."""
    image(tmp_path / "disk.img", 16)
    with mounted(tmp_path / "disk", "-o", "loop", tmp_path / "disk.img") as disk:
        lock = Lock(disk / "lock.sqlite")
        lock.swap(None, b"first")
        subprocess.run(("sync", "-f", disk), check=True)
        lock.swap(b"first", b"second")
        copy(tmp_path / "disk.img", tmp_path / "after.img")
    with mounted(tmp_path / "after", "-o", "loop", tmp_path / "after.img") as disk:
        assert Lock(disk / "lock.sqlite").newest() == b"second"


@pytest.mark.fault("power_cut", short=2, long=200)
def test_what_was_answered_for_outlives_a_power_cut(
    tmp_path: Path, rounds: int, dice: random.Random, outcome: Outcome
):
    gone, twice, forks = 0, 0, 0
    with writing(tmp_path) as (writer, world, sensor):
        for _ in range(rounds):
            writer.give(sensor, sensor.frames(BURST))
            writer.listen(len(sensor.made) - dice.randrange(1, BURST))
            with after_the_cut(tmp_path, writer, world) as there:
                gone += missing(writer, sensor, there)
                seen = Witnessed(there.store, there.node)
                publish(there.store, there.node)
                seen.look()
                for signed in writer.notes:
                    seen.see(signed)
                twice, forks = twice + doubled(there), forks + seen.strays()
                assert audit(there.store, there.node, workers=1).lines()[:-1] == []
            writer.listen(len(sensor.made))
    what = "power cut while frames are committed and checkpoints shown (as root)"
    outcome.held(Came(what, rounds, len(sensor.made), gone, twice, forks))


@pytest.mark.fault("power_cut")
def test_with_a_database_that_does_not_wait_for_the_disk_committed_frames_are_lost(
    tmp_path: Path, outcome: Outcome
):
    """The negative control."""
    with writing(tmp_path, "NORMAL") as (writer, world, sensor):
        writer.give(sensor, sensor.frames(BURST))
        writer.listen(BURST)
        with after_the_cut(tmp_path, writer, world) as there:
            gone = missing(writer, sensor, there)
    outcome.control(Came("synchronous=NORMAL", 1, BURST, lost=gone))
