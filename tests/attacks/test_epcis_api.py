"""What an enemy or a broken program sends to the API: clear refusals, bounded memory, nothing half-stored."""

from __future__ import annotations

import io
import json

import pytest
from sqlalchemy import func, select

from tests.support.epcis import CONTEXT, api_of, document, event, listed
from tests.support.world import make_world
from traceability.errors import TamperError
from traceability.operations.tokens import Scope, revoke_token
from traceability.store import access, models, projections
from traceability.supply.epcis import document as limits
from traceability.supply.epcis.context import NAMESPACE
from traceability.supply.epcis.vocabulary import check_vocabulary

WRITES = (("POST", "/epcis/capture"), ("POST", "/epcis/events"), ("POST", "/epcis/queries"))
OWN = (
    ("GET", "/epcis/capture"),
    ("GET", "/epcis/capture/x"),
    ("GET", "/epcis/queries"),
    ("GET", "/epcis/queries/x"),
    ("DELETE", "/epcis/queries/x"),
    ("GET", "/epcis/queries/x/events"),
)
TABLES = (
    models.Record,
    models.Statement,
    models.Stream,
    projections.Event,
    access.Capture,
    access.NamedQuery,
)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with api_of(world) as made:
        yield made
    world.store.close()


@pytest.fixture(scope="module")
def party(api):
    return api.world.party("Farm")


@pytest.fixture(scope="module")
def farm(api, party):
    return api.token(party)


@pytest.fixture
def unchanged(api, farm):
    """What is refused leaves no row behind."""
    before = counts(api)
    yield
    assert counts(api) == before


nothing_stored = pytest.mark.usefixtures("unchanged")


def counts(api):
    with api.world.store.reading() as connection:
        return [connection.execute(select(func.count()).select_from(t)).scalar_one() for t in TABLES]


def send(api, headers, body, path="/epcis/capture", **how):
    headers = {"Content-Type": "application/json"} | headers
    return api.ask("POST", path, headers, data=body, **how)


def refused(answer, status=400, kind="ValidationException"):
    assert answer.status_code == status, answer.text
    assert answer.json["type"] == f"epcisException:{kind}"
    return answer.json


# Who may.


@nothing_stored
@pytest.mark.parametrize(("method", "path"), [*WRITES, *OWN])
def test_without_a_token_nothing_is_written_and_nobodys_own_is_shown(api, method, path):
    answer = api.ask(method, path, json={} if method == "POST" else None)
    refused(answer, 401, "SecurityException")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="epcis"'


@nothing_stored
@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer ft_" + "A" * 43,
        "Bearer a=b",
        "Basic ZnQ6ZnQ=",
        "Basic !",
        "Digest x",
        "Bearer " + "A" * 5_000,
        "Bearer ft_\u00e9",
    ],
)
def test_a_token_that_is_none_makes_nobody_of_its_bearer_not_even_a_reader(api, given):
    for method, path in (("GET", "/epcis/events"), ("GET", "/epcis/events/urn:x"), *WRITES, *OWN):
        answer = api.ask(method, path, {"Authorization": given}, json={} if method == "POST" else None)
        refused(answer, 401, "SecurityException")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="epcis", error="invalid_token"'
        assert "ft_A" not in answer.text


def test_a_token_that_was_revoked_or_ran_out_is_none(api, party):
    ended = api.token(party, name="ended")
    assert api.ask("GET", "/epcis/queries", ended).status_code == 200
    revoke_token(api.world.store, api.world.node, "ended")
    refused(api.ask("GET", "/epcis/queries", ended), 401, "SecurityException")
    old = api.token(party, days=1)
    now = api.world.now[0]
    api.world.now[0] += 86_400_000
    late = api.ask("GET", "/epcis/queries", old)
    api.world.now[0] = now
    refused(late, 401, "SecurityException")
    assert api.ask("GET", "/epcis/queries", old).status_code == 200


