"""EPCIS 2.0 over HTTP: events in with a proof, documents as jobs, queries page by page, what is agreed on."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from tests.support.epcis import CONTEXT, LOT, Api, api_of, document, event, listed, written
from tests.support.world import World, make_world
from traceability.ledger.proof import parse_proof, verify_proof
from traceability.operations import captures
from traceability.operations.enrol import enrol_party
from traceability.operations.prefixes import remove_prefix
from traceability.operations.tokens import Scope
from traceability.store import models
from traceability.supply.epcis.context import NAMESPACE
from webapp.api.epcis import resource
from webapp.api.epcis.events import EVEN_S


def fresh(folder, url=None) -> World:
    return make_world(folder / "node", url or f"sqlite:///{folder / 'node.sqlite'}")


@pytest.fixture(scope="module")
def api(tmp_path_factory) -> Iterator[Api]:
    """A node that several tests share; each takes a party of its own."""
    world = fresh(tmp_path_factory.mktemp("api"))
    with api_of(world) as made:
        yield made
    world.store.close()


@pytest.fixture
def farm(api):
    """The headers of a party of this test's own."""
    return api.token(api.world.party("Farm"))


def records(world: World) -> int:
    with world.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(models.Record)).scalar_one()


def single(number=0, /, **members):
    return {"@context": CONTEXT, **event(number, **members)}


# One event, with its proof.


def test_an_event_is_answered_when_it_is_in_the_log_and_with_the_proof_of_it(tmp_path, database_url):
    world = fresh(tmp_path, database_url)
    with api_of(world) as api:
        headers = api.token(world.party("Farm"))
        given = single(**{"ext:colour": "red"})
        with api.publishing():
            answer = api.ask("POST", "/epcis/events", headers, json=given)
            again = api.ask("POST", "/epcis/events", headers, json=given)
        assert answer.status_code == 201
        (record,) = answer.json["records"]
        assert (record["stream"], record["seq"]) == (LOT, 0)
        proof = parse_proof(answer.json["proof"].encode())
        assert proof.index == record["index"]
        leaf = base64.b64decode(record["hash"])
        assert verify_proof(proof, leaf, [world.node.policy.log]).origin == world.node.origin
        assert (again.status_code, again.json) == (200, answer.json)
        (found,) = listed(api.ask("GET", answer.headers["Location"], headers))
        assert written(found) == given
        assert found["eventID"] == answer.json["eventID"]
    world.store.close()


def test_another_event_under_the_same_name_is_a_conflict(api, farm):
    api.ask("POST", "/epcis/events", farm, json=single(eventID="urn:uuid:1"))
    answer = api.ask("POST", "/epcis/events", farm, json=single(eventID="urn:uuid:1", bizStep="shipping"))
    assert answer.status_code == 409
    assert answer.json["type"] == "epcisException:ResourceAlreadyExistsException"
    assert answer.json["code"] == "conflict"


def test_what_bears_anothers_company_prefix_is_refused_and_the_job_points_at_it(api, farm):
    lot = "https://id.gs1.org/01/09520007000014/10/A"
    holder = enrol_party(api.world.store, api.world.node, {"en": "Holder", "zh": "持有人"}, None, ["9520007"])
    made = {"action": "ADD", "quantityList": [{"epcClass": lot}]}
    before = records(api.world)
    answer = api.ask("POST", "/epcis/events", farm, json=single(8, **made))
    told = answer.status_code, answer.json["type"], answer.json["code"], answer.json["pointer"]
    assert told == (403, "epcisException:SecurityException", "not-your-prefix", "")
    assert lot in answer.json["detail"]
    assert "9520007 of Holder" in answer.json["detail"]
    job = api.ask("POST", "/epcis/capture", farm, json=document(event(9), event(8, **made))).json
    assert (job["success"], job["recorded"], records(api.world)) == (False, 0, before)
    assert [(e["pointer"], e["status"], e["code"]) for e in job["errors"]] == [
        ("/epcisBody/eventList/1", 403, "not-your-prefix")
    ]
    own = api.ask("POST", "/epcis/events", api.token(holder.uri), json=single(8, **made))
    assert own.status_code == 202
    remove_prefix(api.world.store, "9520007")


