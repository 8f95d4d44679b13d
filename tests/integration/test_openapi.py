"""The OpenAPI document is what the application does: the same routes, and no answer that it does not name."""

from __future__ import annotations

import re

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.tokens import Scope, new_token
from webapp.api.epcis.resource import Bounds
from webapp.api.problems import ROOMS

PATH = "/epcis/openapi.json"
HEADERS = {"Accept-Encoding": "identity"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    ignored_auth,
]
"""Whether a request is valid is more than a schema can say; what is answered is not."""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    world = make_world(folder / "node", f"sqlite:///{folder / 'node.sqlite'}")
    farm = world.party("Farm")
    text, _ = new_token(
        world.store, world.node, party=farm, scopes=Scope, days=1, name="farm", regulator=True
    )
    HEADERS["Authorization"] = f"Bearer {text}"
    world.harvest(farm, "L1")
    world.publish()
    with site_of(world, base_url="http://localhost") as made:
        made.extensions["epcis-bounds"] = Bounds(patience_s=0)
        yield made
    world.store.close()


def operations(app):
    """Paths and methods that the application serves."""
    return {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(ROOMS)
        for method in rule.methods - {"HEAD"}
    }


def test_it_is_openapi_3_1_and_names_every_route_and_method(app):
    document = app.test_client().get(PATH).json
    assert document["openapi"] == "3.1.0"
    told = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert told - {(path, "parameters") for path, _ in told} == operations(app)


def test_no_request_meets_an_answer_that_is_not_described(app):
    """Random requests to every operation: no 5xx, no status, header or body that is not named."""
    described = schemathesis.openapi.from_wsgi(PATH, app)
    tried = set()
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(
            max_examples=1 if operation.method == "options" else 6,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def check(case):
            case.call_and_validate(headers=HEADERS, checks=CHECKS)

        check()
        tried.add((operation.path, operation.method))
    assert operations(app) - tried == {(PATH, "get")}, "it reads its own description before"