def test_a_token_is_for_what_it_is_for(api, party):
    capture, query = api.token(party, [Scope.CAPTURE]), api.token(party, [Scope.QUERY])
    wrong = [(query, *each) for each in (WRITES[0], WRITES[1], *OWN[:2])]
    wrong += [(capture, *each) for each in (WRITES[2], *OWN[2:], ("GET", "/epcis/events"))]
    for headers, method, path in wrong:
        answer = api.ask(method, path, headers, json={} if method == "POST" else None)
        problem = refused(answer, 403, "SecurityException")
        assert problem["code"] == "forbidden"
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_jobs_and_queries_of_others_are_not_there(api, farm):
    job = send(api, farm, json.dumps(document(event()))).headers["Location"]
    api.ask("POST", "/epcis/queries", farm, json={"name": "mine", "query": {}})
    other = api.token(api.world.party("Other"))
    regulator = api.token(api.world.party("Authority"), regulator=True)
    for headers in (other, regulator):
        for path in (job, "/epcis/queries/mine", "/epcis/queries/mine/events"):
            assert api.ask("GET", path, headers).status_code == 404
        assert api.ask("DELETE", "/epcis/queries/mine", headers).status_code == 404
        assert api.ask("GET", "/epcis/capture", headers).json == []
        assert api.ask("GET", "/epcis/queries", headers).json == []
        last = job.rpartition("/")[2]
        assert api.ask("GET", f"/epcis/capture?nextPageToken={last}", headers).status_code == 400
    assert api.ask("GET", "/epcis/queries/mine", farm).status_code == 200


def test_a_party_captures_under_its_own_name_whatever_the_event_says(api):
    mallory, victim = api.world.party("Mallory"), api.world.party("Victim")
    claimed = {"@context": CONTEXT, **event(eventID="urn:uuid:v", **{"ext:iss": victim, "iss": victim})}
    refused(api.ask("POST", "/epcis/events", api.token(mallory), json=claimed))
    del claimed["iss"]
    api.ask("POST", "/epcis/events", api.token(mallory), json=claimed)
    with api.world.store.reading() as connection:
        owner = select(projections.Event.party).where(projections.Event.event_id == "urn:uuid:v")
        assert connection.execute(owner).scalars().all() == [mallory]


def test_a_hidden_name_is_answered_as_one_that_there_is_not(api, farm):
    hidden = {"@context": CONTEXT, **event(eventID="urn:uuid:h", **{"ext:price": 7})}
    api.ask("POST", "/epcis/events", farm, json=hidden)
    api.world.publish()
    there, not_there = (api.ask("GET", f"/epcis/events/urn:uuid:{n}") for n in "hx")
    assert (there.status_code, there.data) == (404, not_there.data)
    assert listed(api.ask("GET", "/epcis/events/urn:uuid:h", farm))


# How much.


class Body(io.RawIOBase):
    """A body that gives as many spaces as it holds, and counts them."""

    def __init__(self, size):
        self.left, self.taken = size, 0

    def readable(self):
        return True

    def readinto(self, buffer):
        given = min(len(buffer), self.left)
        buffer[:given] = b" " * given
        self.left, self.taken = self.left - given, self.taken + given
        return given


def stream(api, path, headers, body, announced=None):
    """Send a body as a server hands it over: of an announced length, or in chunks that end by themselves."""
    environ = {"wsgi.input": body}
    environ |= {"wsgi.input_terminated": True} if announced is None else {"CONTENT_LENGTH": str(announced)}
    headers = {"Content-Type": "application/json"} | headers
    return api.ask("POST", path, headers, environ_overrides=environ)


@nothing_stored
@pytest.mark.parametrize(
    ("path", "limit", "kind"),
    [
        ("/epcis/capture", 32 << 20, "CaptureLimitExceededException"),
        ("/epcis/events", 256 << 10, "CaptureLimitExceededException"),
        ("/epcis/queries", 256 << 10, "QueryTooLargeException"),
    ],
)
def test_a_hundred_megabytes_are_refused_unread_and_a_stream_at_the_limit(api, farm, path, limit, kind):
    whole, chunked = Body(100 << 20), Body(100 << 20)
    answer = stream(api, path, farm, whole, 100 << 20)
    refused(answer, 413, kind)
    assert answer.headers["GS1-EPCIS-Capture-File-Size-Limit"] == str(32 << 20)
    assert whole.taken == 0
    refused(stream(api, path, farm, chunked), 413, kind)
    assert chunked.taken <= limit + (1 << 20)
    liar = Body(100 << 20)
    refused(stream(api, path, farm, liar, 1_000), 400)
    assert liar.taken <= 1_000


@nothing_stored
def test_a_body_that_is_shorter_than_announced_is_refused(api, farm):
    body = json.dumps(document(event())).encode()
    answer = stream(api, "/epcis/capture", farm, io.BytesIO(body), len(body) + 1)
    assert refused(answer)["detail"] == "the body ends before its Content-Length"