def test_who_does_not_want_to_wait_gets_a_job(api, farm):
    headers = farm | {"Prefer": "wait=5, Respond-Async"}
    with api.publishing():
        answer = api.ask("POST", "/epcis/events", headers, json=single())
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    job = api.ask("GET", answer.headers["Location"], farm).json
    assert (job["success"], job["running"], job["recorded"]) == (True, False, 1)


def test_where_nothing_is_published_the_answer_says_that_it_is_recorded_and_not_in_the_log(api, farm):
    given = single(7)
    answer = api.ask("POST", "/epcis/events", farm, json=given)
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "5")
    assert "not yet in the published log" in answer.json["detail"]
    assert "Preference-Applied" not in answer.headers
    with api.publishing():
        assert api.ask("POST", "/epcis/events", farm, json=given).status_code == 200


def test_only_some_threads_wait_for_single_events(api):
    single = api.app.extensions["epcis-bounds"].single
    with single, single, single:
        answer = api.ask("GET", "/epcis/events/urn:x:1")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert api.ask("GET", "/epcis/events/urn:x:1").status_code == 404


def test_only_so_many_requests_wait_for_the_publisher(api, farm):
    with api.publishing():
        waiting = api.app.extensions["epcis-bounds"].waiting
        while waiting.acquire(blocking=False):
            pass
        assert api.ask("POST", "/epcis/events", farm, json=single(8)).status_code == 202


# Documents, and their jobs.


def test_a_document_is_captured_and_comes_back_as_it_was(api, farm):
    events = [event(n, **{"ext:n": n, "ext:weight": 1.50}) for n in range(3)]
    answer = api.ask("POST", "/epcis/capture", farm, json=document(*events))
    assert answer.status_code == 202
    job = answer.json
    assert answer.headers["Location"] == f"/epcis/capture/{job['captureID']}"
    assert (job["success"], job["recorded"], job["errors"]) == (True, 3, [])
    assert job["captureErrorBehaviour"] == answer.headers["GS1-Capture-Error-Behaviour"] == "rollback"
    assert api.ask("GET", answer.headers["Location"], farm).json == job
    api.world.publish()
    answer = api.ask("GET", "/epcis/events?orderBy=eventTime&orderDirection=ASC", farm)
    assert answer.json["@context"] == CONTEXT
    assert [written(each) for each in listed(answer)] == events
    assert '"ext:weight":1.5' in answer.text


def test_digits_are_kept_as_they_were_written(api, farm):
    text = json.dumps(single(**{"ext:weight": 1.25})).replace("1.25", "1.50")
    headers = farm | {"Content-Type": "application/ld+json"}
    assert api.ask("POST", "/epcis/events", headers, data=text).status_code == 202
    api.world.publish()
    assert '"ext:weight":1.50' in api.ask("GET", "/epcis/events", farm).text


def test_an_event_that_is_not_valid_refuses_a_whole_document(api, farm):
    before = records(api.world)
    bad = [event(n) for n in range(10_000)]
    bad[7_654] = event(bizStep="teleporting")
    answer = api.ask("POST", "/epcis/capture", farm, json=document(*bad))
    assert answer.status_code == 400
    assert answer.json["type"] == "epcisException:ValidationException"
    (problem,) = answer.json["errors"]
    assert problem["pointer"] == "/epcisBody/eventList/7654/bizStep"
    assert records(api.world) == before
    assert api.ask("GET", "/epcis/capture", farm).json == []


def test_with_proceed_the_good_events_are_recorded_and_the_others_named(api, farm, monkeypatch):
    monkeypatch.setattr(captures, "CHUNK", 2)
    before = records(api.world)
    events = [event(n, eventID=f"urn:uuid:{n}") for n in range(5)]
    events[1] = event(action="LOOK", eventID="urn:uuid:1")
    events[4] = event(4, eventID="urn:uuid:0")
    headers = farm | {"GS1-Capture-Error-Behaviour": "proceed"}
    job = api.ask("POST", "/epcis/capture", headers, json=document(*events)).json
    assert (job["success"], job["recorded"], records(api.world) - before) == (False, 3, 3)
    assert [(e["pointer"], e["status"], e["code"]) for e in job["errors"]] == [
        ("/epcisBody/eventList/1", 400, "bad-event"),
        ("/epcisBody/eventList/4", 409, "conflict"),
    ]
    assert job["errors"][0]["errors"][0]["pointer"] == "/epcisBody/eventList/1/action"


