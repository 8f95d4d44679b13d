"""Import of a sheet of steps: looked at whole, every bad cell named, then recorded in one transaction or not.

    read        cell by cell (supply.sheets)                        a problem names its cell: C7
    understood  what a row names is the party's own (importrows)    likewise
    rehearsed   all rows in their order, in a transaction that is taken back
    recorded    the same, kept; the same sheet again records nothing new

An event is named by its hash, so a row that was recorded before is known again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from traceability.errors import (
    ClockAheadError,
    ConflictError,
    MalformedError,
    Problem,
    RefusedError,
    TraceabilityError,
    UnknownSubjectError,
)
from traceability.identifiers import Batch
from traceability.operations.accounts.trail import Actor, note
from traceability.operations.capture import Captured
from traceability.operations.draft import Given
from traceability.operations.importcautions import Forecast
from traceability.operations.importrows import RowReader
from traceability.operations.node import Node
from traceability.operations.record import answers_to, check_made, record_all
from traceability.operations.steps import Caution, Entered, event_of
from traceability.store.engine import Store, Transaction
from traceability.supply.sheets.steps import StepRow, Steps, read_steps
from traceability.supply.sheets.table import Row


@dataclass(frozen=True, slots=True)
class Line:
    """A row that could be read, and what became of it: ``known`` says that it was recorded before.

    ``refused`` says that it cannot be recorded as it is; ``given`` is its event, if it stands for one;
    ``cautions`` what is odd about it, and not forbidden.
    """

    row: StepRow
    entered: Entered | None = None
    given: Given | None = None
    known: bool = False
    refused: bool = False
    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """A sheet as it would be recorded.

    Attributes:
        lines: the rows that can be read, in their order.
        problems: of each bad cell, as ``C7``, in order.
        waits: for cells of rows that lack what a bad row before them would have done, its number.
    """

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    waits: Mapping[str, int]

    @property
    def new(self) -> int:
        """Rows that would be recorded now."""
        return sum(not line.known and not line.refused for line in self.lines)

    @property
    def odd(self) -> int:
        """New rows with which something is odd."""
        return sum(bool(line.cautions) for line in self.lines)

    @property
    def known(self) -> int:
        """Rows that are recorded already."""
        return sum(line.known for line in self.lines)


def preview_import(store: Store, node: Node, party: str, table: Sequence[Row], offset: str) -> Preview:
    """What would become of every row if the sheet were recorded now; nothing is.

    Args:
        offset: from UTC, such as ``+08:00``, of times that say none.

    Raises:
        MalformedError: the head is not that of the template, or nothing stands below it.
        UnknownSignerError: the party has no key in this node's custody.
    """
    steps = read_steps(table, offset)
    lines, wrong = _understood(store, node, party, steps)
    sound = [line for line in lines if line.given]
    answers = answers_to(store, node, party, [line.given for line in sound if line.given], typed=True)
    said = {line.row.row.number: answer for line, answer in zip(sound, answers, strict=True)}
    refusals, waits = _refusals(node, steps, lines, said, table)
    problems = _in_order([*steps.problems, *wrong, *refusals], table)
    judged = [_judged(line, said) for line in lines]
    with store.reading() as connection:
        return Preview(tuple(_cautioned(connection, node, party, judged)), problems, waits)


def record_import(
    store: Store, node: Node, actor: Actor, party: str, table: Sequence[Row], offset: str
) -> tuple[int, int]:
    """Record a sheet, all of it or nothing, and say in the trail who did.

    Returns:
        How many steps are new, and how many were recorded before.

    Raises:
        MalformedError: something in it cannot be read or understood; its ``problems`` name the cells.
        RefusedError: what is recorded contradicts a row, the first such.
    """
    steps = read_steps(table, offset)
    lines, wrong = _understood(store, node, party, steps)
    if problems := _in_order([*steps.problems, *wrong], table):
        raise MalformedError(f"{len(problems)} cells are wrong, the first {problems[0]}", problems=problems)

    def beside(tx: Transaction, answers: Sequence[Captured]) -> None:
        if new := sum(not answer.known for answer in answers):
            note(tx, actor, "steps-imported", party, new=new, known=len(answers) - new)

    given = [line.given for line in lines if line.given]
    answers = record_all(store, node, party, given, typed=True, beside=beside)
    known = sum(answer.known for answer in answers)
    return len(answers) - known, known


def _understood(store: Store, node: Node, party: str, steps: Steps) -> tuple[list[Line], list[Problem]]:
    lines: list[Line] = []
    problems: list[Problem] = []
    with store.reading() as connection:
        reader = RowReader(connection, node, party, steps)
        for row in steps.rows:
            found = reader.read(row)
            line = Line(row, refused=True)
            if isinstance(found, Entered):
                try:
                    line = Line(row, found, check_made(event_of(found, party)))
                except TraceabilityError as error:
                    found = [_refusal(steps.cell(row.row, "step"), error)]
            problems += found if isinstance(found, list) else []
            lines.append(line)
    return lines, problems


def _judged(line: Line, said: dict[int, Captured]) -> Line:
    answer = said.get(line.row.row.number)
    return line if answer is None else replace(line, known=answer.known, refused=answer.refused is not None)


def _cautioned(connection: Connection, node: Node, party: str, lines: Sequence[Line]) -> Iterator[Line]:
    """The lines, with what is odd about those that are new."""
    new = [line.entered for line in lines if line.entered and not (line.known or line.refused)]
    forecast = Forecast(connection, node.name, party, new)
    for line in lines:
        if line.entered is None or line.known or line.refused:
            yield line
        else:
            yield replace(line, cautions=forecast.cautions(line.entered))


def _refusals(
    node: Node, steps: Steps, lines: Sequence[Line], said: dict[int, Captured], table: Sequence[Row]
) -> tuple[list[Problem], dict[str, int]]:
    """What is refused, row by row; for cells of rows that lack what a bad row would have done, its number."""
    by_number = {line.row.row.number: line for line in lines}
    missing = _Missing(node)
    problems: list[Problem] = []
    waits: dict[str, int] = {}
    for row in table[1:]:
        line = by_number.get(row.number)
        if line is None or line.entered is None:
            missing.unreadable(row.number, steps.batch(row))
        elif (error := said[row.number].refused) is not None:
            cell, first = steps.cell(row, _column(node, line, error)), missing.before(line, error)
            if first is None:
                problems.append(_refusal(cell, error))
            else:
                waits[cell] = first
                problems.append(Problem(cell, f"row {first} to be put right first", str(error)))
            missing.refused(line, line.entered)
    return problems, waits


class _Missing:
    """Bad rows by what they would have done: which batch each would have begun, or moved."""

    def __init__(self, node: Node) -> None:
        self._node = node.name
        self._begun: dict[Batch, int] = {}
        self._moved: dict[Batch, int] = {}

    def unreadable(self, number: int, batch: Batch | None) -> None:
        """A row of which nobody knows what step it is."""
        if batch is not None:
            self._begun.setdefault(batch, number)
            self._moved.setdefault(batch, number)

    def refused(self, line: Line, entered: Entered) -> None:
        """A row that cannot be recorded."""
        if entered.begins or entered.moves:
            into = self._begun if entered.begins else self._moved
            into.setdefault(line.row.batch, line.row.row.number)

    def before(self, line: Line, error: TraceabilityError) -> int | None:
        """The number of the bad row for whose lack another one is refused."""
        named = [line.row.batch, *(part.batch for part in line.row.parts)]
        if isinstance(error, UnknownSubjectError):
            unknown = [batch for batch in named if batch.uri(self._node) in str(error)]
            return next((self._begun[batch] for batch in unknown if batch in self._begun), None)
        moves = line.entered is not None and line.entered.moves and isinstance(error, ConflictError)
        return self._moved.get(line.row.batch) if moves else None


def _refusal(cell: str, error: TraceabilityError) -> Problem:
    return Problem(cell, f"what can be recorded. {error.remedy()}", str(error))


def _column(node: Node, line: Line, error: TraceabilityError) -> str:
    """The column that a refusal is about, as far as it says."""
    text = str(error)
    if isinstance(error, ClockAheadError):
        return "time"
    if line.entered and line.entered.asset and line.entered.asset.uri in text:
        return "asset"
    if any(part.batch.uri(node.name) in text for part in line.row.parts):
        return "made_from"
    return "lot" if isinstance(error, RefusedError) else "step"


def _in_order(problems: Sequence[Problem], table: Sequence[Row]) -> tuple[Problem, ...]:
    """By row, and in a row by column."""
    places = {row.reference(at): (row.number, at) for row in table for at in range(len(table[0].cells) + 1)}
    return tuple(sorted(problems, key=lambda problem: places.get(problem.pointer, (0, 0))))