def test_nothing_is_read_from_those_who_may_not_write(api):
    body = Body(1_000)
    refused(stream(api, "/epcis/capture", {}, body, 1_000), 401, "SecurityException")
    assert body.taken == 0


@nothing_stored
def test_more_events_and_values_than_are_taken(api, farm, monkeypatch):
    monkeypatch.setattr(limits, "MAX_EVENTS", 3)
    answer = send(api, farm, json.dumps(document(*[event()] * 4)))
    refused(answer, 413, "CaptureLimitExceededException")
    monkeypatch.setattr(limits, "MAX_VALUES", 3)
    refused(send(api, farm, json.dumps(document(event()))), 413, "CaptureLimitExceededException")


@nothing_stored
@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"Content-Type": "application/xml"}, "JSON only"),
        ({"Content-Type": "text/xml"}, "JSON only"),
        ({"Content-Type": "text/plain"}, "JSON only"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "JSON only"),
        ({"Content-Type": ""}, "JSON only"),
        ({"Content-Encoding": "gzip"}, "must not be compressed"),
        ({"Content-Encoding": "br"}, "must not be compressed"),
    ],
)
def test_other_media_types_and_compressed_bodies_are_refused(api, farm, headers, detail):
    for path in ("/epcis/capture", "/epcis/events", "/epcis/queries"):
        answer = send(api, farm | headers, b"<epcis/>", path)
        problem = refused(answer, 415, "UnsupportedMediaTypeException")
        assert detail in problem["detail"]


# What.

GOOD = json.dumps(document(event()))


@nothing_stored
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", 400, "not strict JSON"),
        ("[" * 100_000, 400, "JSON"),
        ("[" * 33 + "]" * 33, 400, "nested too deeply"),
        (GOOD.replace('"action"', '"action": "ADD", "action"'), 400, "names a member twice"),
        (GOOD.replace('"quantity": 1', '"quantity": NaN'), 400, "NaN is not a JSON number"),
        (GOOD.replace('"quantity": 1', '"quantity": 1e999'), 400, "exponent"),
        (GOOD.replace('"quantity": 1', '"quantity": ' + "1" * 400), 400, "64 characters"),
        (GOOD.encode("utf-16"), 400, "not strict JSON"),
        (b"\xff" + GOOD.encode(), 400, "not strict JSON"),
        (GOOD.replace("OBSERVE", "\\ud800"), 400, "surrogate"),
        ("<EPCISDocument/>", 400, "got XML"),
        ("null", 400, "an object"),
        ("{}", 400, "EPCISDocument"),
        (GOOD.replace("EPCISDocument", "EPCISQueryDocument"), 400, "the result of a query is not captured"),
    ],
)
def test_what_is_no_document_is_refused_as_a_whole(api, farm, body, status, words):
    for behaviour in ("rollback", "proceed"):
        answer = send(api, farm | {"GS1-Capture-Error-Behaviour": behaviour}, body)
        assert words in refused(answer, status)["detail"]


DEEP: dict[str, object] = {}
for _ in range(20):
    DEEP = {"ext:deep": DEEP}


@nothing_stored
@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"_sd": ["x"]}, "/_sd"),
        ({"ext:a": {"_sd": []}}, "/ext:a/_sd"),
        ({"ext:a": [{"...": "x"}]}, "/ext:a/0/..."),
        ({"eventTime": "2026-01-01T00:00:00"}, "/eventTime"),
        ({"eventTime": "yesterday"}, "/eventTime"),
        ({"eventTimeZoneOffset": "Z"}, "/eventTimeZoneOffset"),
        ({"quantityList": [{"epcClass": "urn:x:y", "quantity": 1, "uom": "LBS!"}]}, "/quantityList/0/uom"),
        ({"quantityList": [{"epcClass": "urn:x:y", "quantity": 1, "uom": "QQQ"}]}, "/quantityList/0/uom"),
        ({"ext:a": DEEP}, "/ext:a" + "/ext:deep" * 13),
        ({"unknown:a": 1}, "/unknown:a"),
        ({"ft:recall": {}}, "/ft:recall"),
        ({"ft:region": {"en": "x"}}, "/ft:region/zh"),
        ({"eventID": "x" * 2_000}, "/eventID"),
        ({"quantityList": [{"epcClass": "urn:x:y"}] * 1_001}, ""),
    ],
)
def test_what_is_wrong_with_an_event_is_said_with_its_place(api, farm, members, pointer):
    context = [*CONTEXT, {"ft": "https://food-traceability.example/ns/1#"}]
    whole = send(api, farm, json.dumps(document(event(), event(**members), context=context)))
    pointers = {problem["pointer"] for problem in refused(whole)["errors"]}
    assert f"/epcisBody/eventList/1{pointer}" in pointers
    alone = send(api, farm, json.dumps({"@context": context, **event(**members)}), "/epcis/events")
    assert pointer in {problem["pointer"] for problem in refused(alone)["errors"]}
    for problem in alone.json["errors"]:
        assert problem["expected"]
        assert problem["got"]