def test_what_the_store_refuses_stands_in_the_job_and_nothing_is_recorded(api, farm):
    api.ask("POST", "/epcis/capture", farm, json=document(event(eventID="urn:uuid:1")))
    before = records(api.world)
    both = document(event(1, eventID="urn:uuid:2"), event(2, eventID="urn:uuid:1"))
    answer = api.ask("POST", "/epcis/capture", farm, json=both)
    assert (answer.status_code, answer.json["success"], answer.json["recorded"]) == (202, False, 0)
    assert [e["pointer"] for e in answer.json["errors"]] == ["/epcisBody/eventList/1"]
    assert records(api.world) == before


@pytest.mark.parametrize("behaviour", ["rollback", "proceed"])
def test_an_event_in_the_future_is_refused_with_the_place_of_its_time(api, farm, behaviour):
    later = event(eventTime="2999-01-01T00:00:00Z")
    headers = farm | {"GS1-Capture-Error-Behaviour": behaviour}
    job = api.ask("POST", "/epcis/capture", headers, json=document(event(), later)).json
    (fault,) = job["errors"]
    assert (fault["code"], fault["pointer"]) == ("clock-ahead", "/epcisBody/eventList/1")
    assert [problem["pointer"] for problem in fault["errors"]] == ["/epcisBody/eventList/1/eventTime"]
    assert "device" not in fault["remedy"]
    answer = api.ask("POST", "/epcis/events", farm, json={"@context": CONTEXT, **later})
    assert [problem["pointer"] for problem in answer.json["errors"]] == ["/eventTime"]


def test_an_event_that_cannot_be_signed_keeps_no_other_out(api, farm):
    huge = event(**{f"ext:{n}": n for n in range(9_000)})
    headers = farm | {"GS1-Capture-Error-Behaviour": "proceed"}
    job = api.ask("POST", "/epcis/capture", headers, json=document(event(), huge, event(2))).json
    assert (job["recorded"], [e["pointer"] for e in job["errors"]]) == (2, ["/epcisBody/eventList/1"])


def test_a_job_names_only_so_many_errors_and_counts_the_others(api, farm, monkeypatch):
    monkeypatch.setattr(captures, "MAX_FAULTS", 2)
    headers = farm | {"GS1-Capture-Error-Behaviour": "proceed"}
    bad = [{"type": "ObjectEvent"}] * 5
    job = api.ask("POST", "/epcis/capture", headers, json=document(*bad)).json
    assert [e["detail"] for e in job["errors"]][2:] == ["3 more events were refused"]


def test_jobs_are_listed_by_pages_newest_first_and_only_so_many_are_kept(api, farm, monkeypatch):
    monkeypatch.setattr(captures, "MAX_JOBS", 5)
    made = []
    for n in range(7):
        api.world.wait(ms=1)
        made.append(api.ask("POST", "/epcis/capture", farm, json=document(event(n))).json["captureID"])
    path, seen = "/epcis/capture?perPage=2", []
    while True:
        answer = api.ask("GET", path, farm)
        seen += [job["captureID"] for job in answer.json]
        if "Link" not in answer.headers:
            break
        assert answer.headers["GS1-Next-Page-Token-Expires"] > "2026"
        path = answer.headers["Link"].partition(">")[0].removeprefix("<")
    assert seen == made[:1:-1]
    assert api.ask("GET", "/epcis/capture?nextPageToken=x", farm).status_code == 400


def test_only_so_many_documents_are_taken_at_once(api, farm):
    documents = api.app.extensions["epcis-bounds"].documents
    for _ in range(2):
        assert documents.acquire(blocking=False)
    try:
        answer = api.ask("POST", "/epcis/capture", farm, json=document(event()))
    finally:
        documents.release(2)
    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert api.ask("POST", "/epcis/capture", farm, json=document(event())).status_code == 202


# Queries.


