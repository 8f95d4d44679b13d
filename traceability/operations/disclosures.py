"""The disclosures of events as they are kept: one text for a statement, since they are read together.

In it stand all that were not erased, ascending by their digests, with ``~`` between them, as an
SD-JWT carries them (RFC 9901 4). What was erased is named by the rows of ``erasures``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select, update

from traceability.signing.sdjwt import Disclosure, digest_of
from traceability.store.engine import Transaction
from traceability.store.models import Disclosures
from traceability.store.rows import insert_new

SEPARATOR: Final = "~"
LOST: Final = ""
"""In a row of ``erasures``, the part of what was lost with a database: nobody knows which part it was."""


def keep_disclosures(tx: Transaction, made: Mapping[bytes, Sequence[Disclosure]]) -> None:
    """Keep the disclosures of new statements, by SHA-256 of each; those that are there stay as they are."""
    insert_new(tx, Disclosures, [_row(statement, each) for statement, each in made.items()])


def disclosures_of(connection: Connection, statement: bytes) -> list[str]:
    """The disclosures of a statement (by its SHA-256) that were not erased, ascending by their digests."""
    return all_disclosures(connection, [statement]).get(statement, [])


def all_disclosures(connection: Connection, statements: Collection[bytes]) -> dict[bytes, list[str]]:
    """The same for many statements; those without any are left out."""
    query = select(Disclosures.statement, Disclosures.texts).where(Disclosures.statement.in_(statements))
    return {row.statement: split_texts(row.texts) for row in connection.execute(query) if row.texts}


def lock_disclosures(tx: Transaction, statements: Collection[bytes]) -> None:
    """Let nobody else change the disclosures of these statements before the transaction ends."""
    query = select(Disclosures.statement).where(Disclosures.statement.in_(statements))
    tx.connection.execute(query.order_by(Disclosures.statement).with_for_update()).all()


def forget_disclosures(tx: Transaction, statement: bytes, digests: Collection[str]) -> None:
    """Take disclosures of a statement away for good; locked, lest another erasure puts them back."""
    lock_disclosures(tx, [statement])
    own = Disclosures.statement == statement
    left = [text for text in disclosures_of(tx.connection, statement) if digest_of(text) not in digests]
    tx.connection.execute(update(Disclosures).where(own).values(texts=SEPARATOR.join(left)))


def split_texts(texts: str) -> list[str]:
    """The disclosures in the text of a row."""
    return texts.split(SEPARATOR)


def _row(statement: bytes, made: Sequence[Disclosure]) -> dict[str, Any]:
    texts = {each.digest: each.text for each in made}
    return {"statement": statement, "texts": SEPARATOR.join([texts[digest] for digest in sorted(texts)])}