@nothing_stored
def test_a_recall_is_not_captured_however_its_prefix_is_bound(api, farm):
    recall = {"id": "R1", "state": "issued", "recallClass": 1, "origin": ["x"]}
    recall |= {word: {"en": "x", "zh": "x"} for word in ("hazard", "advice")}
    assert check_vocabulary({"ft:recall": recall}) == []
    said = event(**{"ft:recall": recall})
    for more in ({"ft": NAMESPACE}, {"ft": "https://elsewhere.example/"}, {}):
        context = [*CONTEXT, more]
        refused(send(api, farm, json.dumps(document(said, context=context))))
        answer = send(api, farm, json.dumps({"@context": context, **said}), "/epcis/events")
        assert refused(answer)["errors"][0]["pointer"] in {"/ft:recall", "/@context"}
        if more == {"ft": NAMESPACE}:
            assert "recalls are issued by" in answer.json["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/epcis/events?perPage=0",
        "/epcis/events?perPage=1001",
        "/epcis/events?perPage=" + "9" * 50,
        "/epcis/events?GE_eventTime=2026-01-01T00:00:00",
        "/epcis/events?EQ_bizStep=teleporting",
        "/epcis/events?nonsense=1",
        "/epcis/events?nextPageToken=x",
        "/epcis/events?eventCountLimit=1&maxEventCount=1&orderBy=eventTime",
        "/epcis/events?" + "&".join(f"EQ_x:{n}=1" for n in range(65)),
        "/epcis/capture?perPage=x",
        "/epcis/capture?perPage=%D9%A1",
        "/epcis/queries?perPage=-1",
    ],
)
def test_a_parameter_that_there_is_not_is_a_query_parameter_exception(api, farm, path):
    refused(api.ask("GET", path, farm), 400, "QueryParameterException")


def test_a_context_that_is_too_large_in_a_header_is_refused(api):
    many = ",".join(f"p{n}=https://x.example/" for n in range(70))
    refused(api.ask("GET", "/epcis/events", {"GS1-Extensions": many}), 400, "QueryParameterException")


# What else.


@pytest.mark.parametrize(
    "path", ["/epcis/nothing", "/epcis//events", "/epcis/capture/", "/epcis/capture/a/b"]
)
def test_a_path_that_there_is_not_is_a_problem_document(api, farm, path):
    refused(api.ask("GET", path, farm), 404, "NoSuchResourceException")


def test_the_api_answers_to_its_own_host_names_alone(api):
    refused(api.ask("GET", "/epcis/events", {"Host": "evil.example"}))


@nothing_stored
def test_what_fails_inside_is_not_told(api, farm, monkeypatch):
    def fail(*_, **__):
        raise TamperError("secret of the inside")

    monkeypatch.setattr("webapp.api.epcis.capture.capture_document", fail)
    problem = refused(send(api, farm, GOOD), 500, "ImplementationException")
    assert "secret" not in str(problem)
    monkeypatch.setattr("webapp.api.epcis.capture.capture_document", lambda *_: 1 // 0)
    problem = refused(send(api, farm, GOOD), 500, "ImplementationException")
    assert "ZeroDivision" not in str(problem)


def test_a_database_that_is_gone_is_a_problem_and_is_not_made_anew(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node.sqlite'}")
    with api_of(world) as api:
        farm = api.token(world.party("Farm"))
        world.store.close()
        for path in tmp_path.glob("node.sqlite*"):
            path.rename(tmp_path / f"away-{path.name}")
        for method, path in (("GET", "/epcis/events"), *WRITES):
            answer = api.ask(method, path, farm, json={} if method == "POST" else None)
            problem = refused(answer, 503, "ImplementationException")
            assert problem["code"] == "store-unavailable"
            assert str(tmp_path) not in answer.text
            assert answer.headers["Retry-After"] == "5"
        assert not list(tmp_path.glob("node.sqlite*"))
