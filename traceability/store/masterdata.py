"""Tables of what firms keep by heart: their products, places and assets. Nothing in here is evidence.

They are offered when somebody records a step. What is signed is copied into the event; whoever
changes a row afterwards changes no event.
"""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from traceability.store.models import Base


class Product(Base):
    """A product of a party, with its limits; ``picture`` is the name of a file."""

    __tablename__ = "products"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    gtin: Mapped[str] = mapped_column(String(14), primary_key=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    low_milli_c: Mapped[int | None]
    high_milli_c: Mapped[int | None]
    max_gap_s: Mapped[int]
    profile: Mapped[str | None] = mapped_column(String(32))
    shelf_life_days: Mapped[int | None]
    uom: Mapped[str | None] = mapped_column(String(3))
    picture: Mapped[str | None] = mapped_column(String(32))
    changed_ms: Mapped[int]


class Place(Base):
    """A place of a party, in millionths of a degree; its region is what the public is told."""

    __tablename__ = "places"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    gln: Mapped[str] = mapped_column(String(13), primary_key=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    latitude_udeg: Mapped[int | None]
    longitude_udeg: Mapped[int | None]
    region_en: Mapped[str | None] = mapped_column(String(200))
    region_zh: Mapped[str | None] = mapped_column(String(200))
    changed_ms: Mapped[int]


class Asset(Base):
    """A cold room, truck or field of a party, by the URI of its stream; the public gets its names."""

    __tablename__ = "assets"
    party: Mapped[str] = mapped_column(String(512), primary_key=True)
    uri: Mapped[str] = mapped_column(String(512), primary_key=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    changed_ms: Mapped[int]
