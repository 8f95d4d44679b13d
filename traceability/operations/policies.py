"""What a party shows to whom: its exceptions from the default, by product, and what follows from them.

A party's exception for a product stands before its exception for all products, and that before
the default. Of an event that names several products the strictest holds. What an audience gets
is decided each time it asks, so that a change holds for old events too; what was given away
before cannot be taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select

from traceability.errors import ConflictError, IdentifierError, StatementError
from traceability.gs1 import parse_key
from traceability.identifiers import parse_gtin
from traceability.operations.accounts.trail import COMMAND_LINE, Actor, note
from traceability.operations.disclosures import all_disclosures
from traceability.signing import sdjwt
from traceability.signing.digests import HASH_NAME, conceal, random_salt
from traceability.signing.disclosure import (
    DEFAULT,
    EVENT_CLAIM,
    Audience,
    Policy,
    digests_for,
    hide_claims,
    inside,
    strictest,
)
from traceability.signing.parts import Part, changeable, format_part, parse_part
from traceability.signing.strictjson import Json, b64url_decode, json_decode
from traceability.store.access import DisclosurePolicy
from traceability.store.engine import Store
from traceability.supply.epcis.events import subjects

MAX_NAME: Final = 128
"""Characters of the name of a part for which there is an exception."""
MAX_EXCEPTIONS: Final = 1_000
"""Of one party, for all of its products together."""
CHUNK: Final = 500
"""Statements and parties that are looked up at a time."""


@dataclass(frozen=True, slots=True)
class PolicyException:
    """One exception: the party's URI, a GTIN-14 or nothing for all products, the part, for whom it is."""

    party: str
    product: str
    part: str
    audience: Audience


@dataclass(frozen=True, slots=True)
class Seen:
    """A part of an event, its value without inner parts, and the widest audience that sees it."""

    part: str
    value: Json
    audience: Audience


@dataclass(frozen=True, slots=True)
class Policies:
    """The exceptions of some parties, as read in one snapshot."""

    _by_party: Mapping[str, Mapping[str, Mapping[Part, Audience]]] = field(default_factory=dict)

    def of(self, party: str, products: Iterable[str] = ()) -> Policy:
        """What holds for an event of a party that names these products (GTIN-14)."""
        exceptions = self._by_party.get(party)
        if exceptions is None:
            return DEFAULT
        wide = exceptions.get("", {})
        named = {product if product in exceptions else "" for product in products} or {""}
        return strictest(Policy({**wide, **exceptions.get(product, {})}) for product in named)

    def changed(self, party: str, product: str, part: Part, audience: Audience | None) -> Policies:
        """As they would be with one exception more, or with None without it."""
        own = {name: dict(parts) for name, parts in self._by_party.get(party, {}).items()}
        if audience is None:
            own.get(product, {}).pop(part, None)
        else:
            own.setdefault(product, {})[part] = audience
        return Policies({**self._by_party, party: {name: parts for name, parts in own.items() if parts}})

    def shown(self, party: str, revealed: sdjwt.Revealed, audience: Audience) -> frozenset[str]:
        """The digests of the disclosures that an audience gets.

        Args:
            party: who signed the statement.
            revealed: with every disclosure that was not erased.
        """
        if party not in self._by_party:
            return digests_for(audience, revealed.paths)
        event = revealed.claims.get(EVENT_CLAIM)
        products = products_of(event) if isinstance(event, Mapping) else ()
        return digests_for(audience, revealed.paths, self.of(party, products))


def products_of(event: Mapping[str, Any]) -> frozenset[str]:
    """The products (GTIN-14) of what an event names in its lists and as its parent."""
    found = set()
    for uri in subjects(event):
        # Whatever is no GS1 key, or one of another kind, is no product.
        with suppress(IdentifierError):
            key = parse_key(uri)
            if key.path.startswith("/01/"):
                found.add(key.values[0])
    return frozenset(found)


def load_policies(connection: Connection, parties: Collection[str]) -> Policies:
    """The exceptions of parties, by their URIs."""
    found: defaultdict[str, defaultdict[str, dict[Part, Audience]]] = defaultdict(lambda: defaultdict(dict))
    for some in _chunks(sorted(set(parties))):
        for row in connection.execute(select(DisclosurePolicy).where(DisclosurePolicy.party.in_(some))):
            found[row.party][row.product][parse_part(row.part)] = Audience(row.audience)
    return Policies(found)


def policy_for(connection: Connection, party: str, products: Collection[str] = ()) -> Policy:
    """What holds for an event of a party: the strictest over the products (GTIN-14) that it names."""
    return load_policies(connection, [party]).of(party, products)


def released(
    connection: Connection, sha256: bytes, statement: sdjwt.SdJwt, audience: Audience
) -> tuple[str, ...]:
    """The disclosures of one statement that an audience gets; see ``released_all``."""
    return released_all(connection, {sha256: statement}, audience)[sha256]


