"""What an audit found, and the run that collects it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Select

from traceability.errors import TraceabilityError
from traceability.operations.node import Node
from traceability.store.engine import AnyRow
from traceability.verification.signers import Signers

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with what is being read, how much of it is done, and how much there is."""

CHUNK: Final = 500
"""Rows that are held at a time."""
LEFT_OUT: Final = (
    "the statements: what they say, who signed them, what was disclosed of them",
    "the tables that follow from the statements",
)
"""What an audit of the bytes alone does not check."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a stable code, the row, and what is wrong with it."""

    code: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is wrong, how much was read, and what was left out because it was not asked for.

    ``lost`` are the records that were recovered as text only: the log has them, and nobody their statements.
    """

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    unchecked: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def exit_code(self) -> int:
        """1 if something is wrong; 2 if nothing is, and what was lost is not known."""
        return 1 if self.findings else 2 if self.lost else 0

    def to_json(self) -> dict[str, Any]:
        """The report for programs."""
        found = [{"code": f.code, "where": f.where, "text": f.text} for f in self.findings]
        told = {"ok": self.ok, "counts": dict(self.counts), "findings": found}
        left_out = {"unchecked": list(self.unchecked)} if self.unchecked else {}
        return told | left_out | ({"lost": list(self.lost)} if self.lost else {})

    def lines(self) -> list[str]:
        """The report for people: what is wrong, a line each, and what was read."""
        read = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        result = "everything matches" if self.ok else f"{len(self.findings)} things do not match"
        lines = [f"{f.code}: {f.where}: {f.text}" for f in self.findings]
        lines += [f"lost: {where}: recovered as text only, its statement is not known" for where in self.lost]
        return [*lines, f"{result}: read {read}", *(f"not checked: {what}" for what in self.unchecked)]


@dataclass(slots=True)
class Run:
    """One audit, or one part of it, under way: where it reads, what it has found.

    With ``only_bytes`` no statement is read. ``texts`` are the disclosures of the events
    that are being read, and ``reasons`` the parts that were erased of them, by digest.
    """

    connection: Connection
    node: Node
    only_bytes: bool = False
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    signers: Signers = field(default_factory=Signers)
    texts: Mapping[bytes, Sequence[str]] = field(default_factory=dict)
    reasons: Mapping[bytes, Mapping[str, str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def part(self) -> Run:
        """The same audit, with nothing found yet."""
        return replace(self, findings=[], counts=Counter(), lost=[])

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
        """The rows of a query, one by one."""
        for chunk in self.chunks(query):
            yield from chunk

    def chunks(self, query: Select[*tuple[Any, ...]]) -> Iterator[Sequence[AnyRow]]:
        """The rows of a query, ``CHUNK`` at a time."""
        with self.connection.execute(query.execution_options(yield_per=CHUNK)) as result:
            yield from result.partitions()

    def report(self) -> Report:
        """What was found so far."""
        unchecked = LEFT_OUT if self.only_bytes else ()
        return Report(tuple(self.findings), dict(self.counts), unchecked, tuple(self.lost))


def shown(value: object) -> str:
    """A value of a column for people: bytes as hexadecimal, long ones shortened."""
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 160 else f"{text[:160]}…"
