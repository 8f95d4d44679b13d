"""The recall workspace on the site: who sees and may do what, from a lot's code to the closed case."""

from __future__ import annotations

import re

import pytest

from tests.support.people import form, sign_in
from tests.support.recalls import LATE, MIX, NOTICE, YOGHURT, chain, make
from tests.support.web import site_of
from tests.support.world import make_world
from traceability.operations.accounts.roles import PartyKind, Role

OFFICE, FIRM, HOLDER = "/regulator/recalls", "/console/recalls", "/console/notices"
TEXTS = {
    "recallClass": "1",
    **{f"hazard-{tongue}": text for tongue, text in NOTICE.hazard.items()},
    **{f"advice-{tongue}": text for tongue, text in NOTICE.advice.items()},
    "contact": NOTICE.contact or "",
}


class Pages:
    """Clients of two of an authority, two of a farm, and people of others."""

    def __init__(self, world, app):
        self.world, self.app = world, app
        self.farm, self.packer, self.dairy = chain(world)
        office = world.party("Food Authority")
        world.publish()
        self.ben = self.client(office, PartyKind.AUTHORITY)
        self.ada = self.client(office, PartyKind.AUTHORITY, Role.WORKER)
        self.fay, self.fred = self.client(self.farm), self.client(self.farm)
        self.dan = self.client(self.dairy, PartyKind.PROCESSOR, Role.WORKER)
        self.pat = self.client(self.packer)

    def client(self, party, kind=PartyKind.PRODUCER, role=Role.MANAGER):
        return sign_in(self.app.test_client(), self.world.store, self.world.node, party, kind, role)

    def post(self, client, path, **fields):
        return client.post(f"{path}?lang=en", data=form(client, **fields))

    def open(self, client, where=OFFICE, lots="09520000000011/A", **more):
        answer = self.post(client, where, lots=lots, **more)
        assert answer.status_code == 303, answer.text
        return answer.location.partition("?")[0]

    def propose(self, client, case):
        seen = hidden(client.get(case).text, "seen")
        return self.post(client, f"{case}/propose", seen=seen, **TEXTS)

    def approve(self, client, case):
        digest = hidden(client.get(case).text, "digest")
        return self.post(client, f"{case}/approve", digest=digest)


def hidden(page, name):
    found = re.search(rf'name="{name}" value="([0-9a-f]+)"', page)
    assert found is not None, f"{name} is not on the page"
    return found[1]


@pytest.fixture
def pages(tmp_path):
    world = make_world(tmp_path / "node", f"sqlite:///{tmp_path / 'node' / 'site.sqlite'}")
    with site_of(world) as app:
        yield Pages(world, app)
    world.store.close()


def test_an_authority_recalls_by_two_persons_a_holder_answers_and_the_case_is_closed(pages):
    assert "There are no cases yet" in pages.ada.get(f"{OFFICE}?lang=en").text
    case = pages.open(pages.ada)
    page = pages.ada.get(f"{case}?lang=en").text
    assert "Scope: 3 things" in page
    assert "Shipped, and never received" in page
    assert '<span class="code">Y</span></bdi>' in page, "what was lost is named as on its label"
    assert "Computed at checkpoint" in page
    assert pages.propose(pages.ada, case).status_code == 303
    own = pages.ada.get(f"{case}?lang=en").text
    assert "Another person of your party approves it" in own
    assert "Approve, and issue" not in own
    assert pages.approve(pages.ben, case).status_code == 303
    pages.world.publish()
    batch = pages.app.test_client().get("/01/09520000000011/10/Y?lang=en").text
    assert 'class="recall recalled' in batch
    listed = pages.ada.get(f"{OFFICE}?lang=zh").text
    assert "<bdi>09520000000011</bdi>: <bdi>沙门氏菌</bdi>" in listed, "a card says what it is about"
    number = case.rpartition("/")[2]
    assert number in pages.dan.get(f"{HOLDER}?lang=en").text
    notice = f"{HOLDER}/{number}"
    assert "Should be left of it: 10 kg" in pages.dan.get(f"{notice}?lang=en").text
    assert pages.post(pages.dan, f"{notice}/acknowledge").status_code == 303
    said = {"thing": YOGHURT, "quarantined": "6.5", "sold": "4"}
    refused = pages.post(pages.dan, f"{notice}/answer", **said)
    assert (refused.status_code, 'value="6.5"' in refused.text) == (409, True)
    assert "more than should be there" in refused.text
    assert pages.post(pages.dan, f"{notice}/answer", **said | {"sold": "3"}).status_code == 303
    page = pages.ada.get(f"{case}?lang=en").text
    assert "1 of 3 holders acknowledged" in page
    assert "6.5 (65 %)" in page
    assert pages.post(pages.ada, f"{case}/close", outcome="removed", note="done").status_code == 303
    assert "removed from sale" in pages.ada.get(f"{case}?lang=en").text
    report = pages.ada.get(f"{case}/report.pdf")
    assert (report.content_type, report.data[:5]) == ("application/pdf", b"%PDF-")
    table = pages.ada.get(f"{case}/scope.csv")
    assert table.text.count("\n") == 4
    assert "attachment" in table.headers["Content-Disposition"]


