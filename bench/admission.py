"""Letting devices in at the broker: by a doorkeeper, by signed credentials, by a list that is read again.

    doorkeeper  what a node does: the broker asks for every connection (NATS auth callout)
    signed      decentralised: the password is a JWT that an account's signing key made; nobody is asked
    list        every device a user of the configuration, which SIGHUP makes the broker read again

The devices of the first and the last come with a password, those of ``signed`` with a bearer JWT.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from bench.measure import Table, run
from tests.support.broker import HOST, free_port
from tests.support.sensor import SITE, make_world
from traceability.broker import prepare_broker, wait_until_ready
from traceability.doorkeeper.config import admission_config
from traceability.doorkeeper.connections import permissions
from traceability.doorkeeper.nkeys import Role, name_of, sign_claims
from traceability.operations.credentials import DEVICE, Credential, Guest, add_credential
from traceability.signing.keys import PrivateKey
from traceability.store import models
from traceability.store.rows import insert_all

AT_ONCE: Final = 200
ADMISSIONS: Final = 20


@dataclass
class Door:
    """One way to let devices in: a running broker, and how a device more becomes known."""

    process: subprocess.Popen[bytes]
    port: int
    known: list[tuple[str, Credential]]
    add: Callable[[int], tuple[str, Credential]]


Way: TypeAlias = Callable[[Path, int], AbstractContextManager[Door]]


def measure(full: bool, folder: Path) -> Iterator[Table]:
    """All three, with the same devices."""
    count = 10_000 if full else 1_000
    rows = [_row(name, make, folder / name, count) for name, make in _WAYS.items()]
    note = (
        f"{count:,} devices connect ({AT_ONCE} at a time, clean session) and stay; then {ADMISSIONS} more, "
        "each from when it is made known to its CONNACK. Broker, doorkeeper and devices share two cores."
    )
    head = ("way", "connections/s", "broker, MB", "of it for the devices, MB", "one more, ms", "slowest, ms")
    yield Table(f"Letting {count:,} devices in at the broker", head, rows, note)


def _row(name: str, make: Way, folder: Path, count: int) -> tuple[str, ...]:
    folder.mkdir()
    with make(folder, count) as door:
        empty = _resident(door.process)
        took_s, waits = asyncio.run(_visit(door))
        full = waits.pop(0)
        ms = sorted(1000 * wait for wait in waits)
        return (
            name,
            f"{count / took_s:,.0f}",
            f"{full / 1e6:,.0f}",
            f"{(full - empty) / 1e6:,.0f}",
            f"{ms[len(ms) // 2]:,.1f}",
            f"{ms[-1]:,.1f}",
        )


async def _visit(door: Door) -> tuple[float, list[float]]:
    turns, writers = asyncio.Semaphore(AT_ONCE), []

    async def come(client: str, shown: Credential) -> None:
        async with turns:
            writers.append(await _connect(door.port, client, shown))

    began = time.perf_counter()
    await asyncio.gather(*(come(*each) for each in door.known))
    took_s = time.perf_counter() - began
    found = [_resident(door.process)]
    for number in range(ADMISSIONS):
        began = time.perf_counter()
        known = door.add(number)
        while True:
            try:
                writers.append(await _connect(door.port, *known))
                break
            except ConnectionError:
                await asyncio.sleep(0.002)
        found.append(time.perf_counter() - began)
    for writer in writers:
        writer.close()
    return took_s, found


def _resident(process: subprocess.Popen[bytes]) -> float:
    """Bytes of memory that a process has."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return float(line.split()[1]) * 1024


async def _connect(port: int, client: str, shown: Credential) -> asyncio.StreamWriter:
    """One MQTT 3.1.1 CONNECT and its CONNACK; ConnectionError if it is refused."""
    reader, writer = await asyncio.open_connection(HOST, port)
    texts = (client, shown.username, shown.password)
    body = b"\x00\x04MQTT\x04\xc2\x03\x84" + b"".join(len(t).to_bytes(2, "big") + t.encode() for t in texts)
    size, length = len(body), b""
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            break
    writer.write(b"\x10" + length + body)
    answer = await reader.read(4)
    if answer != b"\x20\x02\x00\x00":
        writer.close()
        raise ConnectionError("refused")
    return writer


