"""Tables of inspections, and of links for reading that somebody gave out. Nothing in here is evidence.

What was signed stands in the documents; these rows are the drafts before, and where to find what came of
them. A link carries a MAC under the node's secret: whoever only writes to the database opens no view.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base

_ASKED: Final = text("laboratory IS NOT NULL")


class Paper(Base):
    """A report, a sample or a result (``supply.inspection``) that somebody works on.

    ``party`` writes and signs it, ``by`` is the person; ``about`` is a URI. Of a sample, ``laboratory`` was
    asked at ``asked_ms``. ``inspection`` and ``sample`` are ids of papers that it belongs to. ``says`` is
    what the form holds, as JSON; ``state`` is ``draft``, ``signed`` or ``withdrawn``. ``document`` is the
    SHA-256 of what was signed last, ``statement`` that of its notice.
    """

    __tablename__ = "papers"
    __table_args__ = (
        Index("papers_by_party", "party", "kind", "created_ms"),
        Index("papers_asked", "laboratory", "asked_ms", sqlite_where=_ASKED, postgresql_where=_ASKED),
        Index("papers_by_subject", "about", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    party: Mapped[str] = mapped_column(String(512))
    by: Mapped[str] = mapped_column(String(200))
    about: Mapped[str] = mapped_column(String(512))
    inspection: Mapped[str | None] = mapped_column(ForeignKey("papers.id"), index=True)
    sample: Mapped[str | None] = mapped_column(ForeignKey("papers.id"), index=True)
    laboratory: Mapped[str | None] = mapped_column(String(512))
    asked_ms: Mapped[int | None]
    says: Mapped[str]
    state: Mapped[str] = mapped_column(String(10))
    document: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    statement: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    created_ms: Mapped[int]
    signed_ms: Mapped[int | None]


class SharedLink(Base):
    """A link that shows one view to whoever has it; ``id`` is a MAC of the secret in its address.

    ``view`` is what is shown (``operations.sharing``), ``subject`` of what, ``options`` how, as JSON;
    ``party`` is who gave it out, whose eyes it lends, and ``by`` the person.
    """

    __tablename__ = "shared_links"
    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    party: Mapped[str] = mapped_column(String(512), index=True)
    by: Mapped[str] = mapped_column(String(200))
    regulator: Mapped[bool]
    view: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(512))
    options: Mapped[str]
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    revoked_ms: Mapped[int | None]
    used_ms: Mapped[int | None]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
