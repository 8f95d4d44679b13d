"""The parts of taking in a frame, each alone: the signature check, decoding, one row."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from bench.measure import Took, timed
from bench.world import handfuls
from traceability.operations.ingest import Message
from traceability.sensing.frame import parse_statement
from traceability.signing import cbor
from traceability.signing.keys import PublicKey


def one_row(path: Path, messages: list[Message]) -> Took:
    """The same bytes into one table, handful by handful, without anything else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS frame (body BLOB)"
        )

        def insert() -> None:
            for handful in handfuls(messages):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO frame VALUES (?)", [(m.payload,) for m in handful])
                connection.execute("COMMIT")

        return timed(insert)


def verify(messages: Sequence[Message], keys: Mapping[str, PublicKey]) -> Took:
    """The signature checks and nothing else: what is signed was put together before.

    Args:
        keys: by the topics of their devices.
    """
    checks: list[tuple[PublicKey, bytes, bytes]] = []
    for message in messages:
        sealed = parse_statement(message.payload).envelope
        signed = cbor.encode(["Signature1", sealed.raw_protected, b"", sealed.payload])
        checks.append((keys[message.topic], signed, sealed.signature))

    def check() -> None:
        for key, signed, signature in checks:
            key.verify(signed, signature)

    return timed(check)


def decode(messages: Sequence[Message]) -> Took:
    """Header and readings, as strictly as ever."""
    return timed(lambda: [parse_statement(m.payload).columns() for m in messages])