@contextmanager
def _broker(folder: Path, admission: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    command = prepare_broker(folder, HOST, port, admission=admission)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_ready(folder, time.monotonic() + 30, lambda: process.poll() is None)
        yield process, port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _doorkeeper(folder: Path, count: int) -> Iterator[Door]:
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    kid = world.sensor().key.public.kid

    def make(first: int, many: int) -> list[tuple[str, Credential]]:
        devices = [f"{number:032x}" for number in range(first, first + many)]
        with world.store.transaction() as tx:
            insert_all(tx, models.Device, [{"id": d, "kid": kid, "settled": -1} for d in devices])
            return [(d, add_credential(tx, d, world.party, SITE)) for d in devices]

    known = make(0, count)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("FT_")}
    environ |= {"FT_DATA": str(world.node.folder), "FT_DATABASE_URL": world.store.url}
    data = world.node.folder / "broker"
    with _broker(data, admission_config(world.node)) as (process, port):
        command = [sys.executable, "-m", "traceability", "broker", "admit"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE) as keeper:
            assert keeper.stderr is not None
            keeper.stderr.readline()  # it is at work
            yield Door(process, port, known, lambda number: make(count + number, 1)[0])
            keeper.terminate()
    world.store.close()


@contextmanager
def _signed(folder: Path, count: int) -> Iterator[Door]:
    operator, account, system = (PrivateKey.generate() for _ in range(3))

    def claims(key: PrivateKey, by: PrivateKey, role: Role, kind: str, **more: Any) -> str:
        sub = name_of(key.public, role)
        issuer = Role.OPERATOR if by is operator else Role.ACCOUNT
        return sign_claims(
            by, issuer, {"sub": sub, "name": kind, "nats": {"type": kind, "version": 2} | more}
        )

    unlimited = {"subs": -1, "data": -1, "payload": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1}
    store = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
    nodes = claims(
        account, operator, Role.ACCOUNT, "account", limits={**unlimited, **store, "wildcards": True}
    )
    root = claims(system, operator, Role.ACCOUNT, "account", limits={**unlimited, "wildcards": True})
    ids = [name_of(key.public, Role.ACCOUNT) for key in (account, system)]
    config = (
        f"operator: {claims(operator, operator, Role.OPERATOR, 'operator')}\nsystem_account: {ids[1]}\n"
        f"resolver: MEMORY\nresolver_preload: {{ {ids[0]}: {nodes}, {ids[1]}: {root} }}\n"
    )

    def make(number: int) -> tuple[str, Credential]:
        device, key = f"{number:032x}", PrivateKey.generate()
        allowed = permissions(Guest(DEVICE, "", SITE, device))
        limits = {"subs": -1, "data": -1, "payload": -1, "bearer_token": True}
        jwt = claims(key, account, Role.USER, "user", **limits, **allowed)
        return device, Credential("jwt", jwt)

    known = [make(number) for number in range(count)]
    with _broker(folder, config) as (process, port):
        yield Door(process, port, known, lambda number: make(count + number))


@contextmanager
def _list(folder: Path, count: int) -> Iterator[Door]:
    users: list[str] = []

    def make(number: int) -> tuple[str, Credential]:
        device = f"{number:032x}"
        allowed = permissions(Guest(DEVICE, "", SITE, device))
        rights = {"publish": allowed["pub"], "subscribe": allowed["sub"]}
        user = {"user": device, "password": device, "permissions": rights}
        users.append(json.dumps(user))
        return device, Credential(device, device)

    def config() -> str:
        return "authorization { users: [\n" + ",\n".join(users) + "\n] }\n"

    known = [make(number) for number in range(count)]
    with _broker(folder, config()) as (process, port):

        def add(number: int) -> tuple[str, Credential]:
            made = make(count + number)
            prepare_broker(folder, HOST, port, admission=config())
            process.send_signal(signal.SIGHUP)
            return made

        yield Door(process, port, known, add)


_WAYS: Final[dict[str, Way]] = {"doorkeeper": _doorkeeper, "signed": _signed, "list": _list}

if __name__ == "__main__":
    run(("admission", measure))
