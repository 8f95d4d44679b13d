"""Nothing changes on somebody's behalf of which the trail says nothing: each unsafe route, each verb."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.acts import ACTS, WITHOUT
from tests.support.matrix import Site, site_with
from tests.support.objects import an_alarm
from tests.support.silent import changes_in, listening, silent
from tests.support.stage import Stage
from tests.support.verbs import CHANGES, READS, Desk, verbs
from tests.support.verbs import WITHOUT as OTHER_VERBS
from traceability.operations.accounts.people import change_person
from traceability.store.engine import Store
from webapp.signedin import SAFE


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    with site_with(tmp_path_factory.mktemp("trail")) as site, pytest.MonkeyPatch.context() as patch:
        for module in ("own", "signin"):
            patch.setattr(f"traceability.operations.accounts.{module}.is_password", lambda *_: True)
            patch.setattr("traceability.operations.accounts.own.hash_password", lambda _: "a hash")
        site.app.config["DEMO"] = True
        made = Stage(site)
        with made.store.transaction() as tx:
            change_person(tx, made.node, made.people["mate"].id, password="a hash")
        yield made


def unsafe(site: Site) -> set[str]:
    """Every endpoint of the application that something can be changed by."""
    return {rule.endpoint for rule in site.app.url_map.iter_rules() if set(rule.methods or ()) - SAFE}


def test_every_unsafe_route_is_gone_through(stage: Stage):
    assert sorted(unsafe(stage.site) - ACTS.keys() - WITHOUT.keys()) == [], "give it a row in acts.py"
    assert sorted((ACTS.keys() | WITHOUT.keys()) - unsafe(stage.site)) == []


@pytest.mark.parametrize("endpoint", ACTS)
def test_what_a_route_changed_is_in_the_trail(stage: Stage, endpoint: str):
    with listening() as commits:
        answer = ACTS[endpoint](stage)
    assert answer.status_code in {200, 201, 202, 204, 303}, answer.text
    assert changes_in(commits), f"{endpoint} changed nothing: {answer.text}"
    assert silent(commits) == [], f"{endpoint} wrote these tables, and nothing into the trail"


@pytest.fixture(scope="module")
def desk(stage: Stage, tmp_path_factory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    farm, dairy = (stage.site.world.party(name) for name in ("Desk", "Dairy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FT_DATA", str(stage.node.folder))
        patch.setenv("FT_DATABASE_URL", stage.store.url)
        patch.chdir(folder)
        alarm = an_alarm(stage.site, stage.party("firm"))["number"]
        store = Store(stage.store.url)  # by the clock of the command line
        yield Desk(stage.node, store, folder, farm, dairy, alarm)
        store.close()


def test_every_verb_is_gone_through():
    found, rows = set(verbs()), CHANGES.keys() | READS | OTHER_VERBS.keys()
    assert sorted(found - rows) == [], "give it a row in tests/support/verbs.py"
    assert sorted(rows - found) == []


@pytest.mark.parametrize("verb", CHANGES)
def test_what_a_verb_changed_is_in_the_trail(desk: Desk, verb: str):
    with listening() as commits:
        desk.run(*CHANGES[verb](desk))
    assert changes_in(commits), f"{verb} changed nothing"
    assert silent(commits) == [], f"{verb} wrote these tables, and nothing into the trail"


def test_the_page_says_in_words_what_was_done_and_the_file_in_codes(stage: Stage):
    for tongue, text in (("en", "Person disabled"), ("zh", "人员已停用")):
        page = stage.clients["firm"].get(f"/trail?lang={tongue}&action=person-disabled").text
        assert "<td data-label" in page
        assert page.count(text) >= 2, "in the list of what can be chosen, and in the row"
        assert ">person-disabled<" not in page
    assert ",person-disabled," in stage.clients["firm"].get("/trail.csv").text
