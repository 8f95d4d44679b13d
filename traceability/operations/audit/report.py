"""What an audit found, and the run that collects it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select

from traceability.errors import TraceabilityError
from traceability.operations.node import Node
from traceability.store.engine import AnyRow
from traceability.verification.signers import Signers

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being read, how much of it is done, and how much there is."""

CHUNK = 500
"""Rows that are held at a time."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a stable code, the row, and what is wrong with it."""

    code: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is wrong, and how much was read."""

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        found = [{"code": f.code, "where": f.where, "text": f.text} for f in self.findings]
        return {"ok": self.ok, "counts": dict(self.counts), "findings": found}

    def lines(self) -> list[str]:
        """The report for people: what is wrong, a line each, and what was read."""
        read = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        result = "everything matches" if self.ok else f"{len(self.findings)} things do not match"
        return [*(f"{f.code}: {f.where}: {f.text}" for f in self.findings), f"{result}: read {read}"]


@dataclass(slots=True)
class Run:
    """One audit under way: where it reads, what it has found.

    ``disclosed`` are the statements, by SHA-256, whose disclosures were compared: an event may
    stand in several streams. ``recent`` are the disclosures of some of them.
    """

    connection: Connection
    node: Node
    progress: Progress | None = None
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    signers: Signers = field(default_factory=Signers)
    disclosed: set[bytes] = field(default_factory=set)
    recent: dict[bytes, tuple[str, ...]] = field(default_factory=dict)

    def found(self, code: str, where: str, text: str) -> None:
        """Note that something is wrong."""
        self.findings.append(Finding(code, where, text))

    def same(self, code: str, where: str, what: str, expected: object, got: object) -> None:
        """Note it if two values differ."""
        if expected != got:
            self.found(code, where, f"{what} should be {shown(expected)}, is {shown(got)}")

    @contextmanager
    def noting(self, code: str, where: str) -> Iterator[None]:
        """Note what the block refuses, and go on behind it."""
        try:
            yield
        except TraceabilityError as error:
            self.found(code, where, str(error))

    def rows(self, query: Select[*tuple[Any, ...]]) -> Iterator[AnyRow]:
        """The rows of a query, a chunk at a time."""
        with self.connection.execute(query.execution_options(yield_per=CHUNK)) as result:
            yield from result

    def report(self) -> Report:
        """What was found so far."""
        return Report(tuple(self.findings), dict(self.counts))


def shown(value: object) -> str:
    """A value of a column for people: bytes as hexadecimal, long ones shortened."""
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 160 else f"{text[:160]}…"
