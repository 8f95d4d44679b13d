"""Papers of inspections as they are shown: to the authority that wrote them, to the laboratory asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import ColumnElement, Connection, select

from traceability.errors import UnknownSubjectError
from traceability.operations.documents import read_document
from traceability.operations.node import Node
from traceability.store.engine import AnyRow
from traceability.store.inspecting import Paper as Row
from traceability.supply.inspection import Kind, parse_paper, problems

DRAFT, SIGNED, WITHDRAWN = "draft", "signed", "withdrawn"
LISTED: Final = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A paper as it stands. Times are milliseconds since 1970 UTC.

    ``says`` are the members that are filled in; ``document`` and ``statement`` the SHA-256 of what was
    signed last and of its notice: with the state ``draft`` beside them it is being corrected.
    """

    id: str
    kind: Kind
    party: str
    by: str
    about: str
    inspection: str | None
    sample: str | None
    laboratory: str | None
    asked_ms: int | None
    says: Mapping[str, str]
    state: str
    document: bytes | None
    statement: bytes | None
    created_ms: int
    signed_ms: int | None

    @property
    def lacks(self) -> dict[str, str]:
        """What keeps it from being signed, by member."""
        return problems(self.kind, self.says)


@dataclass(frozen=True, slots=True)
class Case:
    """An inspection with its samples, each with its results."""

    report: Shown
    samples: tuple[tuple[Shown, tuple[Shown, ...]], ...]


def find_paper(connection: Connection, number: str) -> Shown:
    """A paper by its number, whoever's it is.

    Raises:
        UnknownSubjectError: there is none.
    """
    row = connection.execute(select(Row).where(Row.id == number[:32])).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"there is no paper {number[:32]!r}")
    return _shown(row)


def asked_of(connection: Connection, laboratory: str, sample: str) -> Shown:
    """A sample about which a laboratory was asked.

    Raises:
        UnknownSubjectError: it was not, whether there is such a sample or not.
    """
    query = select(Row).where(Row.id == sample[:32], Row.laboratory == laboratory)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownSubjectError(f"{laboratory} was not asked about a sample {sample[:32]!r}")
    return _shown(row)


def asked_samples(
    connection: Connection, node: Node, laboratory: str
) -> Sequence[tuple[Shown, tuple[Shown, ...]]]:
    """The samples about which a laboratory was asked, the newest first, each with its own results."""
    query = select(Row).where(Row.laboratory == laboratory).order_by(Row.asked_ms.desc(), Row.id)
    samples = [as_signed(node, _shown(row)) for row in connection.execute(query.limit(LISTED))]
    results = _by_sample(connection, [each.id for each in samples], Row.party == laboratory)
    return [(each, tuple(results.get(each.id, ()))) for each in samples]


def list_inspections(connection: Connection, party: str | None = None) -> Sequence[Shown]:
    """Inspections, the newest first; of one authority, or of all."""
    query = select(Row).where(Row.kind == Kind.REPORT.value, Row.state != WITHDRAWN)
    if party is not None:
        query = query.where(Row.party == party)
    rows = connection.execute(query.order_by(Row.created_ms.desc(), Row.id).limit(LISTED))
    return [_shown(row) for row in rows]


def inspections_of(connection: Connection, about: str) -> Sequence[Shown]:
    """The inspections of a batch, an asset or a place (URI), the newest first."""
    query = select(Row).where(Row.kind == Kind.REPORT.value, Row.about == about, Row.state != WITHDRAWN)
    return [_shown(row) for row in connection.execute(query.order_by(Row.created_ms.desc(), Row.id))]


def show_case(connection: Connection, node: Node, number: str) -> Case:
    """An inspection with all that belongs to it; of results what is signed: a draft is its writer's own.

    Raises:
        UnknownSubjectError: there is no such inspection.
    """
    report = find_paper(connection, number)
    if report.kind is not Kind.REPORT:
        raise UnknownSubjectError(f"{number[:32]!r} is no inspection")
    query = select(Row).where(Row.inspection == report.id, Row.kind == Kind.SAMPLE.value)
    query = query.where(Row.state != WITHDRAWN).order_by(Row.created_ms, Row.id)
    samples = [_shown(row) for row in connection.execute(query)]
    results = _by_sample(connection, [each.id for each in samples], Row.document.is_not(None))
    signed = {key: tuple(as_signed(node, each) for each in found) for key, found in results.items()}
    return Case(report, tuple((each, signed.get(each.id, ())) for each in samples))


def as_signed(node: Node, shown: Shown) -> Shown:
    """A paper as it was signed last, while its writer may be correcting it.

    Raises:
        TamperError, UnknownSubjectError: the file of its document was changed, or is gone.
    """
    if shown.state == SIGNED or shown.document is None:
        return shown
    paper = parse_paper(read_document(node.folder, shown.document.hex()))
    return replace(shown, says=paper.says, state=SIGNED)


def _by_sample(
    connection: Connection, samples: Sequence[str], some: ColumnElement[bool]
) -> dict[str, list[Shown]]:
    found: dict[str, list[Shown]] = {}
    query = select(Row).where(Row.sample.in_(samples), Row.state != WITHDRAWN, some)
    for row in connection.execute(query.order_by(Row.created_ms, Row.id)):
        found.setdefault(str(row.sample), []).append(_shown(row))
    return found


def _shown(row: AnyRow) -> Shown:
    told = row._asdict() | {"kind": Kind(row.kind), "says": json.loads(row.says)}
    return Shown(**told)
