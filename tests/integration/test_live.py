"""What is new reaches a page that somebody looks at, and nobody who may not see it."""

from __future__ import annotations

import http.client
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.support.cosigned import Cosigner, policy_text
from tests.support.gateway import wait_until
from tests.support.people import form, make_person, make_session, sign_in
from tests.support.practice import taking_part
from tests.support.web import served, site_of
from tests.support.world import make_world
from traceability.ledger.state import stream_hash
from traceability.operations.accounts.managing import change_role
from traceability.operations.accounts.roles import PartyKind, Role
from traceability.operations.accounts.sessions import IDLE_MS, SEEN_EVERY_MS, end_sessions
from traceability.operations.accounts.trail import COMMAND_LINE
from traceability.operations.cosign import WAITING_MS
from traceability.operations.live import subject_mark
from traceability.operations.node import load_node
from traceability.operations.recalling.cases import open_case
from webapp import cookie, live

AUTHORITY = PartyKind.AUTHORITY


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
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()  # it has the socket, not the connection
        connection.close()


def await_places():
    """Those who listened in a test before are noticed to be gone when they are told something next."""
    wait_until(lambda: live.places.taken == 0, "nobody listens any more")


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


def test_a_mark_is_another_once_readers_are_shown_what_is_new_and_not_before(lone):
    east = Cosigner("east")
    lone.node.folder.joinpath("policy").write_text(
        policy_text(lone.node.policy_text, "quorum east", by=[east])
    )
    node, farm = load_node(lone.node.folder), lone.party("Farm")
    batch = lone.harvest(farm, "L1")
    lone.publish()

    def mark(ms):
        with lone.store.reading() as connection:
            return subject_mark(connection, node, stream_hash(batch), lone.now_ms + ms)

    lone.wait(minutes=1)
    before = mark(0)
    lone.event("ship", farm, batch)
    lone.publish()
    assert mark(0) == before, "its witness has not signed yet"
    assert mark(WAITING_MS) != before, "it had time to"


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


def test_who_loses_the_right_is_told_no_more(place):
    world, farm, _, _, address = place
    person = make_person(world.store, world.node, farm)
    session = make_session(world.store, world.node, person)
    with listening(address, "/live/alarms/own", session) as answer:
        next_event(answer)
        change_role(world.store, world.node, COMMAND_LINE, person.id, Role.VIEWER, within=None)
        assert next_event(answer).startswith("event: ended")


def test_only_so_many_listen_at_once_and_others_are_told_when_to_ask(place, monkeypatch):
    world, farm, _, path, address = place
    session = make_session(world.store, world.node, make_person(world.store, world.node, farm))
    await_places()
    with listening(address, path, session) as first:
        next_event(first)
        others = [f"somebody {n}" for n in range(live.LISTENERS)]
        taken = [other for other in others if live.places.take(other)]
        with listening(address, path, session) as refused:
            assert refused.status == 503
            assert refused.headers["Retry-After"] == str(live.ASK_AGAIN_S)
        for other in taken:
            live.places.leave(other)
    assert len(taken) == live.LISTENERS - 1, "a listener takes one of the places"


def test_one_person_takes_no_more_than_a_few_of_the_places(place):
    world, farm, _, path, address = place
    sessions = [
        make_session(world.store, world.node, make_person(world.store, world.node, farm)) for _ in range(2)
    ]
    await_places()
    with ExitStack() as stack:
        own = [stack.enter_context(listening(address, path, sessions[0])) for _ in range(live.EACH + 1)]
        other = stack.enter_context(listening(address, path, sessions[1]))
        assert [answer.status for answer in own] == [200] * live.EACH + [503]
        assert other.status == 200


@pytest.mark.parametrize("path", ["/live/nothing/00", "/live/subject/zz", "/live/subject/00"])
def test_what_there_is_not_is_not_found(place, path):
    world, farm, *_ = place
    with site_of(world) as app:
        assert sign_in(app.test_client(), world.store, world.node, farm).get(path).status_code == 404


def test_a_firm_follows_what_it_recorded_and_learns_nothing_of_anything_else(place):
    world, farm, _, path, _ = place
    others = [world.harvest(world.party("Other farm"), "L2"), world.asset("TRUCK1"), "https://x.example/none"]
    with site_of(world) as app:
        one = sign_in(app.test_client(), world.store, world.node, farm)
        office = world.party("Office")
        authority = sign_in(app.test_client(), world.store, world.node, office, AUTHORITY)
        for uri in others:
            foreign = f"/live/subject/{stream_hash(uri).hex()}"
            assert one.get(foreign).status_code == 404
            assert one.get(foreign, headers={"Accept": "text/event-stream"}).status_code == 404
            assert authority.get(foreign).status_code == 200
        assert one.get(path).status_code == 200


def test_a_case_is_followed_by_who_may_see_it_alone(place):
    world, farm, *_ = place
    office, other = world.party("Bureau"), world.party("Third farm")
    case = open_case(world.store, world.node, taking_part("ada", office, regulator=True), [world.batch("L1")])
    with site_of(world) as app:
        firm, stranger, bureau = (
            sign_in(app.test_client(), world.store, world.node, party, kind)
            for party, kind in ((farm, PartyKind.PRODUCER), (other, PartyKind.PRODUCER), (office, AUTHORITY))
        )
        for one in (firm, stranger):
            assert one.get(f"/live/recall/{case.id}").status_code == 404
            assert one.get("/live/recall/R-20260101-AAAAAA").status_code == 404
        assert bureau.get(f"/live/recall/{case.id}").status_code == 200
        assert bureau.get("/live/recalls/all").json != firm.get("/live/recalls/all").json
        assert firm.get("/live/recalls/all").json == stranger.get("/live/recalls/all").json
        assert firm.get("/live/recalls/own").status_code == 404


def test_the_page_of_a_batch_shows_its_newest_reading_or_why_there_is_none(place):
    world, farm, probe, path, _ = place
    world.wait(minutes=5)
    world.measure(probe, 6.5)
    world.publish()
    world.harvest(farm, "L9")
    with site_of(world) as app:
        client = sign_in(app.test_client(), world.store, world.node, farm)
        mark = client.get(path).get_json()["mark"]
        page = client.get("/console/batches/01/09520000000011/10/L1?lang=en").text
        assert f'data-live="{path}" data-mark="{mark}"' in page
        assert '<bdi>TRUCK1</bdi>: <strong class="warn">6.5 °C, outside the limits</strong>' in page
        fresh = client.get("/console/batches/01/09520000000011/10/L9?lang=en").text
        assert "Not yet in the public log" in fresh
        assert "Temperature over time" not in fresh


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


def test_what_a_page_asks_by_itself_takes_no_word_from_the_page_that_is_to_tell_it(place):
    world, farm, *_ = place
    with site_of(world) as app:
        client = sign_in(app.test_client(), world.store, world.node, farm)
        lot = {"lots": "09520000000011/L1", "drill": "1"}
        case = client.post("/console/recalls", data=form(client, **lot)).location.partition("?")[0]
        client.post(f"{case}/drop", data=form(client))
        assert "The case is closed." not in client.get(case, headers={"X-Live": "1"}).text
        assert "The case is closed." in client.get(case).text
