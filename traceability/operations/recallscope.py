"""The scope of a recall: everything that the named lots became part of, who has it, what is not known.

It is the whole forward trace, without limits of depth or time: a recall that was narrowed by hand could
not be followed by a machine later.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection

from traceability.errors import EventError, IdentifierError, MalformedError, Problem, QueryTooLargeError
from traceability.identifiers import Kind, parse_stream, stream_of
from traceability.operations.describe import describe
from traceability.operations.log import streams_with_lost_events
from traceability.operations.node import Node
from traceability.operations.trace import Request, trace
from traceability.signing.strictjson import json_encode
from traceability.supply.epcis.vocabulary import check_vocabulary
from traceability.supply.recall import MEMBER, State
from traceability.supply.tracing.labels import kind_of, product_of
from traceability.supply.tracing.tables import Line, lines
from traceability.supply.tracing.trace import Detail, Flag, Mode, Options, Reached, Trace

MAX_THINGS: Final = 100_000
"""Things that one recall names: a hundred events of a thousand."""
MAX_ORIGINS: Final = 100
"""Lots that are named when it begins."""
_AFFECTED: Final = {"start", Mode.AFFECTED.value}
_TEXTS: Final = ("hazard", "advice")
_NOTICE: Final = ("recallClass", *_TEXTS, "contact")
_ORIGINS: Final = frozenset({Kind.BATCH, Kind.ITEM, Kind.LOGISTIC_UNIT})


class Lost(StrEnum):
    """Why a trace may not have found everything."""

    CUT = "the trace was cut by a limit"
    NO_LOT = "product without a lot: it cannot be named"
    NOT_RECEIVED = "shipped, and never received"
    NO_ORIGIN = "nothing says where it came from"
    NO_QUANTITY = "how much was made is not known"
    STATEMENT = "recorded, and lost with a database: what it became part of is not known"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a recall tells people: class, what is wrong, what to do (English and Chinese), whom to ask."""

    recall_class: int
    hazard: Mapping[str, str]
    advice: Mapping[str, str]
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who spoke last of some of the things, and where these were then."""

    party: str
    place: str
    things: int


@dataclass(frozen=True, slots=True)
class Scope:
    """What a recall reaches. What is said of holders and quantities is there once it was described.

    ``things`` are to be named by the recall, sorted; more may be affected that has no name. Of
    ``unread`` events were lost, whatever they have to do with these.
    """

    origins: tuple[str, ...]
    things: tuple[str, ...]
    trace: Trace
    unread: tuple[str, ...] = ()

    def digest(self, notice: Notice, state: State) -> str:
        """SHA-256 over what is done, named and said: who confirms a hold has not confirmed a recall."""
        said = [state.value, notice.recall_class, dict(notice.hazard), dict(notice.advice), notice.contact]
        return hashlib.sha256(json_encode([list(self.origins), list(self.things), said])).hexdigest()

    @property
    def reach(self) -> str:
        """SHA-256 over what it begins with and names, whatever is said of it."""
        return hashlib.sha256(json_encode([list(self.origins), list(self.things)])).hexdigest()

    def digests(self, notice: Notice) -> dict[str, str]:
        """The digest that confirms each of what can be done, by the state that it leads to."""
        return {state.value: self.digest(notice, state) for state in (State.HOLD, State.ISSUED)}

    @property
    def rows(self) -> Iterator[Line]:
        """A line for each of the things, and for what is affected and cannot be named for want of a lot."""
        traced = {line.uri: line for line in lines(self.trace) if line.how in _AFFECTED}
        yield from traced.values()
        for uri in sorted(set(self.things) - traced.keys()):
            yield Line(uri, kind_of(uri).value, "", "named before", *[""] * 7)

    def described(self, connection: Connection) -> Scope:
        """The same with places, parties and quantities; takes a few times as long as the trace."""
        return replace(self, trace=describe(connection, self.trace))

    @property
    def steps(self) -> Sequence[tuple[int, Mapping[str, int]]]:
        """How many things of each kind are so many processes and packings away."""
        found: dict[int, Counter[str]] = {}
        for thing in self._affected():
            found.setdefault(thing.depth, Counter())[kind_of(self.trace.name(thing.id)).value] += 1
        return [(depth, dict(sorted(kinds.items()))) for depth, kinds in sorted(found.items())]

    @property
    def holders(self) -> Sequence[Holder]:
        """Who has how many of them, as far as the last events say; most first."""
        found = Counter((detail.last_party or "", detail.last_place or "") for _, detail in self._details())
        ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return [Holder(party, place, count) for (party, place), count in ranked]

    @property
    def quantities(self) -> Sequence[tuple[str, str, str]]:
        """How much was made, as far as it is known: product, amount, unit."""
        found: dict[tuple[str, str], Decimal] = {}
        for uri, detail in self._details():
            product = product_of(uri)
            if product is not None and detail.quantity is not None:
                key = product, detail.uom or ""
                found[key] = found.get(key, Decimal(0)) + Decimal(detail.quantity)
        return [(product, f"{total:f}", uom) for (product, uom), total in sorted(found.items())]

    @property
    def lost(self) -> Sequence[tuple[Lost, Sequence[str]]]:
        """What could not be traced: why, and which things."""
        found: dict[Lost, list[str]] = {}
        if self.trace.walked.cut is not None:
            found[Lost.CUT] = [self.trace.walked.cut]
        if self.unread:
            found[Lost.STATEMENT] = list(self.unread)
        for uri, detail in self._details():
            for why in _lost(detail):
                found.setdefault(why, []).append(uri)
        return [(why, tuple(found[why])) for why in Lost if why in found]

    def to_json(self, notice: Notice | None, limit: int = MAX_THINGS) -> dict[str, Any]:
        """The preview for programs; at most ``limit`` things of each list, and no digest of nothing said."""
        return {
            **({} if notice is None else {"scope": self.digests(notice)}),
            "origin": list(self.origins),
            "things": len(self.things),
            "named": list(self.things[:limit]),
            "steps": [{"depth": depth, "kinds": dict(kinds)} for depth, kinds in self.steps],
            "holders": [
                {"party": each.party, "place": each.place, "things": each.things}
                for each in self.holders[:limit]
            ],
            "quantities": [
                {"product": product, "amount": amount, "unit": unit}
                for product, amount, unit in self.quantities[:limit]
            ],
            "lost": [
                {"why": why.value, "count": len(which), "things": list(which[:limit])}
                for why, which in self.lost
            ],
        }

    def _affected(self) -> Iterator[Reached]:
        return (thing for thing in self.trace.walked.things if thing.mode is Mode.AFFECTED)

    def _details(self) -> Iterator[tuple[str, Detail]]:
        for thing in self._affected():
            yield self.trace.name(thing.id), self.trace.details.get(thing.id, Detail())


def scope(
    connection: Connection,
    node: Node,
    origins: Iterable[str],
    options: Options | None = None,
    *,
    named: Iterable[str] = (),
) -> Scope:
    """Trace forward from some lots; nothing is written.

    Args:
        origins: batches, items or logistic units, in any form.
        options: a preview may be limited; a recall is not.
        named: what the recall names already; it stays named, whatever the trace says now.

    Raises:
        IdentifierError: an origin is something else.
        MalformedError: none, or more than a hundred.
        UnknownSubjectError: no event names it.
        QueryTooLargeError: more is affected than one recall can name.
    """
    found = origins_of(origins, node.name)
    traced = trace(connection, node, Request(things=found, options=options or Options()))
    affected = (traced.name(t.id) for t in traced.walked.things if t.mode is Mode.AFFECTED)
    things = {uri for uri in affected if stream_of(uri, node.name) is not None}.union(named)
    if len(things) > MAX_THINGS:
        raise QueryTooLargeError(
            f"{len(things):,} things are affected; one recall names at most {MAX_THINGS:,}",
            remedy="Recall fewer of the lots at a time.",
        )
    return Scope(found, tuple(sorted(things)), traced, streams_with_lost_events(connection))


def origins_of(uris: Iterable[str], node: str) -> tuple[str, ...]:
    """What a recall begins with, under its canonical names, sorted.

    Raises:
        IdentifierError: one is no batch, item or logistic unit.
        MalformedError: none, or more than a hundred.
    """
    found = tuple(sorted({_origin(uri, node) for uri in uris}))
    if not 1 <= len(found) <= MAX_ORIGINS:
        raise MalformedError(f"a recall begins with 1 to {MAX_ORIGINS} lots, not {len(found)}")
    return found


def read_notice(said: Mapping[str, Any]) -> Notice:
    """What a recall says, from its members ``recallClass``, ``hazard``, ``advice`` and ``contact``.

    Raises:
        EventError: a text is missing, too long, or not one line that can be shown.
    """
    member = {name: said[name] for name in _NOTICE if name in said}
    whole = {"id": "-", "state": State.HOLD.value, "origin": ["-"], **member}
    problems = [
        replace(p, pointer=p.pointer.removeprefix(f"/{MEMBER}")) for p in check_vocabulary({MEMBER: whole})
    ]
    if not problems:
        texts = {"/contact": member.get("contact", "-")}
        texts |= {f"/{name}/{tongue}": member[name][tongue] for name in _TEXTS for tongue in ("en", "zh")}
        problems = [
            Problem(pointer, "one line, without control characters", repr(text)[:80])
            for pointer, text in texts.items()
            if not text.isprintable()
        ]
    if problems:
        raise EventError(problems)
    return Notice(member["recallClass"], member["hazard"], member["advice"], member.get("contact"))


def _origin(uri: str, node: str) -> str:
    """The canonical URI of what a recall may begin with."""
    stream = stream_of(uri, node)
    if stream is None or parse_stream(stream).kind not in _ORIGINS:
        raise IdentifierError(
            f"{uri[:128]!r} cannot be recalled: a batch, an item or a logistic unit is needed"
        )
    return stream


def _lost(detail: Detail) -> Iterator[Lost]:
    found = {Flag.NO_LOT: Lost.NO_LOT, Flag.NOT_RECEIVED: Lost.NOT_RECEIVED, Flag.NO_ORIGIN: Lost.NO_ORIGIN}
    yield from (found[flag] for flag in detail.flags if flag in found)
    if detail.quantity is None:
        yield Lost.NO_QUANTITY
