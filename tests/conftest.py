"""Real parts for every test, and the closing report of skips."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support import scratch
from tests.support.broker import Broker
from tests.support.browser import find_chromium, launched
from tests.support.databases import BACKENDS, migrate, prepare
from tests.support.node import JavaScript, absence
from tests.support.postgres import Postgres
from tests.support.skips import CONFORMANCE_ABSENT, closing_lines, count_skips, refused_reasons
from tests.support.world import World, make_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest_plugins = ("tests.support.sweeps",)

scratch.use_memory()  # before anything temporary is made

REPOSITORY = Path(__file__).resolve().parent.parent

EXAMPLES = 50
"""Of each property test, where it does not name its own number; forty times as many in `make soak`."""

# A shared machine is slow at times, and that is not what a property test is about. Where CI is
# set the examples are the same in every run; elsewhere each run looks at new ones.
settings.register_profile(
    "suite",
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Leave what was imported, and seven thousand tests, out of every later look for garbage."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Print the skips after everything else; with CI set, fail for those that may not be."""
    yield
    if hasattr(session.config, "workerinput"):
        return  # under xdist the controller speaks for all
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skips = count_skips(reporter.stats.get("skipped", []))
    refused = refused_reasons(skips)
    if refused and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    for line in closing_lines(skips, refused):
        reporter.write_line(line)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """A running MQTT broker; a test that stops it starts it again before it ends."""
    running = Broker()
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL server."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """SQLAlchemy's URL of the server's maintenance database; make no tables in it."""
    return postgres.url


@pytest.fixture(scope="session")
def postgres_tables(postgres: Postgres) -> Iterator[str]:
    """The name of a database with all tables and no rows, to be copied."""
    with postgres.fresh_database() as url:
        migrate(url)
        yield url.partition("@/")[2].partition("?")[0]


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with tables and no rows, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
        prepare(url)
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.fresh_database(request.getfixturevalue("postgres_tables")) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; each test opens a context of its own."""
    executable = find_chromium()
    if executable is None:
        pytest.skip("no Chromium on this machine")
    with launched(executable) as browser:
        yield browser


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Folder of published test vectors, kept beside the repository."""
    folder = REPOSITORY.parent / "shared" / "conformance"
    if not folder.is_dir():
        pytest.skip(CONFORMANCE_ABSENT)
    return folder


@pytest.fixture(scope="module")
def javascript() -> Iterator[JavaScript]:
    """Node.js with the verifier in JavaScript loaded, to be asked what Python is asked too."""
    if missing := absence():
        pytest.skip(missing)
    running = JavaScript()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A node on SQLite, and another one on PostgreSQL."""
    made = make_world(tmp_path / "node", database_url)
    yield made
    made.store.close()


@pytest.fixture
def lone(tmp_path: Path) -> Iterator[World]:
    """A node for what does not depend on the database."""
    made = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield made
    made.store.close()