def test_queries_by_address_go_on_page_by_page_and_lose_nothing(api, farm):
    events = [event(n, bizStep="shipping" if n % 2 else "receiving") for n in range(7)]
    api.ask("POST", "/epcis/capture", farm, json=document(*events))
    api.world.publish()
    path = f"/epcis/events?EQ_bizStep=receiving,storing&MATCH_epcClass={LOT}&perPage=3&orderBy=eventTime"
    first = api.ask("GET", path, farm)
    assert len(listed(first)) == 3
    assert first.headers["Link"].endswith('>; rel="next"')
    assert [written(e) for e in api.events(path, farm)] == [events[n] for n in (6, 4, 2, 0)]


def test_prefixes_in_an_address_come_with_the_request(api, farm):
    api.ask("POST", "/epcis/capture", farm, json=document(event(**{"ext:colour": "red"}), event(1)))
    api.world.publish()
    asked = "/epcis/events?EQ_e:colour=red"
    assert api.ask("GET", asked, farm).json["type"] == "epcisException:QueryParameterException"
    headers = farm | {"GS1-Extensions": "e = https://ext.example/ns/ , x=https://x.example/"}
    assert len(api.events(asked, headers)) == 1
    assert api.ask("GET", asked, farm | {"GS1-Extensions": "nonsense"}).status_code == 400


def test_a_named_query_is_kept_answered_and_forgotten(api, farm):
    api.ask("POST", "/epcis/capture", farm, json=document(event(**{"ext:colour": "red"}), event(1)))
    api.world.publish()
    asked = {"EQ_e:colour": ["red"], "GE_quantity_KGM": 0.5, "perPage": 1}
    definition = {"name": "red", "query": asked, "@context": [{"e": "https://ext.example/ns/"}]}
    made = api.ask("POST", "/epcis/queries", farm, json=definition)
    assert (made.status_code, made.headers["Location"]) == (201, "/epcis/queries/red")
    assert made.json == api.ask("GET", "/epcis/queries/red", farm).json == definition
    assert api.ask("GET", "/epcis/queries", farm).json == [definition]
    found = api.ask("GET", "/epcis/queries/red/events", farm)
    assert found.json["epcisBody"]["queryResults"]["queryName"] == "red"
    assert len(listed(found)) == 1
    assert api.ask("GET", "/epcis/queries/red/events?EQ_action=ADD", farm).status_code == 400
    again = api.ask("POST", "/epcis/queries", farm, json=definition)
    assert (again.status_code, again.json["type"]) == (409, "epcisException:ResourceAlreadyExistsException")
    gone = api.ask("DELETE", "/epcis/queries/red", farm)
    assert (gone.status_code, gone.data) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert api.ask(method, f"/epcis/queries/red{path}", farm).status_code == 404


def test_a_named_query_is_answered_page_by_page(api, farm):
    api.ask("POST", "/epcis/capture", farm, json=document(*(event(n) for n in range(5))))
    api.world.publish()
    api.ask("POST", "/epcis/queries", farm, json={"name": "all", "query": {"orderBy": "eventTime"}})
    assert len(api.events("/epcis/queries/all/events?perPage=2", farm)) == 5


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "SimpleEventQuery", "query": {}},
        {"name": "a/b", "query": {}},
        {"name": "", "query": {}},
        {"name": "x" * 129, "query": {}},
        {"name": 1, "query": {}},
        {"name": "x", "query": []},
        {"name": "x"},
        {"name": "x", "query": {}, "more": 1},
        {"name": "x", "query": {"nextPageToken": "x"}},
        {"name": "x", "query": {"EQ_nonsense": ["x"]}},
        {"name": "x", "query": {"perPage": 0}},
        {"name": "x", "query": {"@context": "nonsense"}},
        {"name": "x", "query": {"EQ_action": [[[[[["ADD"]]]]]]}},
        [],
    ],
)
def test_what_is_no_query_is_not_kept(api, farm, definition):
    answer = api.ask("POST", "/epcis/queries", farm, json=definition)
    assert answer.status_code == 400
    assert api.ask("GET", "/epcis/queries", farm).json == []


