"""The store as the web sees it: the same tables through Flask-SQLAlchemy, for reading only."""

from __future__ import annotations

from typing import Final

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, event

from traceability.store.engine import prepare_sqlite
from traceability.store.models import Base

db: Final = SQLAlchemy(metadata=Base.metadata)


def install(app: Flask, url: str) -> None:
    """Open the store for an application."""
    sqlite = url.startswith("sqlite")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = (
        {} if sqlite else {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
    )
    db.init_app(app)
    with app.app_context():
        if sqlite:
            prepare_sqlite(db.engine)
        else:
            _read_only(db.engine)


def snapshot() -> Connection:
    """This request's connection: one consistent snapshot, given back when the request ends."""
    return db.session.connection()


def _read_only(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
