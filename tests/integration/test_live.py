"""What is new reaches a page that somebody looks at, and nobody who may not see it."""

from __future__ import annotations

import http.client
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.support.people import make_person, make_session, sign_in
from tests.support.web import served, site_of
from tests.support.world import make_world
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.roles import PartyKind
from traceability.operations.accounts.sessions import IDLE_MS, SEEN_EVERY_MS, end_sessions
from traceability.operations.accounts.trail import COMMAND_LINE
from webapp import cookie, live


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm, truck = world.party("Farm"), world.asset("TRUCK1")
    probe = world.device(farm)
    world.install(farm, probe, truck)
    batch = world.harvest(farm, "L1")
    world.event("load", farm, batch, asset=truck)
    world.publish()
    with served(world) as address:
        yield world, farm, probe, f"/live/subject/{stream_hash(batch).hex()}", address
    world.store.close()


@contextmanager
def listening(address, path, session, mark=""):
    """An open event stream, as an answer to read lines from."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    headers = {"Cookie": f"{cookie.PLAIN_NAME}={session}", "Accept": "text/event-stream"}
    connection.request("GET", f"{path}?mark={mark}", headers=headers)
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def next_event(answer) -> str:
    """The lines of the next event that is no comment."""
    lines: list[str] = []
    while True:
        line = answer.readline().decode().rstrip("\n")
        if line:
            lines.append(line)
        elif any(not each.startswith((":", "retry:")) for each in lines):
            return "\n".join(lines)
        else:
            lines.clear()


def test_a_new_reading_is_told_once_it_is_in_the_log(place):
    world, farm, probe, path, address = place
    session = make_session(world.store, world.node, make_person(world.store, world.node, farm))
    with listening(address, path, session) as answer:
        first = next_event(answer)
        world.wait(minutes=5)
        world.measure(probe, 4.5)
        world.publish()
        second = next_event(answer)
    assert answer.status == 200
    assert first.startswith("data: ")
    assert second.startswith("data: ")
    assert first != second


def test_the_mark_that_is_shown_already_is_not_told(place):
    world, farm, probe, path, address = place
    with site_of(world) as app:
        client = sign_in(app.test_client(), world.store, world.node, farm)
        mark = client.get(path).get_json()["mark"]
    session = make_session(world.store, world.node, make_person(world.store, world.node, farm))
    with listening(address, path, session, mark) as answer:
        world.wait(minutes=5)
        world.measure(probe, 4.0)
        world.publish()
        assert next_event(answer) != f"data: {mark}"


def test_who_is_signed_out_is_told_no_more(place):
    world, farm, _, path, address = place
    person = make_person(world.store, world.node, farm)
    session = make_session(world.store, world.node, person)
    with listening(address, path, session) as answer:
        next_event(answer)
        with world.store.transaction() as tx:
            end_sessions(tx, COMMAND_LINE, person.id)
        assert next_event(answer).startswith("event: ended")
        assert answer.readline() == b""


def test_only_so_many_listen_at_once_and_others_are_told_when_to_ask(place, monkeypatch):
    world, farm, _, path, address = place
    session = make_session(world.store, world.node, make_person(world.store, world.node, farm))
    with listening(address, path, session) as first:
        next_event(first)
        taken = [live._places.acquire(blocking=False) for _ in range(live.LISTENERS)]
        with listening(address, path, session) as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == str(live.ASK_AGAIN_S)
        for _ in filter(None, taken):
            live._places.release()
    assert taken.count(True) < live.LISTENERS, "a listener takes one of the places"


@pytest.mark.parametrize("path", ["/live/nothing/00", "/live/subject/zz", "/live/subject/00"])
def test_what_there_is_not_is_not_found(place, path):
    world, farm, *_ = place
    with site_of(world) as app:
        assert sign_in(app.test_client(), world.store, world.node, farm).get(path).status_code == 404


def test_a_stranger_and_who_has_no_right_to_it_learn_nothing(place):
    world, _, _, path, _ = place
    with site_of(world) as app:
        assert app.test_client().get(path).status_code == 303
        administrator = sign_in(app.test_client(), world.store, world.node, None, None)
        assert administrator.get(path).status_code == 404


def test_what_a_page_asks_by_itself_does_not_keep_its_reader_signed_in(place):
    world, farm, _, path, _ = place
    with site_of(world) as app:
        client = sign_in(app.test_client(), world.store, world.node, farm, PartyKind.PRODUCER)
        asked = []
        for _ in range(IDLE_MS // (2 * SEEN_EVERY_MS) + 1):
            world.wait(ms=2 * SEEN_EVERY_MS)
            asked.append(client.get(path, headers={"X-Live": "1"}).status_code)
        assert asked[0] == 200
        assert asked[-1] == 303