def test_a_party_keeps_only_so_many_queries(api, farm, monkeypatch):
    monkeypatch.setattr("traceability.operations.namedqueries.MAX_QUERIES", 2)
    made = [api.ask("POST", "/epcis/queries", farm, json={"name": n, "query": {}}) for n in "abc"]
    assert [answer.status_code for answer in made] == [201, 201, 409]
    path = api.ask("GET", "/epcis/queries?perPage=1", farm).headers["Link"].partition(">")[0][1:]
    assert [query["name"] for query in api.ask("GET", path, farm).json] == ["b"]


# What is agreed on.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"GS1-EPCIS-Version": "2.0"}, 200),
        ({"GS1-EPCIS-Version": "2.0.1", "GS1-CBV-Version": "2"}, 200),
        ({"GS1-EPCIS-Version": "1.2"}, 406),
        ({"GS1-EPCIS-Version": "two"}, 406),
        ({"GS1-EPCIS-Min": "1.2", "GS1-EPCIS-Max": "2.1"}, 200),
        ({"GS1-EPCIS-Min": "2.1"}, 406),
        ({"GS1-EPCIS-Max": "1.2"}, 406),
        ({"GS1-CBV-Version": "2.1"}, 406),
        ({"GS1-CBV-Min": "10.0"}, 406),
        ({"GS1-CBV-Max": "1.2"}, 406),
        ({"GS1-EPC-Format": "No_Preference", "GS1-CBV-XML-Format": "Never_Translates"}, 200),
        ({"GS1-EPC-Format": "Always_EPC_URN"}, 406),
        ({"GS1-CBV-XML-Format": "Always_URN"}, 406),
        ({"Accept": "application/xml"}, 406),
        ({"Accept": "text/html, application/xml;q=0.9"}, 406),
        ({"Accept": "text/html, */*;q=0.1"}, 200),
        ({"Accept": "application/json;q=0"}, 406),
    ],
)
def test_what_a_client_insists_on_is_given_or_refused(api, headers, status):
    for path in ("/epcis/", "/epcis/events"):
        answer = api.ask("GET", path, headers)
        assert answer.status_code == status
        if status == 406:
            assert answer.json["type"] == "epcisException:NotAcceptableException"


def test_linked_data_is_answered_to_those_who_ask_for_it(api):
    for accept in ("application/ld+json", "application/json"):
        assert api.ask("GET", "/epcis/events", {"Accept": accept}).content_type == accept


def test_an_address_that_is_too_long_is_refused(api):
    answer = api.ask("GET", f"/epcis/events?EQ_eventID={'x' * 4_000}")
    assert (answer.status_code, answer.json["type"]) == (414, "epcisException:URITooLongException")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/epcis/", "GET, HEAD, OPTIONS"),
        ("/epcis/openapi.json", "GET, HEAD, OPTIONS"),
        ("/epcis/capture", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/capture/x", "GET, HEAD, OPTIONS"),
        ("/epcis/events", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/events/urn:x", "GET, HEAD, OPTIONS"),
        ("/epcis/queries", "GET, HEAD, OPTIONS, POST"),
        ("/epcis/queries/x", "DELETE, GET, HEAD, OPTIONS"),
        ("/epcis/queries/x/events", "GET, HEAD, OPTIONS"),
    ],
)
def test_every_resource_tells_what_can_be_done_with_it(api, path, methods):
    answer = api.ask("OPTIONS", path)
    assert (answer.status_code, answer.data, answer.headers["Allow"]) == (204, b"", methods)
    for name in ("GS1-EPCIS-Min", "GS1-EPCIS-Max", "GS1-CBV-Min", "GS1-CBV-Max"):
        assert answer.headers[name] == "2.0"
    assert answer.headers["GS1-EPCIS-Capture-Limit"] == "20000"
    assert answer.headers["GS1-EPCIS-Capture-File-Size-Limit"] == str(32 * 1024 * 1024)
    refused = api.ask("PUT", path)
    assert refused.status_code == 405
    assert ", ".join(sorted(refused.headers["Allow"].split(", "))) == methods


def test_the_top_says_what_is_below_it(api):
    for path in ("/epcis", "/epcis/"):
        assert api.ask("GET", path).json == ["capture", "events", "queries"]
        assert api.ask("OPTIONS", path).status_code == 204


