"""The tables.

Evidence is kept as the bytes that were signed (``Statement.body``) and as the columns of the
record that commits to them. Everything else in here is either recomputed from those by
``operations.audit`` or says in its docstring that it is not evidence.

Times are integer milliseconds since 1970 UTC; hashes are 32 raw bytes. A stream is referred
to by SHA-256 of its URI, which is also its place in the state tree.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_BIG = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Metadata shared by the operations, the migrations and the web site."""

    type_annotation_map: ClassVar[dict[type, object]] = {int: _BIG, bytes: LargeBinary, str: Text}


class Stream(Base):
    """One subject's ordered history: its length and newest record."""

    __tablename__ = "streams"
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    uri: Mapped[str] = mapped_column(String(512), unique=True)
    length: Mapped[int]
    head: Mapped[bytes] = mapped_column(LargeBinary(32))
    time_ms: Mapped[int]


class Statement(Base):
    """The bytes that somebody signed, once each."""

    __tablename__ = "statements"
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    body: Mapped[bytes]


class Record(Base):
    """One link of a stream's chain; previous hash and commitment follow from the other columns.

    Of a record whose statement was lost with a database (``operations.recover``) there are no
    ``statement`` and ``salt``, and ``commitment`` says what the log says; everywhere else it is NULL.
    """

    __tablename__ = "records"
    __table_args__ = (Index("records_by_statement", "statement", "stream", unique=True),)
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    time_ms: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(128))
    statement: Mapped[bytes | None] = mapped_column(ForeignKey("statements.sha256"))
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    commitment: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    log_index: Mapped[int | None] = mapped_column(unique=True)


class Disclosures(Base):
    """The salted members of an SD-JWT that were not erased, all in one text."""

    __tablename__ = "disclosures"
    statement: Mapped[bytes] = mapped_column(ForeignKey("statements.sha256"), primary_key=True)
    texts: Mapped[str]


class Key(Base):
    """A public key, and from when until when it speaks for its holder, as its key stream says.

    The record time of what brought it in, and of what ended it; NULL while it is in force. A device's
    speaks from ``first_counter`` on, and once it ended up to ``last_counter``; NULL if nothing is taken.
    """

    __tablename__ = "keys"
    kid: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    subject: Mapped[str] = mapped_column(String(512), index=True)
    public: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"))
    from_ms: Mapped[int] = mapped_column(index=True)
    until_ms: Mapped[int | None]
    first_counter: Mapped[int] = mapped_column(server_default=text("0"))
    last_counter: Mapped[int | None]


class Custody(Base):
    """A party's private key that the node keeps for it, encrypted."""

    __tablename__ = "custody"
    kid: Mapped[bytes] = mapped_column(ForeignKey("keys.kid"), primary_key=True)
    sealed: Mapped[bytes]


class Device(Base):
    """How far a device's counters are settled: every counter up to here has an answer."""

    __tablename__ = "devices"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kid: Mapped[bytes] = mapped_column(ForeignKey("keys.kid"))
    settled: Mapped[int]


_REFUSED: Final = text("outcome != 'accepted'")


class DeviceStatement(Base):
    """What became of each counter of a device; ``outcome`` is ``accepted`` or a reason code."""

    __tablename__ = "device_statements"
    __table_args__ = (
        Index("device_statements_by_time", "stream", "to_ms"),
        Index(
            "device_statements_refused", "device", "counter", sqlite_where=_REFUSED, postgresql_where=_REFUSED
        ),
    )
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    counter: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    prev: Mapped[bytes] = mapped_column(LargeBinary(32))
    boot: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(32))
    stream: Mapped[bytes | None] = mapped_column(ForeignKey("streams.hash"))
    seq: Mapped[int | None]
    from_ms: Mapped[int | None]
    to_ms: Mapped[int | None]


class Gap(Base):
    """Counters that a device declared lost."""

    __tablename__ = "gaps"
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(primary_key=True)
    statement: Mapped[bytes] = mapped_column(ForeignKey("statements.sha256"))


class Installation(Base):
    """Which stream a device speaks about, from and until when."""

    __tablename__ = "installations"
    device: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    from_ms: Mapped[int] = mapped_column(primary_key=True)
    to_ms: Mapped[int | None]
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"), index=True)


