"""Tables of those who use the node: tokens, jobs, kept queries, what they show to whom, whose a number is.

Nothing in here is evidence.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base


class Capture(Base):
    """A capture job (EPCIS 2.0 12.6): what became of a document."""

    __tablename__ = "captures"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), index=True)
    created_ms: Mapped[int]
    finished_ms: Mapped[int | None]
    behaviour: Mapped[str] = mapped_column(String(16))
    recorded: Mapped[int]
    problems: Mapped[str]


class Token(Base):
    """A bearer token of the API: SHA-256 of it, whose it is, what it allows.

    ``mac`` is over all of that under the node's secret; NULL in rows of before there was one.
    """

    __tablename__ = "tokens"
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    party: Mapped[str] = mapped_column(String(512))
    scopes: Mapped[str] = mapped_column(String(64))
    regulator: Mapped[bool]
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    revoked_ms: Mapped[int | None]
    mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))


class EnrolCode(Base):
    """A code by which one device enrols itself: a MAC of it under the node's secret, for whom, until when.

    ``request`` is what came with it, of ``device``; a person has ``approved`` it or not yet.
    """

    __tablename__ = "enrol_codes"
    mac: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    party: Mapped[str] = mapped_column(String(512))
    model: Mapped[str]
    site: Mapped[str]
    expires_ms: Mapped[int] = mapped_column(index=True)
    device: Mapped[str | None] = mapped_column(String(32))
    request: Mapped[bytes | None]
    attempt: Mapped[int]
    approved: Mapped[bool]


class Spent(Base):
    """Bytes that a party added to others' proofs of a stream, as far as they are counted.

    ``period`` counts the periods since 1970 in which the quota is new; 0 where it is for good.
    """

    __tablename__ = "spent"
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    period: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]


class NamedQuery(Base):
    """A query that a party keeps under a name (EPCIS 2.0 12.7)."""

    __tablename__ = "queries"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    query: Mapped[str]
    created_ms: Mapped[int]


class DisclosurePolicy(Base):
    """To whom a party shows a part of its events, where it differs from the default.

    ``product`` is a GTIN-14, or empty for all of the party's products; ``part`` a member's name,
    with ``/`` between the steps to an inner one.
    """

    __tablename__ = "policies"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    product: Mapped[str] = mapped_column(String(14), primary_key=True)
    part: Mapped[str] = mapped_column(String(128), primary_key=True)
    audience: Mapped[str] = mapped_column(String(16))


class Erasure(Base):
    """A disclosure that was erased: which part of the event it was, for whom, why and when."""

    __tablename__ = "erasures"
    statement: Mapped[bytes] = mapped_column(ForeignKey("statements.sha256"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(43), primary_key=True)
    part: Mapped[str]
    party: Mapped[str] = mapped_column(String(512))
    reason: Mapped[str]
    at_ms: Mapped[int] = mapped_column(index=True)


class CompanyPrefix(Base):
    """A GS1 company prefix and the party that holds it; none is the beginning of another."""

    __tablename__ = "company_prefixes"
    prefix: Mapped[str] = mapped_column(String(12), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), index=True)
    since_ms: Mapped[int]


class PrefixPermission(Base):
    """A party that may put another's company prefix on what it makes."""

    __tablename__ = "prefix_permissions"
    prefix: Mapped[str] = mapped_column(ForeignKey("company_prefixes.prefix"), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    since_ms: Mapped[int]
