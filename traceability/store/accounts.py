"""Tables of the people who use the node: who they are, their sessions and links, and what was done by whom.

Nothing in here is evidence. Rows that give rights carry a MAC under the node's secret
(``operations.sealing``): whoever only writes to the database makes no administrator.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base


class PartyKindRow(Base):
    """What an enrolled party is: producer, carrier, authority ..."""

    __tablename__ = "party_kinds"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    since_ms: Mapped[int]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class User(Base):
    """A person. ``party`` is NULL for administrators of the node; ``password`` until the person has joined.

    ``password`` is an argon2id text, ``totp`` a secret encrypted under the node's, ``totp_step`` the last
    time step of which a code was taken.
    """

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    login: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str]
    party: Mapped[str | None] = mapped_column(String(512), index=True)
    role: Mapped[str] = mapped_column(String(16))
    password: Mapped[str | None]
    totp: Mapped[bytes | None]
    totp_step: Mapped[int] = mapped_column(server_default=text("-1"))
    created_ms: Mapped[int]
    disabled_ms: Mapped[int | None]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class RecoveryCode(Base):
    """A code that stands in for the app once: a MAC of it under the node's secret."""

    __tablename__ = "recovery_codes"
    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)


class Session(Base):
    """Somebody who is signed in. ``id`` is a MAC of the cookie; a session ends when its row goes.

    ``second`` says that a second factor was shown, ``proved_ms`` when the password was last shown;
    ``said`` is what the next page is to tell.
    """

    __tablename__ = "sessions"
    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    second: Mapped[bool]
    created_ms: Mapped[int]
    proved_ms: Mapped[int]
    seen_ms: Mapped[int] = mapped_column(index=True)
    network: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str]
    said: Mapped[str | None]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class OneTimeLink(Base):
    """A link that does one thing once for one person; ``id`` is a MAC of what is behind it."""

    __tablename__ = "one_time_links"
    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    user: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    created_ms: Mapped[int]
    expires_ms: Mapped[int]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class Attempt(Base):
    """A bucket of tries to sign in: ``id`` is a MAC of whose it is, ``due_ms`` when it is full again."""

    __tablename__ = "attempts"
    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    due_ms: Mapped[int] = mapped_column(index=True)


class TrailEntry(Base):
    """Who did what: a person (``user``), a token or the command line (``via``), from which network.

    ``detail`` is a JSON object. Written in the transaction of the change; never changed, never sealed.
    """

    __tablename__ = "trail"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at_ms: Mapped[int] = mapped_column(index=True)
    user: Mapped[str | None] = mapped_column(String(16), index=True)
    party: Mapped[str | None] = mapped_column(String(512), index=True)
    via: Mapped[str] = mapped_column(String(80))
    network: Mapped[str | None] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(512))
    detail: Mapped[str]