def released_all(
    connection: Connection, statements: Mapping[bytes, sdjwt.SdJwt], audience: Audience
) -> dict[bytes, tuple[str, ...]]:
    """The disclosures that an audience gets under the policies of those who signed.

    Args:
        statements: parsed, by SHA-256; of events.

    Returns:
        For each statement the base64url texts, in the order of their digests.
    """
    policies = load_policies(connection, {statement.iss for statement in statements.values()})
    given: dict[bytes, tuple[str, ...]] = {}
    for some in _chunks(list(statements)):
        texts = all_disclosures(connection, some)
        for sha256 in some:
            statement, own = statements[sha256], texts.get(sha256, [])
            shown = policies.shown(statement.iss, sdjwt.reveal(statement.payload, own), audience)
            by_digest = {sdjwt.digest_of(text): text for text in own}
            given[sha256] = tuple(by_digest[digest] for digest in sorted(shown))
    return given


def check_exception(party: str, part: str, audience: Audience, product: str | None = None) -> PolicyException:
    """What ``set_exception`` would keep; raises as it does, but for the number of exceptions."""
    named = parse_part(part)
    if len(part) > MAX_NAME:
        raise StatementError(f"a part of {len(part)} characters, at most {MAX_NAME} are kept")
    Policy({named: audience})
    _require_meaningful(named)
    return PolicyException(party, _gtin(product), format_part(named), audience)


def set_exception(
    store: Store,
    party: str,
    part: str,
    audience: Audience,
    product: str | None = None,
    actor: Actor = COMMAND_LINE,
) -> PolicyException:
    """Show a part of a party's events to an audience and to those who see more, and to nobody else.

    Args:
        party: its URI.
        part: as ``parse_part`` reads it.
        product: a GTIN; without one it holds for all products that have no exception of their own.

    Raises:
        StatementError: not a part that can be shown or withheld, or one that no event has.
        ConflictError: no policy changes that part, or there are ``MAX_EXCEPTIONS`` already.
        IdentifierError: not a GTIN.
    """
    made = check_exception(party, part, audience, product)
    table = DisclosurePolicy
    with store.transaction() as tx:
        key = (table.party == party, table.product == made.product, table.part == made.part)
        tx.connection.execute(delete(table).where(*key))
        count = select(func.count()).select_from(table).where(table.party == party)
        if tx.connection.execute(count).scalar_one() >= MAX_EXCEPTIONS:
            raise ConflictError(
                f"{party} has {MAX_EXCEPTIONS} exceptions, more are not kept",
                remedy="Take some back: traceability policy reset --help.",
            )
        row = {"party": party, "product": made.product, "part": made.part, "audience": audience.value}
        tx.connection.execute(insert(table).values(row))
        note(
            tx,
            actor,
            "disclosure-changed",
            party,
            **{name: row[name] for name in ("product", "part", "audience")},
        )
    return made


def reset_exceptions(
    store: Store,
    party: str,
    product: str | None = None,
    part: str | None = None,
    actor: Actor = COMMAND_LINE,
) -> int:
    """Take exceptions back: those of a product, of a part, or all of a party; how many there were.

    An empty ``product`` is what was said of all products.
    """
    table = DisclosurePolicy
    query = delete(table).where(table.party == party)
    if product is not None:
        query = query.where(table.product == (product and _gtin(product)))
    if part is not None:
        query = query.where(table.part == part)
    with store.transaction() as tx:
        if count := tx.connection.execute(query).rowcount:
            note(tx, actor, "disclosure-reset", party, product=product, part=part, count=count)
        return count


def list_exceptions(connection: Connection, party: str | None = None) -> tuple[PolicyException, ...]:
    """All exceptions, or those of one party, in the order of party, product and part."""
    table = DisclosurePolicy
    query = select(table).order_by(table.party, table.product, table.part)
    if party is not None:
        query = query.where(table.party == party)
    return tuple(
        PolicyException(row.party, row.product, row.part, Audience(row.audience))
        for row in connection.execute(query)
    )


def preview_event(event: Mapping[str, Any], policy: Policy = DEFAULT) -> tuple[Seen, ...]:
    """What each audience would see of an event, before anybody signs it; in the order of the parts.

    Raises:
        StatementError, EncodingError, OversizeError: it cannot be signed as it is.
    """
    _, disclosures = conceal({EVENT_CLAIM: dict(event)}, hide_claims, random_salt)
    paths = {disclosure.digest: disclosure.path for disclosure in disclosures}
    widest: dict[str, Audience] = {}
    for audience in sorted(Audience, reverse=True):
        widest |= dict.fromkeys(digests_for(audience, paths, policy), audience)
    shown = [
        Seen("/".join(map(str, inside(d.path))), _open_part(d.text), widest[d.digest]) for d in disclosures
    ]
    return tuple(sorted(shown, key=lambda seen: seen.part))


def _open_part(disclosure: str) -> Json:
    """What a disclosure shows alone, without what is hidden once more inside it."""
    content = json_decode(b64url_decode(disclosure))
    value = content[-1] if isinstance(content, list) else None
    return sdjwt.reveal({"value": value, "_sd_alg": HASH_NAME}, ()).claims["value"]


def _require_meaningful(part: Part) -> None:
    """Refuses a misspelt part: a name without a prefix is one of the standard's, and those are known."""
    known = changeable()
    if part not in known and ":" not in part[-1]:
        beside = [format_part(each) for each in known if each[:-1] == part[:-1]]
        own = format_part((*part[:-1], "ft:person"))
        raise StatementError(
            f"no event has a part {format_part(part)!r}: this would open or close nothing",
            remedy=f"There are {', '.join(beside)}; or, with its prefix or as a URI, your own: {own}.",
        )


def _gtin(product: str | None) -> str:
    return "" if product is None else parse_gtin(product)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