def test_the_events_of_a_regulator_and_of_anybody_are_those_that_they_may_see(api, farm):
    price = single(**{"ext:price": 7, "eventID": "urn:uuid:price"})
    api.ask("POST", "/epcis/events", farm, json=price)
    api.world.publish()
    authority = api.token(api.world.party("Authority"), [Scope.QUERY], regulator=True)
    path = "/epcis/events/urn%3Auuid%3Aprice"
    assert written(listed(api.ask("GET", path, authority))[0], named=True) == price
    assert written(listed(api.ask("GET", path, farm))[0], named=True) == price
    assert api.ask("GET", path).status_code == 404
    assert api.ask("GET", path, api.token(api.world.party("Stranger"))).status_code == 404
    public = api.events("/epcis/events?perPage=1000")
    assert public
    assert not any("ext:price" in each for each in public)


def test_a_name_is_found_among_however_many_events(api, farm, monkeypatch):
    api.ask("POST", "/epcis/capture", farm, json=document(event(1), event(2), event(3)))
    public = single(eventID="urn:uuid:open", epcList=["urn:epc:id:sgtin:952005.0003000.1"])
    del public["quantityList"]
    api.ask("POST", "/epcis/events", farm, json=public)
    api.world.publish()
    monkeypatch.setattr("traceability.operations.query.MAX_OPENED", 1)
    assert len(listed(api.ask("GET", "/epcis/events/urn:uuid:open"))) == 1


def test_who_does_not_see_all_waits_as_long_for_a_name_as_for_none(api, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr("webapp.api.epcis.events.time.sleep", pauses.append)
    api.ask("GET", "/epcis/events/urn:x")
    assert len(pauses) == 1
    assert 0 < pauses[0] <= EVEN_S


def test_a_name_with_a_question_mark_is_percent_encoded(api):
    answer = api.ask("GET", "/epcis/events/ni:///sha-256;00?ver=CBV2.0")
    assert (answer.status_code, answer.json["detail"]) == (400, "percent-encode the eventID: ? is %3F")


def test_a_document_is_no_single_event(api, farm):
    answer = api.ask("POST", "/epcis/events", farm, json=document(event()))
    assert answer.status_code == 400
    assert "documents go to /epcis/capture" in answer.json["detail"]


def test_by_default_an_event_waits_ten_seconds_for_the_publisher():
    assert resource.Bounds().patience_s == 10


def test_a_quantity_of_which_no_link_can_be_made_is_an_error_at_its_event(api, farm):
    some = [{"epcClass": LOT, "quantity": 7, "uom": "KGM"}]
    made = {"type": "TransformationEvent", "inputQuantityList": some, "outputQuantityList": some}
    bad = {name: value for name, value in event(**made).items() if name not in {"action", "quantityList"}}
    text = json.dumps(document(event(1), bad)).replace('"quantity": 7', f'"quantity": 0.{"0" * 33}1')
    headers = farm | {"Content-Type": "application/json"}
    answer = api.ask("POST", "/epcis/capture", headers, data=text)
    assert (answer.status_code, answer.json["code"]) == (400, "bad-event")
    assert [each["pointer"] for each in answer.json["errors"]] == ["/epcisBody/eventList/1"]
    api.world.publish()
    assert listed(api.ask("GET", "/epcis/events", farm)) == []


@pytest.mark.parametrize("parent", [f"urn:x:{'p' * 600}", "urn:x:a\0b"], ids=["long", "nul"])
def test_what_the_database_cannot_keep_refuses_its_own_event_alone(tmp_path, database_url, parent):
    """PostgreSQL limits lengths and takes no NUL; SQLite keeps either."""
    world = fresh(tmp_path, database_url)
    with api_of(world) as api:
        headers = api.token(world.party("Farm")) | {"GS1-Capture-Error-Behaviour": "proceed"}
        odd = event(2, action="ADD", ilmd={"ft:parents": [parent]})
        given = document(event(1), odd, event(3), context=[*CONTEXT, {"ft": NAMESPACE}])
        answer = api.ask("POST", "/epcis/capture", headers, json=given)
    world.store.close()
    kept = 3 if database_url.startswith("sqlite") else 2
    assert (answer.status_code, answer.json["recorded"]) == (202, kept)
    assert [each["pointer"] for each in answer.json["errors"]] == ["/epcisBody/eventList/1"] * (3 - kept)
