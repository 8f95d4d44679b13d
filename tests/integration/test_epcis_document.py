"""The examples of docs/epcis.md are sent as they stand there, and answered as it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.support.epcis import api_of, listed
from tests.support.world import make_world
from traceability.errors import OversizeError
from webapp.api.epcis.describing import REFUSED
from webapp.api.problems import STATUSES

TEXT = (Path(__file__).parents[2] / "docs" / "epcis.md").read_text("utf-8")
NODE = "http://127.0.0.1:8000"


def requests():
    """Method, path, headers and body of every curl command of the document."""
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL):
        for command in re.split(r"^curl ", block, flags=re.MULTILINE)[1:]:
            method, headers, body, address = "GET", {}, None, ""
            words = iter(shlex.split(command))
            for word in words:
                if word == "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                elif word == "-X":
                    method = next(words)
                elif word == "-d":
                    method, body = "POST", next(words)
                else:
                    address = word
            yield method, address.removeprefix(NODE), headers, body


def send(api, token, method, path, headers, body):
    return api.ask(method, path, headers | token, data=body)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("document")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    with api_of(world) as api:
        token = api.token(world.party("Cangshan Farm"))
        first, *others = requests()
        with api.publishing():
            found = [send(api, token, *first)]
        for request in others:
            found.append(send(api, token, *request))
            world.publish()
        document = json.loads(others[0][3])
        alone = {"@context": document["@context"], **document["epcisBody"]["eventList"][1]}
        found.append(api.ask("POST", "/epcis/events", token, json=alone))
    world.store.close()
    return found


def test_every_example_is_answered_as_the_document_says(answers):
    assert [answer.status_code for answer in answers] == [201, 202, 200, 404, 201, 200, 204, 400]
    job, page, named = answers[1].json, answers[2], answers[5]
    assert (job["recorded"], [error["pointer"] for error in job["errors"]]) == (1, ["/epcisBody/eventList/1"])
    assert len(listed(page)) == 1
    assert page.headers["Link"].endswith('rel="next"')
    assert [each["bizStep"] for each in listed(named)] == ["shipping"]


def test_the_example_of_a_problem_document_is_one(answers):
    (told,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert json.loads(told) == answers[-1].json


def test_every_status_of_a_refusal_is_in_the_table():
    rows = re.findall(r"^\| ([0-9, ]+) \| ", TEXT, re.MULTILINE)
    assert {int(status) for row in rows for status in row.split(", ")} == set(REFUSED) - {405}


def test_every_code_of_what_http_refuses_is_named():
    codes = {code for _, code, _ in STATUSES.values()} - {OversizeError.code}
    assert all(f"`{code}`" in TEXT for code in codes)
