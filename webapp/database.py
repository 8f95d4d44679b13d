"""The store as the web sees it: the same tables through Flask-SQLAlchemy, for reading only.

A shopper waits for no lock longer than ``PATIENCE_S``; a file that is gone is an error and is
never made anew.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.pool import NullPool

from traceability.store.engine import prepare_sqlite
from traceability.store.models import Base

PATIENCE_S: Final = 3
db: Final = SQLAlchemy(metadata=Base.metadata)


def install(app: Flask, url: str) -> None:
    """Open the store for an application."""
    address = make_url(url)
    sqlite = address.get_backend_name() == "sqlite"
    app.config["SQLALCHEMY_DATABASE_URI"] = existing(url)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = (
        {"poolclass": NullPool, "connect_args": {"timeout": PATIENCE_S}}
        if sqlite
        else {
            "isolation_level": "REPEATABLE READ",
            "pool_pre_ping": True,
            "connect_args": {"connect_timeout": PATIENCE_S},
        }
    )
    db.init_app(app)
    with app.app_context():
        if sqlite:
            prepare_sqlite(db.engine)
            _sqlite_read_only(db.engine)
        else:
            _read_only(db.engine)


def snapshot() -> Connection:
    """This request's connection: one consistent snapshot, given back when the request ends."""
    return db.session.connection()


def existing(url: str) -> str:
    """The address of the same database; a SQLite file is opened only if it is there."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        file = f"file:{quote(address.database or '')}"
        address = address.set(database=file, query={"mode": "rw", "uri": "true"})
    return address.render_as_string(hide_password=False)


def _sqlite_read_only(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={PATIENCE_S * 1000}")
        connection.execute("PRAGMA query_only=ON")


def _read_only(engine: Engine) -> None:
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