def test_a_firm_recalls_its_own_lots_by_two_managers_and_others_see_nothing_of_it(pages):
    case = pages.open(pages.fay, FIRM)
    assert pages.propose(pages.fay, case).status_code == 303
    refused = pages.post(pages.fay, f"{case}/approve", digest="0" * 64)
    assert refused.status_code == 403
    for path in ("", "/scope.csv", "/report.pdf"):
        assert pages.pat.get(case + path).status_code == 404
    assert pages.post(pages.pat, f"{case}/withdraw").status_code == 404
    assert pages.ada.get(case.replace("/console", "/regulator")).status_code == 200
    assert pages.approve(pages.fred, case).status_code == 303
    number = case.rpartition("/")[2]
    acknowledged = pages.post(pages.dan, f"{HOLDER}/{number}/acknowledge")
    assert acknowledged.status_code == 303
    assert "worker-" in pages.ada.get(f"{OFFICE}/{number}").text
    assert "worker-" not in pages.fay.get(case).text, "no names of others' people"
    answer = pages.post(pages.fay, FIRM, lots="09520000000011/MIX")
    assert answer.status_code == 403


def test_who_may_not_is_refused_and_strangers_sign_in(pages):
    case = pages.open(pages.ada)
    viewer = pages.client(pages.farm, role=Role.VIEWER)
    looking = pages.client(pages.world.party("Other Authority"), PartyKind.AUTHORITY, Role.VIEWER)
    for path in (OFFICE, FIRM, case, HOLDER):
        assert pages.app.test_client().get(path).status_code == 303
        assert viewer.get(path).status_code == 403
    assert looking.get(case).status_code == 200
    assert "Propose a recall" not in looking.get(f"{case}?lang=en").text
    for step in ("hold", "propose", "withdraw", "approve", "close", "drop"):
        assert pages.post(looking, f"{case}/{step}", **TEXTS).status_code == 403
        assert pages.dan.post(f"{case}/{step}", data=TEXTS).status_code == 403, "no form text"
    assert pages.ada.get(f"{OFFICE}/R-20260101-000000").status_code == 404
    assert pages.dan.get(f"{HOLDER}/{case.rpartition('/')[2]}").status_code == 404


def test_what_changed_since_it_was_shown_is_shown_again_and_what_was_typed_stays(pages):
    case = pages.open(pages.ada)
    seen = hidden(pages.ada.get(case).text, "seen")
    make(pages.world, pages.packer, [MIX], LATE, 60)
    refused = pages.post(pages.ada, f"{case}/propose", seen=seen, **TEXTS)
    assert refused.status_code == 409
    assert "The scope changed since you looked" in refused.text
    assert 'value="Salmonella"' in refused.text
    assert "Scope: 4 things" in refused.text
    bad = pages.post(pages.ada, f"{case}/propose", seen=seen, **TEXTS | {"hazard-en": "", "contact": "x"})
    assert (bad.status_code, 'value="x"' in bad.text) == (400, True)
    wrong = pages.post(pages.ada, OFFICE, lots="nonsense/x")
    assert (wrong.status_code, "nonsense/x" in wrong.text) == (400, True)


def test_lots_are_held_by_one_person_and_a_case_is_dropped(pages):
    case = pages.open(pages.ada)
    seen = hidden(pages.ada.get(case).text, "seen")
    assert pages.post(pages.ada, f"{case}/hold", seen=seen, **TEXTS).status_code == 303
    assert "on hold" in pages.ada.get(f"{case}?lang=en").text
    assert pages.post(pages.ada, f"{case}/drop").status_code == 409
    other = pages.open(pages.ada)
    assert pages.post(pages.ada, f"{other}/drop", note="<b>").status_code == 303
    assert "dropped, nothing was signed" in pages.ada.get(f"{other}?lang=en").text


def test_a_drill_is_marked_everywhere_and_public_nowhere(pages):
    case = pages.open(pages.ada, drill="1")
    pages.propose(pages.ada, case)
    assert pages.approve(pages.ben, case).status_code == 303
    pages.world.publish()
    stranger, number = pages.app.test_client(), case.rpartition("/")[2]
    for path in ("/recalls", "/01/09520000000011/10/Y", "/01/09520000000011/10/A", "/epcis/events"):
        shown = stranger.get(path, headers={"GS1-EPCIS-Version": "2.0.0"})
        assert number not in shown.text
        assert "Salmonella" not in shown.text
    assert stranger.get(f"/recalls/{number}").status_code == 404
    assert "This is a drill" in pages.ada.get(f"{case}?lang=en").text
    assert "This is a drill" in pages.dan.get(f"{HOLDER}/{number}?lang=en").text
    assert pages.post(pages.ada, f"{case}/close").status_code == 303
