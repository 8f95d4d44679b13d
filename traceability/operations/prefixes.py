"""Whose name a thing bears: GS1 company prefixes, their holders, and who else may use them.

A firm makes, or packs, only what bears a prefix of its own, one that is open for it, or one that
nobody here holds. To name a thing, to receive, ship or use it up is everybody's right: who gets
goods of a maker that has not recorded them, or never will, records them all the same.

Prefixes are changed with no other writer at work. So two firms never hold prefixes of which one is
the beginning of the other, and an event is recorded either before a change or after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, and_, delete, insert, or_, select

from traceability.errors import ConflictError, ForeignPrefixError, UnknownSubjectError
from traceability.gs1 import COMPANY_PREFIX, parse_company_prefix, parse_key
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.events import load_event
from traceability.operations.names import Called, party_names
from traceability.store import models
from traceability.store.access import CompanyPrefix, PrefixPermission
from traceability.store.engine import Store, Transaction
from traceability.store.projections import Event
from traceability.store.rows import insert_all
from traceability.supply.epcis.events import makes

LENGTHS: Final = range(COMPANY_PREFIX.shortest, COMPANY_PREFIX.longest + 1)
MAX_WANTED: Final = 500
"""Possible prefixes that are asked for by name; where there are more, all that are held are read."""


@dataclass(frozen=True, slots=True)
class Held:
    """A company prefix, the URI of the party that holds it, and those for whom it is open."""

    prefix: str
    party: str
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rights:
    """What one party may not make, of what some events make.

    ``foreign`` are the prefixes of others, by the stream that bears them; ``names`` their holders'.
    """

    party: str
    node: str
    foreign: Mapping[str, Held] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def check(self, connection: Connection, event: Mapping[str, Any]) -> None:
        """Refuse an event that makes or packs what bears the prefix of somebody else.

        What an event made that was recorded before may be declared an error, whosever it is now.

        Raises:
            ForeignPrefixError: names the thing, the prefix and its holder.
        """
        if not self.foreign:
            return
        for uri in makes(event, self.node):
            held = self.foreign.get(uri)
            if held is not None and uri not in self._made_before(connection, event):
                raise self._refusal(uri, held)

    def _made_before(self, connection: Connection, event: Mapping[str, Any]) -> Sequence[str]:
        """What the event made that this one declares an error."""
        if "errorDeclaration" not in event:
            return ()
        query = select(Event.statement).where(Event.party == self.party, Event.event_id == event["eventID"])
        statement = connection.execute(query.where(Event.corrects.is_(False))).scalar_one_or_none()
        return () if statement is None else makes(load_event(connection, statement), self.node)

    def _refusal(self, uri: str, held: Held) -> ForeignPrefixError:
        holder = Called(parties=self.names).party(held.party)
        return ForeignPrefixError(
            f"{uri} bears the company prefix {held.prefix} of {holder}, which is not open for {self.party}",
            remedy=f"Use a number of your own, or let {holder} have its prefix opened for you: "
            f"traceability prefix allow {held.prefix} --party {self.party}",
        )


def add_prefixes(
    store: Store, party: str, prefixes: Sequence[str], actor: Actor = COMMAND_LINE
) -> tuple[Held, ...]:
    """Say that an enrolled party (by its URI) holds company prefixes; raises as ``register``."""
    with store.transaction(alone=True) as tx:
        register(tx, party, prefixes)
        note(tx, actor, "prefixes-added", party, prefixes=list(prefixes))
        return list_prefixes(tx.connection, party)


def register(tx: Transaction, party: str, prefixes: Sequence[str]) -> None:
    """Register a party's prefixes, in a transaction that no other writer is at work beside.

    Raises:
        IdentifierError: one is no company prefix.
        ConflictError: one is registered, begins with one that is, or is the beginning of one.
    """
    table = CompanyPrefix
    for prefix in map(parse_company_prefix, prefixes):
        related = or_(table.prefix.in_(_beginnings(prefix)), table.prefix.startswith(prefix))
        taken = tx.connection.execute(select(table.prefix, table.party).where(related)).first()
        if taken is not None:
            raise ConflictError(
                f"{prefix} cannot be told from {taken.prefix}, the company prefix of {taken.party}",
                remedy="GS1 issues no prefix that another begins with: look at `traceability prefix list`.",
            )
        row = {"prefix": prefix, "party": party, "since_ms": tx.now_ms}
        tx.connection.execute(insert(table).values(row))


def remove_prefix(store: Store, prefix: str, actor: Actor = COMMAND_LINE) -> Held:
    """Take a prefix from its holder, and from all for whom it is open; what it was.

    Raises:
        UnknownSubjectError: nobody holds it.
    """
    with store.transaction(alone=True) as tx:
        held = _find(tx.connection, prefix)
        for table in (PrefixPermission, CompanyPrefix):
            tx.connection.execute(delete(table).where(table.prefix == prefix))
        note(tx, actor, "prefix-removed", prefix, of=held.party)
    return held


def allow(store: Store, prefix: str, party: str, actor: Actor = COMMAND_LINE) -> Held:
    """Open a prefix for another enrolled party (by its URI); the same again changes nothing.

    Raises:
        UnknownSubjectError: nobody holds it.
        ConflictError: the party itself does.
    """
    with store.transaction(alone=True) as tx:
        held = _find(tx.connection, prefix)
        if held.party == party:
            raise ConflictError(f"{prefix} is {party}'s own prefix")
        if party in held.allowed:
            return held
        row = {"prefix": prefix, "party": party, "since_ms": tx.now_ms}
        insert_all(tx, PrefixPermission, [row])
        note(tx, actor, "prefix-opened", prefix, of=held.party, to=party)
        return _find(tx.connection, prefix)


def disallow(store: Store, prefix: str, party: str, actor: Actor = COMMAND_LINE) -> Held:
    """Take a permission back: what was made stays, nothing more is made.

    Raises:
        UnknownSubjectError: nobody holds the prefix, or it is not open for that party.
    """
    table = PrefixPermission
    with store.transaction(alone=True) as tx:
        held = _find(tx.connection, prefix)
        gone = delete(table).where(table.prefix == prefix, table.party == party)
        if not tx.connection.execute(gone).rowcount:
            raise UnknownSubjectError(
                f"{prefix} of {held.party} is not open for {party}",
                remedy="Look for whom it is: traceability prefix list",
            )
        note(tx, actor, "prefix-closed", prefix, of=held.party, to=party)
        return _find(tx.connection, prefix)


def list_prefixes(connection: Connection, party: str | None = None) -> tuple[Held, ...]:
    """All prefixes, or those of one party, in their order."""
    table, permission = CompanyPrefix, PrefixPermission
    query = select(table).order_by(table.prefix)
    if party is not None:
        query = query.where(table.party == party)
    opened: dict[str, list[str]] = {}
    for row in connection.execute(select(permission).order_by(permission.party)):
        opened.setdefault(row.prefix, []).append(row.party)
    rows = connection.execute(query).all()
    return tuple(Held(row.prefix, row.party, tuple(opened.get(row.prefix, ()))) for row in rows)


def holders_of(connection: Connection, uris: Iterable[str], party: str = "") -> dict[str, Held]:
    """Whose prefix things bear, as far as it is held; one read, or none of nothing.

    Args:
        uris: canonical, of streams of GS1 keys.
        party: ``allowed`` names it, and nobody else, if the prefix is open for it.
    """
    digits = {uri: parse_key(uri).company_digits for uri in uris}
    wanted = {start for each in digits.values() for start in _beginnings(each)}
    if not wanted:
        return {}
    table, permission = CompanyPrefix, PrefixPermission
    opened = and_(permission.prefix == table.prefix, permission.party == party)
    query = select(table.prefix, table.party, permission.party.label("allowed"))
    query = query.outerjoin(permission, opened)
    if len(wanted) <= MAX_WANTED:
        query = query.where(table.prefix.in_(wanted))
    found = {
        row.prefix: Held(row.prefix, row.party, (row.allowed,) if row.allowed else ())
        for row in connection.execute(query)
    }
    # None is the beginning of another, so at most one fits.
    fitting = (
        (uri, found[start]) for uri, each in digits.items() for start in _beginnings(each) if start in found
    )
    return dict(fitting)


def owners_of(connection: Connection, uris: Iterable[str]) -> tuple[tuple[str, str | None], ...]:
    """Whose things are: who holds the prefix, or where nobody here does who made it; None if nobody did."""
    things = tuple(uris)
    held = holders_of(connection, things)
    return tuple((uri, held[uri].party if uri in held else _maker(connection, uri)) for uri in things)


def rights(connection: Connection, node: str, party: str, events: Iterable[Mapping[str, Any]]) -> Rights:
    """What a party may not make, of what these events make."""
    made = dict.fromkeys(uri for event in events for uri in makes(event, node))
    held = holders_of(connection, made, party).items()
    foreign = {uri: each for uri, each in held if party not in (each.party, *each.allowed)}
    if not foreign:
        return Rights(party, node)
    named = party_names(connection, {each.party for each in foreign.values()})
    return Rights(party, node, foreign, {uri: names["en"] for uri, names in named.items() if "en" in names})


def _maker(connection: Connection, uri: str) -> str | None:
    """Who made something: by the event that a batch began with, else by the first that names it."""
    key, record = stream_hash(uri), models.Record
    began = select(models.Batch.statement).where(models.Batch.stream == key)
    first = select(record.statement).where(record.stream == key, record.seq == 0)
    statement = (
        connection.execute(began).scalar_one_or_none() or connection.execute(first).scalar_one_or_none()
    )
    query = select(Event.party).where(Event.statement == statement)
    return connection.execute(query).scalar_one_or_none()


def _find(connection: Connection, prefix: str) -> Held:
    for held in list_prefixes(connection):
        if held.prefix == prefix:
            return held
    raise UnknownSubjectError(
        f"nobody here holds the company prefix {prefix[:64]}",
        remedy="Look at those that are held: traceability prefix list",
    )


def _beginnings(digits: str) -> list[str]:
    """Every prefix that these digits may begin with."""
    return [digits[:length] for length in LENGTHS if length <= len(digits)]