class Batch(Base):
    """A batch and the first event by which it ``begun``; until there is one, the first that names it."""

    __tablename__ = "batches"
    stream: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"), primary_key=True)
    statement: Mapped[bytes] = mapped_column(ForeignKey("statements.sha256"))
    begun: Mapped[bool]


class Stay(Base):
    """A batch's time in a monitored asset; rebuilt from the records that open and close it.

    ``settled`` is no evidence: it says that the publisher need not look at the stay, because it is
    closed and nothing came late since.
    """

    __tablename__ = "stays"
    __table_args__ = (
        Index("stays_by_leaving", "asset", "left_ms"),
        Index(
            "stays_unsettled",
            "batch",
            "open_seq",
            sqlite_where=text("settled = 0"),
            postgresql_where=text("settled = false"),
        ),
    )
    batch: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"), primary_key=True)
    open_seq: Mapped[int] = mapped_column(primary_key=True)
    asset: Mapped[bytes] = mapped_column(ForeignKey("streams.hash"))
    asset_from: Mapped[int]
    entered_ms: Mapped[int]
    left_ms: Mapped[int | None]
    leave_seq: Mapped[int | None]
    close_seq: Mapped[int | None]
    asset_to: Mapped[int | None]
    settled: Mapped[bool] = mapped_column(server_default=false())


class Checkpoint(Base):
    """A signed tree head with the state leaf that ends its tree; staged before it is published.

    ``beacon`` is SHA-256 of the note's text, by which a device's frame names it.
    """

    __tablename__ = "checkpoints"
    size: Mapped[int] = mapped_column(primary_key=True)
    time_ms: Mapped[int]
    leaf: Mapped[str]
    note: Mapped[str]
    published: Mapped[bool]
    beacon: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)


class Cosignature(Base):
    """A witness's line under a checkpoint; whoever reads it checks it. Not evidence of this node's.

    ``witness`` is its vkey; only the newest of each under each checkpoint is kept.
    """

    __tablename__ = "cosignatures"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(String(512), primary_key=True)
    time_s: Mapped[int]
    line: Mapped[str]


class Tile(Base):
    """The longest known version of one hash tile: up to 256 hashes of 32 bytes."""

    __tablename__ = "tiles"
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    hashes: Mapped[bytes]


class StatePage(Base):
    """One page of the state tree at the newest published checkpoint (``ledger.statepages``)."""

    __tablename__ = "state_pages"
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]


class PastStatePage(Base):
    """A page as it was until the checkpoint of ``size`` changed it, for who is shown an older one.

    Kept for the newest checkpoints alone. Not evidence: it is compared with a signed root when it is read.
    """

    __tablename__ = "past_state_pages"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes]


class Tally(Base):
    """received = accepted + duplicate + rejected + quarantined + flooded, for each source.

    ``source`` is the device that a topic names, or ``unknown``. ``unkept`` counts the refusals
    that the quarantine had no room for, ``kept_bytes`` is what it holds; ``flooded_ms`` is when
    something of it last went unread.
    """

    __tablename__ = "tallies"
    source: Mapped[str] = mapped_column(String(32), primary_key=True)
    received: Mapped[int]
    accepted: Mapped[int]
    duplicate: Mapped[int]
    rejected: Mapped[int]
    quarantined: Mapped[int]
    unkept: Mapped[int]
    flooded: Mapped[int] = mapped_column(server_default=text("0"))
    flooded_ms: Mapped[int | None]
    kept_bytes: Mapped[int] = mapped_column(server_default=text("0"))


class Quarantine(Base):
    """A refused message, for people to look at: at most 16 KiB of it, within a quota."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    received_ms: Mapped[int]
    source: Mapped[str] = mapped_column(ForeignKey("tallies.source"), index=True)
    topic: Mapped[str]
    code: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    body: Mapped[bytes]


class Heartbeat(Base):
    """When a program last said that it works. Not evidence."""

    __tablename__ = "heartbeats"
    program: Mapped[str] = mapped_column(String(32), primary_key=True)
    at_ms: Mapped[int]
    detail: Mapped[str]
